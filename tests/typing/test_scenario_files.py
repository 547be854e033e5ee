"""A scenario file as the design shows it runs to the letter and passes a strict type checker; mistakes in one do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.scenario.loader import load_workload
from tenantry.thresholds.parser import parse_threshold

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).with_name("design_example.txt").read_text("utf-8")
DATASET = """
class Clinic:
    name: str = "clinic"

clinic = Clinic()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "clinic_dataset.py").write_text(DATASET)
    return folder


def check(folder: Path, name: str, text: str, *options: str) -> str:
    """What mypy --strict has to say about a file."""
    (folder / name).write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(folder / "cache"), *options, name]
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={"MYPYPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}
    )
    assert ran.returncode in (0, 1), ran.stderr
    return "" if ran.returncode == 0 else ran.stdout


def test_the_example_is_typed_throughout(folder: Path) -> None:
    assert "-> dict:" in EXAMPLE, "the one bare generic, which --strict alone would refuse in any code"
    assert check(folder, "clinic.py", EXAMPLE, "--allow-any-generics") == ""
    assert check(folder, "strict.py", EXAMPLE.replace("-> dict:", "-> dict[str, str]:")) == ""


def test_the_example_loads_and_plans(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "clinic.py").write_text(EXAMPLE)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        mixed = load_workload("clinic.py:mixed")
    finally:
        for title in ("clinic", "clinic_dataset"):
            sys.modules.pop(title, None)
    plan = mixed.plan(target="http://127.0.0.1:8000", overrides={"rate": "200/s", "duration": "30s"}, tenants=200)
    assert mixed.setup is not None
    assert plan.streams[0].scenarios == (("dashboard", 35.0), ("booking", 10.0))
    assert (plan.streams[0].profile.kind, plan.dataset) == ("constant_rate", "clinic")
    assert [parse_threshold(text).conditions[0].metric for text in plan.thresholds] == ["response_time", "failures", "checks"]


REST = """
from tenantry import CheckFailed, Response, Row, Vu, Workload
from tenantry import constant_rate, constant_vus, load_workload, on_start, on_stop, scenario, setup, teardown, workload
from tenantry.feeders import from_csv, from_iterable, from_parquet, from_sql
from tenantry.metrics import Counter, counter, gauge, rate, trend
from tenantry.tenants import by_tier, zipf

orders: Counter = counter("orders", unit="orders")
stock, cached, queued = gauge("stock"), rate("cached"), trend("queued", unit="s")
accounts = from_csv("accounts.csv", order="unique", on_end="stop", columns=("email",))
sizes = from_iterable([1, 2, 3], order="random")
rows, products = from_parquet("rows.parquet"), from_sql("SELECT id FROM products ORDER BY id", dsn_env="SHOP_URL")


@setup(timeout="2m")
async def ready(vu: Vu) -> int:
    return 1


@on_start
async def log_in(vu: Vu) -> None:
    await vu.post("/session", data=accounts.next(vu))


@on_stop(timeout=5)
async def log_out(vu: Vu) -> None:
    await vu.delete("/session")


@teardown
async def done(vu: Vu) -> None:
    await vu.delete("/x/{id}", id=vu.shared)


@scenario(name="a", tags={"kind": "read"})
async def first(vu: Vu) -> None:
    page: Response = await vu.get("/x", params={"a": 1, "b": [1, 2]}, headers={"a": "b"}, expect=200, timeout="5s", name="x")
    pet: Row = vu.pick("pets", species="cat")
    held: bool = vu.check("ok", page.ok)
    length: float = page.service_time_s
    await vu.post("/x", data={"a": pet.id, "b": held, "c": length, "d": vu.user.email})
    await vu.put("/x", data=b"x")
    await vu.request("PURGE", "/x", json=None)
    with vu.group("checkout", tags={"kind": "write"}):
        size: int = sizes.next(vu)
        mail: str = accounts.next(vu)["email"]
        orders.add(size, tags={"mail": mail})
        stock.set(7)
        cached.add(held)
        queued.add(length)
        await vu.get("/x", tags={"attempt": "1"})


@scenario
async def second(vu: Vu) -> None:
    await first(vu)
    await vu.pause(1)


both: Workload = workload(first.at(constant_vus(1, "1s")), second.at(constant_rate(2.5, 10, max_vus=3)), thresholds=("failures < 1%",))
again: Workload = load_workload("x.py:both")
busy: Workload = workload(first, constant_vus(1, "1s"), tenant_choice=zipf(1.1), tenant_per="iteration", tag_names=["attempt"])
tiers: Workload = workload(first, constant_vus(1, "1s"), tenant_choice=by_tier({"pro": 1}, column="plan"))
"""


def test_the_rest_of_the_surface_is_typed(folder: Path) -> None:
    assert check(folder, "rest.py", REST) == ""


MISTAKES = [
    ("a scenario that is not async", "@scenario\ndef a(vu: Vu) -> None: ...", "Argument 1"),
    ("a scenario without virtual user", "@scenario\nasync def a() -> None: ...", "Argument 1"),
    ("a misspelt profile", "from tenantry import constant_vuss", 'no attribute "constant_vuss"'),
    ("a profile without limit of virtual users", "from tenantry import constant_rate\nconstant_rate('5/s', '1m')", "max_vus"),
    ("a status in words", "@scenario\nasync def a(vu: Vu) -> None:\n    await vu.get('/', expect='200')", "expect"),
    ("an await that is missing", "@scenario\nasync def a(vu: Vu) -> None:\n    vu.get('/').json()", 'no attribute "json"'),
    ("a trend of text", "from tenantry.metrics import trend\ntrend('x').add('slow')", 'expected "float"'),
    ("an order that does not exist", "from tenantry.feeders import from_csv\nfrom_csv('x.csv', order='shuffled')", "order"),
    (
        "a row of the wrong type",
        "from tenantry.feeders import from_iterable\nasync def a(vu: Vu) -> str:\n    return from_iterable([1]).next(vu)",
        "int",
    ),
    ("a tag that is no text", "@scenario(tags={'a': 1})\nasync def a(vu: Vu) -> None: ...", "Dict entry"),
    ("a dataset by name", "from tenantry import workload\nworkload(dataset='clinic')", "dataset"),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_found_by_the_type_checker(folder: Path, text: str, message: str) -> None:
    assert message in check(folder, "mistake.py", f"from tenantry import Vu, scenario\n{text}\n")
