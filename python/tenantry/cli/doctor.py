"""`tenantry doctor`: everything a run needs, one line each, with the command that fixes it."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import platform
import resource
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click

from tenantry.errors import Exit, TenantryError

WIDTH = 79
DEMO = ("asyncpg", "httptools", "starlette", "uvicorn", "uvloop")
STATIC = Path(__file__).parents[1] / "report" / "static"
SPARE_DESCRIPTORS = 100
GOOD_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer: `warn` makes a run slower or poorer, `fail` prevents it."""

    name: str
    result: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


def python_version() -> Iterator[Check]:
    fine = sys.version_info >= (3, 11)
    yield Check("Python", "ok" if fine else "fail", platform.python_version(), "" if fine else "install Python 3.11 or newer")


def native_module() -> Iterator[Check]:
    try:
        importlib.import_module("tenantry.engine")
    except ImportError as error:
        yield Check("engine", "fail", f"the native module does not load: {error}", "make native, or pip install --force-reinstall tenantry")
    else:
        yield Check("engine", "ok", "the native module loads")


def demo_packages() -> Iterator[Check]:
    missing = [name for name in DEMO if importlib.util.find_spec(name) is None]
    if missing:
        yield Check("demo", "warn", f"`tenantry demo` needs {', '.join(missing)}", "pip install 'tenantry[demo]'")
    else:
        yield Check("demo", "ok", "all packages of the extra are installed")


def web_assets() -> Iterator[Check]:
    if any(STATIC.glob("report.js")):
        yield Check("report", "ok", "the report's script is built")
    else:
        yield Check("report", "fail", "the report's script is not built", "make web")


def throwaway_postgres() -> Iterator[Check]:
    from tenantry.postgres import find_postgres, start_postgres

    try:
        source = find_postgres()
        begin = time.monotonic()
        with start_postgres(source):
            took = time.monotonic() - begin
    except TenantryError as fault:
        yield Check("Postgres", "fail", fault.what, fault.hint or "install Postgres, or name a running server with --dsn")
        return
    yield Check("Postgres", "ok", f"{source}, starts in {took:.1f} s")
    yield _statements(bool(source.has_pg_stat_statements), "apt-get install postgresql (the wheel has no extensions)")


def named_postgres(dsn: str) -> Iterator[Check]:
    from tenantry.postgres import find_postgres

    find_postgres(dsn)
    if importlib.util.find_spec("asyncpg") is None:
        yield Check("Postgres", "warn", "cannot look into the server without asyncpg", "pip install 'tenantry[demo]'")
        return
    try:
        version, preloaded, created = asyncio.run(_ask(dsn))
    except Exception as error:
        # The driver lets dozens of its own and the system's exceptions through; each of them means: not usable.
        yield Check("Postgres", "fail", f"the server cannot be used: {error or type(error).__name__}", "check the DSN and that it runs")
        return
    yield Check("Postgres", "ok", f"PostgreSQL {version}, the server of the given DSN")
    load = "set shared_preload_libraries = 'pg_stat_statements', restart the server, then: "
    yield _statements(preloaded and created, ("" if preloaded else load) + "CREATE EXTENSION pg_stat_statements")


async def _ask(dsn: str) -> tuple[str, bool, bool]:
    asyncpg: Any = importlib.import_module("asyncpg")
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        version = str(await connection.fetchval("SHOW server_version"))
        created = bool(await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'"))
        settings = await connection.fetchval("SELECT count(*) FROM pg_settings WHERE name = 'pg_stat_statements.max'")
        return version.split()[0], bool(settings), created
    finally:
        await connection.close()


def _statements(there: bool, fix: str) -> Check:
    if there:
        return Check("statements", "ok", "pg_stat_statements is there")
    return Check("statements", "warn", "no pg_stat_statements: no figures per SQL statement", fix)


def disk() -> Iterator[Check]:
    for name, folder in (("disk", Path.cwd()), ("temp disk", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free / 1e9
        result: Literal["ok", "warn", "fail"] = "ok" if free >= 2 else "warn" if free >= 0.3 else "fail"
        yield Check(name, result, f"{free:.1f} GB free in {folder}", "" if free >= 2 else "free some space; 2 GB is comfortable")


def file_descriptors() -> Iterator[Check]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        yield Check("open files", "ok", "no limit")
        return
    vus = max(0, soft - SPARE_DESCRIPTORS)
    more = "ulimit -n 65536" if hard == resource.RLIM_INFINITY or hard >= 65536 else f"ulimit -n {hard}"
    yield Check("open files", "ok" if vus >= 10_000 else "warn", f"a limit of {soft} allows about {vus} VUs", "" if vus >= 10_000 else more)


def clock() -> Iterator[Check]:
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    name = source.read_text().strip() if source.exists() else ""
    step = time.get_clock_info("monotonic").resolution
    begin = time.perf_counter_ns()
    for _ in range(10_000):
        time.monotonic_ns()
    cost = (time.perf_counter_ns() - begin) / 10_000
    fine = step <= 1e-6 and cost < 1000 and (not name or name in GOOD_CLOCKS)
    detail = f"{name or 'monotonic'}, {cost:.0f} ns a reading"
    yield Check(
        "clock", "ok" if fine else "warn", detail, "" if fine else "a slow clock: boot with clocksource=tsc, or use another machine"
    )


def schedule() -> Iterator[Check]:
    from datetime import UTC, datetime

    from tenantry.config import load_config
    from tenantry.results.scheduled import last_scheduled, overdue

    config = load_config()
    if config.schedule_s is None:
        return
    last = last_scheduled(config.runs)
    late = overdue(config.runs, config.schedule_s, datetime.now(UTC))
    if late:
        yield Check("schedule", "warn", late, "see why the scheduled job did not run, or start it by hand")
    elif last is None:
        yield Check("schedule", "warn", "no scheduled run yet", "tenantry init --ci github, or tenantry schedule --systemd")
    else:
        yield Check("schedule", "ok", f"the last scheduled run began at {last:%Y-%m-%d %H:%M} UTC")


def processors() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    usable = min(cores, quota) if quota else cores
    fix = "" if usable >= 2 else "give it 2 cores: app and generator disturb each other on one"
    yield Check("CPUs", "ok" if usable >= 2 else "warn", f"{usable:g} usable", fix)


def _cpu_quota() -> float | None:
    """What a container may use, in cores; None without a limit."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) / int(period)


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    python_version,
    native_module,
    demo_packages,
    web_assets,
    disk,
    file_descriptors,
    clock,
    processors,
    schedule,
)


def lines(check: Check) -> Iterator[str]:
    """A check for people, at most 80 columns wide where words allow it."""
    for mark, text in ((check.result, check.detail), ("", f"fix: {check.fix}" if check.fix else "")):
        head = f"{mark:<5} {check.name if mark else '':<11} "
        if text:
            flat = " ".join(text.split())
            yield from textwrap.wrap(flat, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


@click.command()
@click.option("--dsn", help="Check this running Postgres in place of a throwaway one.  [default: the environment variable DATABASE_URL]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(dsn: str | None, as_json: bool) -> int:
    """Check everything a run needs, each with the command that fixes it."""
    from tenantry.cli.dsn import named_dsn

    dsn = named_dsn(dsn)[0]
    found = [check for checks in CHECKS for check in checks()]
    found += named_postgres(dsn) if dsn else throwaway_postgres()
    code = Exit.USAGE if any(check.result == "fail" for check in found) else Exit.PASS
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": 1, "exit": int(code), "checks": [asdict(check) for check in found]}))
        return code
    for check in found:
        for line in lines(check):
            click.echo(line)
    return code
