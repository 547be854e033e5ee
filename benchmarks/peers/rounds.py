"""Alternating rounds of all tools, so that noise of the machine hits all alike, and what comes out of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.machine import Cores
from benchmarks.nginx import Nginx
from benchmarks.noise import Watch
from benchmarks.peers.tools import Load, Tool
from benchmarks.process import Ended, run_pinned


@dataclass(frozen=True, slots=True)
class Round:
    """One tool's round: its claim, the server's count, the cost, and how much of either core went to others."""

    tool: str
    per_s: float
    requests: int
    failures: int
    served: int
    cpu_s: float
    rss_bytes: int
    server_busy: float
    others: float


@dataclass(frozen=True, slots=True)
class Figures:
    """A tool over all rounds. Rates and costs are medians; `unexplained` is the largest share that claim and server differ by."""

    tool: str
    scripted: bool
    rounds: int
    per_s: float
    per_s_low: float
    per_s_high: float
    failures: int
    cpu_s_per_1000: float
    rss_mb: float
    server_busy: float
    unexplained: float
    others: float


def play(tools: Sequence[tuple[Tool, str]], server: Nginx, cores: Cores, rounds: int, load: Callable[[Path], Load]) -> list[Round]:
    """Let each tool have `rounds` rounds, one after the other; each time another one begins. A tool that fails says so and is left out."""
    played: list[Round] = []
    working = list(tools)
    for number in range(rounds):
        first = number % max(len(working), 1)
        for tool, program in working[first:] + working[:first]:
            try:
                played.append(_round(tool, program, server, cores, load))
            except (ValueError, LookupError) as error:
                print(f"  {tool.name}: left out, {error}", flush=True)
                working = [(other, path) for other, path in working if other is not tool]
    return played


def _round(tool: Tool, program: str, server: Nginx, cores: Cores, make_load: Callable[[Path], Load]) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        load = make_load(Path(folder))
        watch = Watch(server, cores)
        command = [program, *tool.arguments(load)]
        ended = run_pinned(command, cores.generator, environment=tool.environment, limit_s=load.seconds + 60)
        around = watch.stop(ended.cpu_s)
    if ended.code not in tool.codes:
        raise ValueError(f"exit code {ended.code}: {_last_line(ended)}")
    claim = tool.read(ended.stdout, load)
    return Round(
        tool.name,
        claim.per_s,
        claim.requests,
        claim.failures,
        around.served,
        ended.cpu_s,
        ended.rss_bytes,
        server_busy=around.server_cpu_s / load.seconds,
        others=around.others,
    )


def _last_line(ended: Ended) -> str:
    lines = (ended.stderr or ended.stdout).strip().splitlines()
    return lines[-1] if lines else "no output"


def figures(tool: Tool, rounds: Sequence[Round]) -> Figures:
    """What a tool's rounds say together; there is at least one."""
    rates = [one.per_s for one in rounds]
    return Figures(
        tool.name,
        tool.scripted,
        len(rounds),
        per_s=median(rates),
        per_s_low=min(rates),
        per_s_high=max(rates),
        failures=sum(one.failures for one in rounds),
        cpu_s_per_1000=median(1000 * one.cpu_s / max(one.served, 1) for one in rounds),
        rss_mb=median(one.rss_bytes / 1e6 for one in rounds),
        server_busy=median(one.server_busy for one in rounds),
        unexplained=max((abs(one.requests - one.served) / max(one.served, 1) for one in rounds), default=0.0),
        others=median(one.others for one in rounds),
    )


def ratios(found: Sequence[Figures]) -> dict[str, float]:
    """tenantry's rate over each other tool's."""
    rates = {one.tool: one.per_s for one in found}
    own = rates.get("tenantry")
    return {} if own is None else {name: own / rate for name, rate in rates.items() if name != "tenantry" and rate > 0}


def table(found: Sequence[Figures]) -> str:
    """Lines for people."""
    head = f"  {'tool':<10}{'requests/s':>12}{'lowest':>10}{'highest':>10}{'failures':>10}"
    lines = [head + f"{'CPU s/1000':>12}{'MB':>7}{'nginx busy':>12}{'off':>8}{'others':>8}"]
    for one in found:
        name = one.tool if one.scripted else f"({one.tool})"
        rates = f"{one.per_s:>12,.0f}{one.per_s_low:>10,.0f}{one.per_s_high:>10,.0f}"
        lines.append(
            f"  {name:<10}{rates}{one.failures:>10,}{one.cpu_s_per_1000:>12.4f}{one.rss_mb:>7.0f}"
            f"{one.server_busy:>12.0%}{one.unexplained:>8.2%}{one.others:>8.0%}"
        )
    told = "   ".join(f"{ratio:.2f} x {name}" for name, ratio in ratios(found).items())
    return "\n".join([*lines, f"  tenantry is {told}" if told else "  no other tool to compare with"])


def as_json(found: Sequence[Figures], played: Sequence[Round]) -> dict[str, object]:
    """For the results file."""
    return {"figures": [asdict(one) for one in found], "ratios": ratios(found), "rounds": [asdict(one) for one in played]}
