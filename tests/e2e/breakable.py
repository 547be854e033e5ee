"""The clinic app in this process, which tests break in one answer at a time, and short loads against it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import uvicorn
from starlette.responses import FileResponse, Response

from tenantry import constant_rate, workload
from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.prepare import Prepared, prepare
from tenantry.processes import free_port
from tenantry.run import run_workload
from tenantry_clinic import scenarios, workloads
from tenantry_clinic.app import Blueprint, create_app
from tenantry_clinic.dataset import clinic
from tenantry_clinic.operations import Operation
from tenantry_clinic.settings import Settings
from tenantry_clinic.web import answer

TENANTS = 12
Spoil = Callable[[Any], Any]


@dataclass
class App:
    """The app in a thread of this process; `spoilt` changes answers by operation, `instead` answers without asking it."""

    port: int
    dsn: str
    runs: Path
    spoilt: dict[str, Spoil] = field(default_factory=dict)
    instead: dict[str, Callable[[], Response]] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Nothing is wrong any more."""
        self.spoilt, self.instead = {}, {}

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint(Settings(self.dsn, pool=8, fixed_today=date(2026, 1, 5), files=self.runs / "files"))
        blueprint.operations = {name: replace(each, endpoint=self._breakable(each)) for name, each in blueprint.operations.items()}
        return blueprint

    def _breakable(self, operation: Operation) -> Callable[..., Any]:
        @wraps(operation.endpoint)
        async def endpoint(call: Any, **values: Any) -> Response:
            if operation.name in self.instead:
                return self.instead[operation.name]()
            response: Response = await operation.endpoint(call, **values)
            spoil = self.spoilt.get(operation.name)
            if spoil is None:
                return response
            if isinstance(response, FileResponse):
                return Response(spoil(b""))
            return answer(spoil(json.loads(bytes(response.body))), response.status_code)

        return endpoint

    def run(self, workload: str, *, tenants: int = TENANTS, **overrides: str) -> dict[str, Any]:
        """A short load; the result as JSON."""
        wanted = {"rate": "20/s", "duration": "0.5s"} | overrides
        prepared = prepare(f"tenantry_clinic.workloads:{workload}", target=self.target, tenants=tenants, overrides=wanted)
        return run_workload(prepared, runs=self.runs).told

    def run_side_by_side(self, names: list[str]) -> dict[str, Any]:
        """Ten iterations of each of these scenarios, at the same time; the result as JSON."""
        parts = [getattr(scenarios, name).at(constant_rate("20/s", "0.5s", max_vus=20)) for name in names]
        load = replace(workload(*parts, dataset=clinic), hooks={"setup": workloads.app_is_ready})
        return run_workload(Prepared(load, load.plan(target=self.target, tenants=TENANTS), ()), runs=self.runs).told


@contextmanager
def breakable(dsn: str, folder: Path) -> Iterator[App]:
    """The app on this empty database, with twelve clinics."""
    seed(Population(clinic, TENANTS), dsn)
    app = App(free_port(), dsn, folder)
    server = uvicorn.Server(uvicorn.Config(create_app(app.blueprint()), port=app.port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    yield app
    server.should_exit = True
    thread.join()


def failed_checks(told: dict[str, Any]) -> set[str]:
    return {check["name"] for check in told["checks"] if check["fails"]}


def with_values(**values: Any) -> Spoil:
    return lambda page: {**page, **values}
