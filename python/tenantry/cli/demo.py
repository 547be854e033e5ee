"""`tenantry demo`: the reference app on a throwaway Postgres, seeded, loaded and judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli import options
from tenantry.cli.experiment import block_ns, experimenting
from tenantry.errors import EnvironmentFault, TenantryError, UsageError, UsageErrors

if TYPE_CHECKING:
    from tenantry.cli.demo_app import App
    from tenantry.config import Config
    from tenantry.datasets.population import Population
    from tenantry.postgres import Postgres
    from tenantry.prepare import Prepared
    from tenantry.run import Finished

APP = "tenantry_clinic"
WORKLOADS = f"{APP}.workloads"


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
@experimenting
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
    experiment: bool,
    block: str | None,
    processes: str | None,
    runs: Path | None,
    dsn_env: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Seed, load and judge the reference clinic app on a throwaway Postgres.

    Nothing to configure, half a minute; everything that is started is stopped again. With --experiment the remedies of the first
    findings are tried on it, which takes two blocks for each and one more.
    """
    from tenantry.config import load_config
    from tenantry.interrupts import stop_on_terminate

    _need_extras()
    config = load_config({"runs": str(runs) if runs else None, "run.processes": processes})
    shown = _shown(choices)
    stage = replace(
        shown,
        tenants=tenants or shown.tenants,
        workload=f"{WORKLOADS}:{workload}" if workload else shown.workload,
        rate=rate or (None if workload else shown.rate),
    )
    demo = _Demo(stage, duration, config, quiet=quiet, block_ns=block_ns(block, wanted=experiment))
    with stop_on_terminate():
        return demo.play(_dsn(dsn_env), as_json=as_json)


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


class _Demo:
    def __init__(self, stage: Stage, duration: str, config: Config, *, quiet: bool, block_ns: int | None) -> None:
        self.stage, self.duration, self.config, self.quiet, self.block_ns = stage, duration, config, quiet, block_ns
        self._begun = time.monotonic()

    def play(self, dsn: str | None, *, as_json: bool) -> int:
        """Postgres, schema, population, app, load, result; stops what it started, in reverse. Returns the exit code."""
        from tenantry.cli.demo_app import App
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
            env = {"CLINIC_DSN": postgres.dsn, "CLINIC_TODAY": today}
            app = App(stack, pool=self.stage.pool, workers=self.stage.workers, faults=self.stage.faults, env=env, port=port)
            app.start()
            self._say(f"the clinic app listens on {prepared.plan.target}; loading it for {self.duration}")
            # Before anything is stopped: who presses Ctrl-C once more has the result all the same.
            finished = self._load(prepared, postgres.dsn)
            try:
                finished = self._experiment(finished, prepared, app, postgres.dsn)
            except TenantryError:
                show(finished, as_json=as_json)
                raise
            return show(finished, as_json=as_json)

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

    def _experiment(self, finished: Finished, prepared: Prepared, app: App, dsn: str) -> Finished:
        """The same result with what came of trying the remedies, if they should be: this database and app are there for nothing else."""
        from tenantry.cli.experiment import carry_out
        from tenantry.diagnose.answer import diagnose
        from tenantry.experiment.model import Restart, Site
        from tenantry.results import open_run

        if self.block_ns is None or finished.told["about"]["end"] != "finished":
            return finished
        folder = Path(finished.told["run"])
        site = Site(dsn, restart=Restart(app.start, 2 * self.stage.pool))
        carry_out(folder, prepared, site, self.block_ns, quiet=self.quiet)
        with open_run(folder) as run:
            told = diagnose(run).as_dict()
        return replace(finished, told={**finished.told, "findings": told["findings"], "diagnosis": told})

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
