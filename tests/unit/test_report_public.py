"""The report for strangers: what it must not tell, and what it still does."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

from runfolder import RunFolder, clinic_run

from tenantry.report.document import page_document
from tenantry.report.html import render
from tenantry.report.public import public
from tenantry.results import open_run

SECRETS = (
    "app.internal.example",
    "tok-5ecret",
    "clinic-of-dr-vet",
    "EPYC",
    "6.1.0-secret",
    "3.11.99",
    "0123abc",
    "/home/alice",
    "jane@clinic",
)


def secret_run() -> RunFolder:
    raw = clinic_run(5)
    target = "https://app.internal.example:8443"
    raw.manifest = {
        "target": target,
        "command": ["tenantry", "run", "/home/alice/load.py:mixed", "--header", "tok-5ecret"],
        "machine": {"cpu": "EPYC", "cores": 2, "memory_bytes": 1, "kernel": "6.1.0-secret", "python": "3.11.99"},
        "dataset": {"name": "clinic-of-dr-vet", "tenants": 200, "rng_seed": 1},
    }
    for one in raw.requests:
        one.name = one.name.replace("GET /api/search", f"GET {target}/api/search")
        one.detail = "500: no such user jane@clinic at app.internal.example" if one.kind else ""
    raw.errors = [
        {"scenario": "booking", "message": "KeyError: jane@clinic", "location": "/home/alice/clinic.py:41", "count": 1, "first_second": 3}
    ]
    raw.events = [(0, "note", f"deployed to {target} from /home/alice/app")]
    return raw


def everything(page: str) -> str:
    """The page with what it carries for its script."""
    packed = re.search(r'id="data">([^<]+)<', page)
    assert packed is not None
    return page.replace(packed[1], gzip.decompress(base64.b64decode(packed[1])).decode())


def test_nothing_that_strangers_must_not_see_is_anywhere_in_the_page(tmp_path: Path) -> None:
    with open_run(secret_run().write(tmp_path / "a-private-name")) as run:
        told = page_document(run)
    assert all(secret in everything(render(told)) for secret in SECRETS)
    page = everything(render(public(told)))
    assert [secret for secret in (*SECRETS, "a-private-name", str(tmp_path)) if secret in page] == []


def test_figures_and_names_stay(tmp_path: Path) -> None:
    with open_run(secret_run().write(tmp_path / "run")) as run:
        told = page_document(run)
    shown = public(told)
    assert shown["totals"] == told["totals"]
    assert shown["timeline"] == told["timeline"]
    assert [row["name"] for row in shown["checks"]] == [row["name"] for row in told["checks"]]
    assert [row["count"] for row in shown["failures"]] == [row["count"] for row in told["failures"]]
    assert [row["tenant"] for row in shown["tenants"]["worst"]] == [f"worst {at}" for at, _ in enumerate(told["tenants"]["worst"], 1)]
    assert "brush" in json.loads(_payload(render(shown)))


def _payload(page: str) -> str:
    packed = re.search(r'id="data">([^<]+)<', page)
    assert packed is not None
    return gzip.decompress(base64.b64decode(packed[1])).decode()
