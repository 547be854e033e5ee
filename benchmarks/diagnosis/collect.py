"""Observed runs of the clinic, each with one fault at one value under one shape of load, or with nothing wrong; kept to be scored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import click
from benchmarks.fault_runs import WARM_UP, Stage, served, tenantry

from tenantry.errors import TenantryError
from tenantry_clinic import faults
from tenantry_clinic.faults._model import Fault

FACTORS = (1.0, 0.6, 1.6, 0.8, 2.5)
# Rules are calibrated on these values of each parameter; the others are held out, to be scored on.
TUNED = FACTORS[:2]
# Of runs with nothing wrong the value is what their rate is multiplied by; or what the app manages on this machine, which these are about.
HEALTHY_RATES = (1.0, 0.3, 0.5, 0.75, 1.5, 2.0, 2.5, 3.0)
FILLING = (0.8, 1.0, 1.2, 1.5)
# What it manages is measured with so many users who do not wait, as many as it has connections, for so long.
USERS, MANAGED_S = 10, 4
SHAPES = ("plateau", "ramp")
# Faults that show under one load; the first one's.
PAIRS = (
    ("cache_stampede", "rls_per_row_function"),
    ("hot_row_lock", "slow_external_call"),
    ("app_cpu", "connection_churn"),
    ("event_loop_blocking", "noisy_tenant"),
    ("app_pool_small", "distant_database"),
    ("tenant_leak", "idle_in_transaction"),
)
LABEL = "injected.json"
_RAMP = """from dataclasses import replace

from tenantry import ramping_rate
from {module} import *

