"""`tenantry observe`: the observer of a run by itself, without load."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli import options
from tenantry.errors import EnvironmentFault, Exit, UsageError

if TYPE_CHECKING:
    from tenantry.config import Config
    from tenantry.interrupts import Interrupts
    from tenantry.observe.observer import Observer
    from tenantry.observe.settings import Observing

_DOCUMENT = "observed.json"


@click.command()
@click.option("--for", "length", default="60s", show_default=True, metavar="TIME", help="How long to watch.")
@click.option("--dsn-env", metavar="NAME", help="Environment variable that holds the DSN of a role with pg_monitor.")
@click.option("--target", help="Base URL of the app: the processes that listen there are watched, if that is on this machine.")
@options.runs
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="A new folder to write to instead.")
@options.json
@click.option("--quiet", is_flag=True, help="Say nothing on stderr.")
def command(length: str, dsn_env: str | None, target: str | None, runs: Path | None, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Watch what `[observe]` of the configuration names, send nothing, and say what was seen.

    Ctrl-C ends it sooner.

    \b
    Exit code: 0 watched, 2 wrong usage, or it could not be watched,
    130 interrupted; what was seen until then is told.
    """
    import msgspec

    from tenantry.config import load_config
    from tenantry.interrupts import Interrupts
    from tenantry.observe.observer import Observer
    from tenantry.observe.summary import summary
    from tenantry.report.observed import print_observed
    from tenantry.report.text import console
    from tenantry.units import NS, duration_ns

    length_s = duration_ns(length, what="--for") / NS
    if length_s < 1:
        raise UsageError("there is nothing to be seen in less than a second", where="--for", hint="give a time such as 60s")
    config = load_config({"target": target, "runs": str(runs) if runs else None, "observe.dsn_env": dsn_env})
    settings = _settings(config)
    folder = _folder(out, config.runs)
    observer = Observer(settings, folder)
    with Interrupts() as interrupts:
        was_interrupted = asyncio.run(_watch(observer, length_s, interrupts, quiet))
    document = {**summary(folder), "notes": observer.notes}
    (folder / _DOCUMENT).write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    if as_json:
        click.echo(msgspec.json.encode(document))
    else:
        print_observed(document, console())
    return int(Exit.INTERRUPTED if was_interrupted else Exit.PASS)


def _settings(config: Config) -> Observing:
    from tenantry.cli.runner import observing
    from tenantry.observe.settings import Observing

    found = observing(config, config.target or "")
    if found is None and config.target is None:
        hint = "name a variable with a DSN in it: --dsn-env DATABASE_URL, or [observe] dsn_env; see docs/observe.md"
        raise UsageError("there is nothing to watch", where="observe", hint=hint)
    return replace(found or Observing(target=config.target or ""), loads=False)


def _folder(out: Path | None, runs: Path) -> Path:
    from tenantry.folder import new_folder

    if out is None:
        return new_folder(runs, "observe")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise UsageError("the folder is not empty", where=str(out), hint="name a new one")
    except OSError as error:
        raise EnvironmentFault(f"nothing can be stored there: {error.strerror}", where=str(out), hint="name another folder") from error
    return out


async def _watch(observer: Observer, length_s: float, interrupts: Interrupts, quiet: bool) -> bool:
    """Let it watch for so long; returns whether Ctrl-C came."""
    over = asyncio.Event()
    with interrupts.listen(asyncio.get_running_loop(), over.set):
        await observer.open()
        if not observer.watches:
            await observer.close(wait=False)
            raise EnvironmentFault("; ".join(observer.notes))
        if not quiet:
            for line in (*observer.notes, f"watching for {length_s:g} s; Ctrl-C ends it sooner"):
                click.echo(line, err=True)
        observer.begin(time.monotonic_ns())
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), length_s)
        observer.load_ended()
        await observer.close(wait=True)
        return over.is_set()
