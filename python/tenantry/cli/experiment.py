"""`--experiment` of `diagnose` and `demo`: what it may touch, the load of the run once more, and progress."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from tenantry.errors import UsageError

if TYPE_CHECKING:
    from tenantry.config import Config
    from tenantry.experiment.model import Site
    from tenantry.prepare import Prepared
    from tenantry.results.manifest import Manifest
    from tenantry.run import Finished

F = TypeVar("F", bound=Callable[..., Any])
BLOCK = "15s"
_OPTIONS = (
    click.option("--experiment", is_flag=True, help="Try the remedies of the first findings, on a target marked as disposable; undo them."),
    click.option("--block", metavar="TIME", help=f"How long each block of --experiment is.  [default: {BLOCK}]"),
)


def experimenting(command: F) -> F:
    """Give a command the options of experiments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def block_ns(given: str | None, *, wanted: bool) -> int | None:
    """The length of a block, None without an experiment; raises UsageError for one that is too short, or given without an experiment."""
    if not wanted:
        if given is not None:
            raise UsageError("--block without --experiment says nothing", hint="add --experiment")
        return None
    from tenantry.experiment.carry_out import LEAST_BLOCK_NS
    from tenantry.units import duration_ns, write_duration

    length_ns = duration_ns(given or BLOCK, what="--block")
    if length_ns < LEAST_BLOCK_NS:
        raise UsageError(f"{given} is too short to compare", where="--block", hint=f"give {write_duration(LEAST_BLOCK_NS)} or more")
    return length_ns


def on_stored(folder: Path, config: Config, length_ns: int, *, quiet: bool) -> None:
    """Try the remedies of a stored run's findings on its target."""
    from tenantry.results.manifest import read_manifest

    manifest = read_manifest(folder)
    site = _site(config, manifest.target)
    carry_out(folder, _prepared_again(manifest, folder), site, length_ns, quiet=quiet)


def undo(config: Config) -> list[str]:
    """Undo what an experiment that was killed has left in the owner's database; the statements that were carried out."""
    from tenantry.experiment.ledger import opened
    from tenantry.experiment.model import Site

    with opened(Site(_dsn(config), config.allow)) as ledger:
        return ledger.was_left


def carry_out(folder: Path, base: Prepared, site: Site, length_ns: int, *, quiet: bool) -> None:
    """The experiments, with a line for each block on stderr, and a live view of it on a terminal."""
    from tenantry.experiment.carry_out import experiment
    from tenantry.interrupts import stop_on_terminate
    from tenantry.report.live import LiveView, is_animated
    from tenantry.run import run_workload

    def measure(prepared: Prepared, place: Path) -> Finished:
        with LiveView() as view:
            # Where nothing can be redrawn, the line of each block is enough.
            view.quiet = not is_animated(view.console, quiet=quiet)
            return run_workload(prepared, runs=place, command=sys.argv, on_progress=view.show, on_note=view.note)

    def say(text: str) -> None:
        if not quiet:
            click.echo(f"experiment: {text}", err=True)

    with stop_on_terminate():
        experiment(folder, base, site, block_ns=length_ns, carry_out=measure, say=say)


def _site(config: Config, target: str) -> Site:
    """The target's app and the owner's database; raises UsageError unless both are marked as disposable."""
    from tenantry.datasets.database import place_of
    from tenantry.experiment.model import Site

    parts = urlsplit(target)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    dsn = _dsn(config)
    unmarked = [place for place in (f"{parts.hostname}:{port}", place_of(dsn)) if place not in config.disposable]
    if unmarked:
        listed = ", ".join(f'"{place}"' for place in (*config.disposable, *unmarked))
        what = f"{' and '.join(unmarked)} may not be changed by an experiment: nothing was sent or changed"
        hint = f"if nobody else needs what is there, write in tenantry.toml: [safety] disposable = [{listed}]"
        raise UsageError(what, where="--experiment", hint=hint)
    return Site(dsn, config.allow)


def _dsn(config: Config) -> str:
    if config.dsn is None:
        name = config.values["dsn_env"].value
        what = f"the environment variable {name} is not set: an experiment changes the database as its owner"
        raise UsageError(what, where="--experiment", hint=f"export {name}=postgresql://OWNER:PASSWORD@HOST:PORT/DATABASE")
    return config.dsn


def _prepared_again(manifest: Manifest, folder: Path) -> Prepared:
    """The workload of the run with its overrides; raises UsageError when that is another load by now."""
    import msgspec

    from tenantry.cli.runner import prepared
    from tenantry.config import load_config

    source = manifest.source
    if source is None:
        what = "the run does not say which workload it carried out, so its load cannot be repeated"
        raise UsageError(what, where=str(folder), hint="carry out the workload once more with `tenantry run`, and diagnose that run")
    flags: dict[str, object] = {"target": manifest.target, "workload": source["workload"]}
    flags["run.set"] = [f"{key}={value}" for key, value in source["set"].items()]
    flags["run.processes"] = str(manifest.plan.get("processes") or 1)
    again = prepared(load_config(flags), tenants=manifest.plan.get("tenants"), confirm=None, tags={})
    plan = msgspec.json.decode(msgspec.json.encode(again.plan.as_dict()))
    other = [part for part in ("streams", "scenarios", "tenant_choice", "http") if plan[part] != manifest.plan.get(part)]
    if other:
        what = f"the workload is no longer what the run carried out: {', '.join(other)} of its plan differ"
        raise UsageError(what, where=source["workload"], hint="run it once more, and diagnose that run")
    return again
