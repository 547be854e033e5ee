"""The examples of the documents are what they seem: complete ones pass a strict type checker, load, plan, and the first one runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pages import PAGES, ROOT, Document

from tenantry.datasets import Dataset
from tenantry.datasets.find import load_dataset
from tenantry.datasets.population import Population
from tenantry.errors import Exit
from tenantry.prepare import prepare

# A block that begins with a docstring is a whole file; the others are parts of one.
EXAMPLES = {
    f"{page.stem}-{number}": block.text
    for page in PAGES
    for number, block in enumerate(Document(page).blocks("python"))
    if block.text.startswith('"""')
}
WORKLOADS = [title for title, text in EXAMPLES.items() if "workload(" in text]
PARTS = [block.text for page in PAGES for block in Document(page).blocks("python") if not block.text.startswith('"""')]


def module(title: str) -> str:
    return f"example_{title.lower().replace('-', '_')}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All complete examples, each as a file."""
    folder = tmp_path_factory.mktemp("examples")
    for title, text in EXAMPLES.items():
        (folder / f"{module(title)}.py").write_text(text)
    (folder / "accounts.csv").write_text("email,password\na@example.com,secret\n")
    return folder


@pytest.fixture
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in that folder, and forget what was imported from it."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    for title in EXAMPLES:
        sys.modules.pop(module(title), None)


def test_the_readme_and_the_documents_have_complete_examples() -> None:
    assert "README-0" in EXAMPLES
    assert len(WORKLOADS) >= 4


def test_all_complete_examples_are_typed_throughout(folder: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(folder / "cache"), "."]
    environment = {"MYPYPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("text", PARTS, ids=[text.partition("\n")[0][:40] for text in PARTS])
def test_a_part_of_a_file_is_python(text: str) -> None:
    assert compile(f"async def part():\n    {text.replace(chr(10), chr(10) + '    ')}", "part", "exec")


@pytest.mark.parametrize("title", WORKLOADS)
def test_the_workload_of_an_example_can_be_planned_without_a_fault(in_folder: Path, title: str) -> None:
    prepared = prepare(f"{module(title)}.py", target="http://127.0.0.1:8000")
    assert prepared.plan.duration_ns > 0


def test_the_dataset_of_the_document_has_the_rows_that_it_declares(in_folder: Path) -> None:
    (title,) = [title for title, text in EXAMPLES.items() if "Dataset(" in text]
    dataset = load_dataset(f"{module(title)}.py")
    assert isinstance(dataset, Dataset)
    population = Population(dataset)
    assert (population.count("clubs"), population.count("members")) == (50, 1000)
    tenant, user = population.tenant(49), population.row("members", 49, 0)
    assert (tenant.slug, user.id, user.role) == ("loadtest-00050", 49 * 20 + 1, "chair")
    assert population.identity(tenant, user) == {"x-club": "loadtest-00050", "x-member": "981"}


class Shop(BaseHTTPRequestHandler):
    """The app that the README's scenario is written for: products, and orders that can be read back; every third is sold out."""

    protocol_version = "HTTP/1.1"
    orders = 0

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {"currency": "EUR"})
        elif self.path.startswith("/products?page="):
            self.answer(200, {"products": [{"id": 7}]})
        else:
            self.answer(200 if self.path.startswith("/orders/") else 404, {"product": 7})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Shop.orders += 1
        right = self.path == "/orders" and asked == {"product": 7, "currency": "EUR"}
        self.answer((409 if Shop.orders % 3 == 0 else 201) if right else 400, {"id": Shop.orders})

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the name is that of the standard library


@pytest.fixture
def shop() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_first_scenario_of_the_readme_runs_as_it_is_printed(tmp_path: Path, shop: str) -> None:
    (tmp_path / "shop.py").write_text(EXAMPLES["README-0"])
    command = [str(Path(sys.executable).with_name("tenantry")), "run", "shop.py:mixed", "--target", shop, "--set", "duration=9s", "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode in (Exit.PASS, Exit.THRESHOLD, Exit.INVALID), f"a busy machine may spoil the times, nothing else: {ran.stderr}"
    told = json.loads(ran.stdout)
    assert (told["totals"]["errors"], told["totals"]["failures"]) == (0, 0)
    names = {series["name"]: series["requests"] for series in told["series"]}
    assert set(names) == {"GET /products", "POST /orders", "GET /orders/{id}"}
    assert names["GET /products"] + names["POST /orders"] == 9 * 20
    assert names["POST /orders"] == Shop.orders
    assert names["GET /orders/{id}"] == Shop.orders - Shop.orders // 3
    assert {check["name"]: check["fails"] for check in told["checks"]} == {"has products": 0, "order can be read back": 0}
