"""`tenantry demo`: the reference app on a throwaway Postgres, seeded, loaded and judged."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from tenantry.cli import options
from tenantry.errors import EnvironmentFault, Interrupted, UsageError, UsageErrors

if TYPE_CHECKING:
    from tenantry.config import Config
    from tenantry.datasets.population import Population
    from tenantry.postgres import Postgres
    from tenantry.prepare import Prepared
    from tenantry.run import Finished

APP = "tenantry_clinic"
WORKLOADS = f"{APP}.workloads"
_READY_S = 120.0


@click.command()
@click.option("--tenants", type=click.IntRange(1, 100_000), help="How many clinics to seed.  [default: 200]")
@click.option("--duration", default="20s", show_default=True, help="Length of the load.")
@click.option("--rate", help="Iterations per second, for example 80/s.  [default: the workload's own]")
@click.option("--workload", help=f"A workload of {WORKLOADS}.  [default: demo]")
@click.option(
    "--fault",
    "choices",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Build a bottleneck into the app, and load it so that it shows; may be repeated. `python -m tenantry_clinic faults` lists them.",
)
@options.processes
@options.runs
@click.option("--dsn-env", help="Name of an environment variable with the DSN of an empty database to use instead of a throwaway server.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    tenants: int | None,
    duration: str,
    rate: str | None,
    workload: str | None,
    choices: tuple[str, ...],
    processes: str | None,
    runs: Path | None,
    dsn_env: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Seed, load and judge the reference clinic app on a throwaway Postgres.

    Nothing to configure, half a minute; everything that is started is stopped again.
    """
    from tenantry.config import load_config

    _need_extras()
    config = load_config({"runs": str(runs) if runs else None, "run.processes": processes})
    shown = _shown(choices)
    stage = replace(
        shown,
        tenants=tenants or shown.tenants,
        workload=f"{WORKLOADS}:{workload}" if workload else shown.workload,
        rate=rate or (None if workload else shown.rate),
    )
    with _stop_on_terminate():
        return _Demo(stage, duration, config, quiet).play(_dsn(dsn_env), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Stage:
    """What is shown: the app with its faults, settings of the server that they need, clinics, load."""

    workload: str = f"{WORKLOADS}:demo"
    rate: str | None = None
    tenants: int = 200
    pool: int = 12
    workers: int = 1
    faults: tuple[str, ...] = ()
    server: Mapping[str, str] = field(default_factory=dict)


def _shown(choices: tuple[str, ...]) -> Stage:
    """The stage on which faults are seen: the load of the first one. The app itself tells, as a process: tenantry does not import it."""
    if not choices:
        return Stage()
    asked = subprocess.run([sys.executable, "-m", APP, "faults", "--json", "--", *choices], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise UsageError(asked.stderr.strip().rpartition("Error: ")[2], where="--fault", hint=f"python -m {APP} faults lists them")
    known = json.loads(asked.stdout)
    first = known[0]["shown"]
    parts = {name: first[name] for name in ("workload", "rate", "tenants", "pool", "workers")}
    server = {name: setting for fault in known for name, setting in fault["server"].items()}
    return Stage(**parts, faults=choices, server=server)


def _dsn(name: str | None) -> str | None:
    if name and not os.environ.get(name):
        hint = f"export {name}=postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or leave out --dsn-env"
        raise UsageError(f"the environment variable {name} is not set", where="--dsn-env", hint=hint)
    return os.environ[name] if name else None


def _need_extras() -> None:
    from importlib.util import find_spec

    needed = (APP, "asyncpg", "starlette", "uvicorn", "httptools", "uvloop", "httpx", "jwt", "python_multipart", "prometheus_client")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise EnvironmentFault(f"the demo needs {', '.join(missing)}", hint="pip install 'tenantry[demo]'")


@contextmanager
def _stop_on_terminate() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that everything that was started is stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; everything that was started is stopped") from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Demo:
    def __init__(self, stage: Stage, duration: str, config: Config, quiet: bool) -> None:
        self.stage, self.duration, self.config, self.quiet = stage, duration, config, quiet
        self._begun = time.monotonic()

    def play(self, dsn: str | None, *, as_json: bool) -> int:
        """Postgres, schema, population, app, load, result; stops what it started, in reverse. Returns the exit code."""
        from tenantry.cli.result import show
        from tenantry.load import population_of
        from tenantry.postgres import find_postgres, start_postgres
        from tenantry.processes import free_port

        port = free_port()
        prepared = self._prepare(f"http://127.0.0.1:{port}")
        with ExitStack() as stack:
            source = find_postgres(dsn)
            self._say(f"starting {source}")
            postgres = stack.enter_context(start_postgres(source, settings=self.stage.server))
            population = population_of(prepared.workload, prepared.plan)
            assert population is not None, "every workload of the clinic has its dataset"
            self._seed(postgres.dsn, population)
            _count_statements(postgres)
            today = population.dataset.anchor.isoformat()
            self._start_app(stack, {"CLINIC_DSN": postgres.dsn, "CLINIC_TODAY": today}, port)
            self._say(f"the clinic app listens on {prepared.plan.target}; loading it for {self.duration}")
            # Before anything is stopped: who presses Ctrl-C once more has the result all the same.
            return show(self._load(prepared, postgres.dsn), as_json=as_json)

    def _prepare(self, target: str) -> Prepared:
        from tenantry.prepare import prepare, shared_out

        try:
            settings = {"duration": self.duration} | ({"rate": self.stage.rate} if self.stage.rate else {})
            prepared = prepare(self.stage.workload, target=target, overrides=settings, tenants=self.stage.tenants)
        except UsageError as fault:
            raise _as_flags(fault) from None
        return shared_out(prepared, self.config.processes)

    def _seed(self, dsn: str, population: Population) -> None:
        from tenantry.cli.progress import Steps
        from tenantry.datasets.load import seed

        with Steps(quiet=self.quiet, transient=True) as steps:
            seeded = seed(population, dsn, on_progress=steps.show)
        rows = sum(seeded.rows.values())
        self._say(f"seeded and verified {rows:,} rows of {self.stage.tenants:,} clinics")

    def _start_app(self, stack: ExitStack, env: dict[str, str], port: int) -> None:
        from tenantry import processes
        from tenantry.processes import Guard

        guard = processes.undisturbed(lambda: Guard(folder=Path(tempfile.mkdtemp(prefix="tenantry-demo-"))), Guard.release)
        stack.callback(guard.release)
        assert guard.folder is not None
        size = ["--port", str(port), "--pool", str(self.stage.pool), "--workers", str(self.stage.workers)]
        faults = [word for fault in self.stage.faults for word in ("--fault", fault)]
        command = [sys.executable, "-m", APP, "serve", *size, *faults]
        environment = {"CLINIC_FILES": str(guard.folder / "files"), **os.environ, **env}
        log = guard.folder / "app.log"
        app = stack.enter_context(processes.start(command, name="the clinic app", log=log, env=environment, guard=guard))
        app.wait_until(lambda: processes.answers_http(port, "/api/health"), timeout_s=_READY_S)

    def _load(self, prepared: Prepared, dsn: str) -> Finished:
        from tenantry.observe.settings import Observing
        from tenantry.report.live import LiveView
        from tenantry.run import run_workload

        target = prepared.plan.target
        observing = Observing(dsn, metrics=(f"{target}/metrics",), target=target)
        # Where the hooks of a workload look for the database of its app.
        os.environ[str(self.config.values["dsn_env"].value)] = dsn
        with LiveView(quiet=self.quiet) as view:
            return run_workload(
                prepared, runs=self.config.runs, command=sys.argv, on_progress=view.show, on_note=view.note, observing=observing
            )

    def _say(self, text: str) -> None:
        if not self.quiet:
            click.echo(f"{time.monotonic() - self._begun:5.1f} s  {text}", err=True)


def _count_statements(postgres: Postgres) -> None:
    """Let our own server count statements, where it can."""
    from contextlib import closing

    from tenantry.engine import Database

    if postgres.folder is not None and postgres.source.has_pg_stat_statements:
        with closing(Database(postgres.dsn)) as database:
            database.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def _as_flags(fault: UsageError) -> UsageError:
    """The same in the words of this command: `--duration 0s`, not `--set duration=0s`."""
    faults = fault.faults if isinstance(fault, UsageErrors) else [fault]
    return UsageErrors([UsageError(each.what, where=re.sub(r"^--set (\w+)=", r"--\1 ", each.where), hint=each.hint) for each in faults])