profile = ramping_rate(("{rise}s", "{rate}/s"), ("{hold}s", "{rate}/s"), start="{low}/s", max_vus=300)
{name} = replace({name}, parts=tuple(replace(part, profile=profile) for part in {name}.parts))
"""


@dataclass(frozen=True, slots=True)
class Injected:
    """What was built in; without `wrong` only the surroundings of the fault, so nothing is to be found.

    `beside` is a second fault; runs that differ by `again` alone have other random numbers. `slow`: the surroundings are slow themselves,
    so a run without the fault is not a healthy one. `fills`: the rate is `value` times what the app manages on this machine.
    """

    fault: str
    value: float
    shape: str
    wrong: bool
    beside: str = ""
    again: int = 0
    slow: bool = False
    fills: bool = False

    @property
    def folder(self) -> str:
        fault = f"{self.fault}+{self.beside}" if self.beside else self.fault
        turn = f"-{self.again}" if self.again else "-of-managed" if self.fills else ""
        return f"{fault}-{self.value:g}-{self.shape}-{'wrong' if self.wrong else 'healthy'}{turn}"


def values(fault: Fault) -> dict[float, tuple[float, int]]:
    """By each factor the default times it; where the parameter does not take that, or has it by another one, the default `again`."""
    found: dict[float, tuple[float, int]] = {}
    for factor in FACTORS:
        value = next(scaled(fault, (factor,)), fault.default)
        again = sum(turn > 0 for _, turn in found.values()) + 1
        found[factor] = (fault.default, again) if (value, 0) in found.values() else (value, 0)
    return found


def scaled(fault: Fault, factors: Iterable[float]) -> Iterator[float]:
    """The default times some factors, as far as the parameter takes that."""
    whole = float(fault.default).is_integer() and fault.least >= 1
    for factor in factors if fault.parameter else (1.0,):
        value = float(round(fault.default * factor)) if whole else fault.default * factor
        if fault.least <= value <= fault.most:
            yield value


def surroundings(injected: Injected) -> str:
    """What the run without the fault is: the same of all faults with this load, in this shape, on the plain app."""
    fault = faults.fault(injected.fault)
    plain = fault.healthy is None and not fault.scene
    return str((replace(fault.shown, moves=""), injected.shape, "" if plain else fault.summary))


def planned(names: Iterable[str], factors: Collection[float], shapes: Iterable[str]) -> Iterator[Injected]:
    """All runs: each fault at its values under each shape, and once healthy; some with a second fault beside the first."""
    for name in names:
        fault = faults.fault(name)
        slow = fault.healthy is not None or bool(fault.shown.server)
        for shape in shapes:
            if name == "none":
                yield from (Injected(name, value, shape, wrong=False) for value in HEALTHY_RATES)
                yield from (Injected(name, value, shape, wrong=False, fills=True) for value in FILLING)
            else:
                yield Injected(name, fault.default, shape, wrong=False, slow=slow)
                for factor, (value, again) in values(fault).items():
                    if factor in factors:
                        yield Injected(name, value, shape, wrong=True, again=again)
                yield from (Injected(name, fault.default, shape, wrong=True, beside=beside) for first, beside in PAIRS if first == name)


def is_usual(injected: Injected) -> bool:
    """Whether it is a run without the fault that those with it, and with others that have the same surroundings, are compared with."""
    return not injected.wrong and not injected.fills and (injected.fault != "none" or injected.value == 1)


def stored(runs: Path) -> dict[Path, Injected]:
    """The run folders with a label, and what it says."""
    return {label.parent: Injected(**json.loads(label.read_text())) for label in sorted(runs.glob(f"*/{LABEL}"))}


def missing(planned: Iterable[Injected], there: Mapping[Path, Injected]) -> Iterator[Injected]:
    """Those that are not there yet. One run without a fault is enough for all with the same surroundings."""
    folders, usual = {folder.name for folder in there}, {surroundings(each) for each in there.values() if is_usual(each)}
    for each in planned:
        around = surroundings(each)
        if each.folder not in folders and not (is_usual(each) and around in usual):
            yield each
            if is_usual(each):
                usual.add(around)


def collect(injected: Injected, stage: Stage, into: Path, seconds: int) -> None:
    """Carry out one observed run and keep its folder."""
    fault = faults.fault(injected.fault)
    with served(stage, injected.fault, injected.value, wrong=injected.wrong, beside=injected.beside) as (port, database, folder):
        target = f"http://127.0.0.1:{port}"
        environment = {"OBSERVED": stage.dsn(database), "TENANTRY_OBSERVE_DSN_ENV": "OBSERVED"}
        environment["TENANTRY_OBSERVE_METRICS"] = f"{target}/metrics"
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
        where = ["--target", target, "--tenants", str(fault.shown.tenants)]
        plain = f"{faults.LOADS}:{fault.shown.workload}"
        tenantry("run", plain, *where, "--runs", f"{folder}/warm", *_set(_rate(fault), WARM_UP), limit_s=120)
        usual = _managed(plain, where, Path(folder)) if injected.fills else _rate(fault)
        rate = usual * (injected.value if injected.fault == "none" else 1)
        spec, how = _shaped(fault, rate, injected.shape, Path(folder), seconds)
        how += ["--set", f"rng_seed={injected.again}"] if injected.again else []
        told = tenantry("run", spec, *where, "--runs", f"{folder}/runs", *how, limit_s=120 + seconds, **environment)
        if told["errors"] and not injected.wrong:
            raise RuntimeError(f"its scenarios raised errors: {told['errors'][0]['message']}")
        keep(told["run"], into, injected)


def _managed(spec: str, where: Sequence[str], folder: Path) -> float:
    """Iterations per second of users who do not wait between them."""
    how = ["--set", f"vus={USERS}", "--set", f"duration={MANAGED_S}s"]
    told = tenantry("run", spec, *where, "--runs", f"{folder}/managed", *how, limit_s=120)
    return float(told["totals"]["iterations"]) / MANAGED_S


def keep(run: str, into: Path, injected: Injected) -> None:
    """Move a run folder to where it is scored, with a label of what was built in."""
    kept = into / injected.folder
    shutil.rmtree(kept, ignore_errors=True)
    shutil.move(run, kept)
    (kept / LABEL).write_text(json.dumps(asdict(injected)))


def attempted(injected: Injected, carry_out: Callable[[], None]) -> bool:
    """Carry out one run and tell how it went; one that fails does not keep the others from being measured."""
    try:
        carry_out()
    except (RuntimeError, OSError, TenantryError, subprocess.TimeoutExpired) as error:
        click.echo(f"{injected.folder} could not be measured: {error}", err=True)
        return False
    click.echo(injected.folder)
    return True


def _rate(fault: Fault) -> float:
    return float(fault.shown.rate.removesuffix("/s"))


def _set(rate: float, duration: str) -> list[str]:
    return ["--set", f"rate={rate:g}/s", "--set", f"duration={duration}"]


def _shaped(fault: Fault, rate: float, shape: str, folder: Path, seconds: int) -> tuple[str, list[str]]:
    """The workload under a shape of load, with its settings."""
    if shape == "plateau":
        return f"{faults.LOADS}:{fault.shown.workload}", _set(rate, f"{seconds}s")
    names = {"module": faults.LOADS, "name": fault.shown.workload, "rate": f"{rate:g}", "low": f"{rate / 5:g}"}
    (folder / "ramped.py").write_text(_RAMP.format(**names, rise=round(seconds * 0.6), hold=seconds - round(seconds * 0.6)))
    return f"{folder}/ramped.py:{fault.shown.workload}", []


def _stage_of(injected: Injected) -> tuple[str, int]:
    fault = faults.fault(injected.fault)
    return str(sorted(_server(fault, injected).items())), fault.shown.tenants


def _server(fault: Fault, injected: Injected) -> Mapping[str, str]:
    return {**fault.shown.server, **(fault.server(injected.value) if injected.wrong else {})}


def _listed(factors: Iterable[float]) -> str:
    return ",".join(f"{factor:g}" for factor in factors)


@click.command()
@click.option("--runs", "into", required=True, type=click.Path(path_type=Path), help="Folder for the runs; those that are there are kept.")
@click.option("--only", default="", help="Names of faults with commas between them.  [default: all]")
@click.option("--seconds", default=20, show_default=True, type=click.IntRange(5, 120))
@click.option("--factors", default=_listed(FACTORS), show_default=True, help="What the default of each fault's parameter is multiplied by.")
@click.option("--shapes", default=",".join(SHAPES), show_default=True)
def main(into: Path, only: str, seconds: int, factors: str, shapes: str) -> None:
    """Carry out the runs that are not there yet."""
    into.mkdir(parents=True, exist_ok=True)
    names = [name.strip() for name in only.split(",") if name.strip()] or faults.names()
    chosen = [float(factor) for factor in factors.split(",")]
    if unknown := set(chosen) - set(FACTORS):
        raise click.UsageError(f"no such factors: {_listed(unknown)}; there are {_listed(FACTORS)}")
    todo = sorted(missing(planned(names, chosen, shapes.split(",")), stored(into)), key=_stage_of)
    stages = ExitStack()
    last: tuple[str, int] | None = None
    stage: Stage | None = None
    failed = 0
    with stages:
        for injected in todo:
            if stage is None or _stage_of(injected) != last:
                stages.close()
                last = _stage_of(injected)
                stage = Stage(stages, _server(faults.fault(injected.fault), injected), faults.fault(injected.fault).shown.tenants)
            failed += not attempted(injected, partial(collect, injected, stage, into, seconds))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
