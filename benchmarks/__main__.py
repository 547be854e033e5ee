"""`python -m benchmarks`: tenantry beside its peers, and small measurements of its own. See docs/benchmarks.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from benchmarks import machine
from benchmarks.accuracy import measure as accuracy
from benchmarks.machine import Cores
from benchmarks.micro import overhead, start_delay
from benchmarks.nginx import nginx
from benchmarks.peers import rounds as peers
from benchmarks.peers.tools import TOOLS, Load, Tool
from benchmarks.results_file import write

PARTS = ("peers", "micro", "accuracy")
RATES = (1_000, 5_000, 10_000)


@click.command()
@click.option("--connections", "connections", multiple=True, type=int, default=(50,), show_default=True, help="May be given several times.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Rounds of each tool, alternating.")
@click.option("--seconds", default=5, show_default=True, type=click.IntRange(1), help="Length of a round.")
@click.option("--quick", is_flag=True, help="Two rounds of two seconds.")
@click.option("--only", type=click.Choice(PARTS), help="Leave the other parts out.")
@click.option("--priority", default=0, type=click.IntRange(-20, 0), help="Scheduling priority, as root: -15 where others use the cores.")
@click.option("--tool", "names", multiple=True, help="Only these tools; may be given several times.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(accuracy.KINDS), help="Only these servers of accuracy.")
def main(
    connections: tuple[int, ...],
    rounds: int,
    seconds: int,
    quick: bool,
    only: str | None,
    priority: int,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
) -> None:
    """Measure tenantry beside the peers that are installed, print tables, and write benchmarks/results/<date>.json."""
    if quick:
        rounds, seconds = 2, 2
    cores = Cores.choose()
    # The benchmark itself must not take time from what it measures.
    os.sched_setaffinity(0, {cores.server})
    _raise_priority(priority)
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape(), "priority": priority}
    if only in (None, "peers"):
        tools = _installed(names)
        result["versions"] = {tool.name: tool.version_of(program) for tool, program in tools}
        result["peers"] = {count: _peers(tools, cores, count, rounds, seconds) for count in connections}
    if only in (None, "micro"):
        result["start_delay"] = _start_delay(cores, 1 if quick else rounds, seconds)
        result["overhead_ns"] = _overhead()
    if only in (None, "accuracy"):
        result["accuracy"] = _accuracy(cores, kinds or accuracy.KINDS)
    print(f"\nwritten to {write(result)}")


def _raise_priority(priority: int) -> None:
    """Of this process, and so of the server and all tools alike."""
    group = Path("/proc/self/autogroup")
    try:
        os.setpriority(os.PRIO_PROCESS, 0, priority)
        # Linux may weigh whole sessions against each other first.
        if priority and group.exists():
            group.write_text(str(priority))
    except PermissionError:
        raise SystemExit(f"--priority {priority} needs root") from None


def _installed(names: Sequence[str]) -> list[tuple[Tool, str]]:
    wanted = [tool for tool in TOOLS if not names or tool.name.lower() in {name.lower() for name in names}]
    found = []
    for tool in wanted:
        program = tool.found()
        if program is None:
            print(f"{tool.name}: not installed, left out; `make peers` installs it")
        else:
            found.append((tool, program))
    return found


def _peers(tools: Sequence[tuple[Tool, str]], cores: Cores, connections: int, rounds: int, seconds: int) -> dict[str, object]:
    print(f"\n{connections} connections, closed loop, one core each for nginx and generator, {rounds} rounds of {seconds} s", flush=True)
    with nginx(cores.server) as server:
        played = peers.play(tools, server, cores, rounds, lambda folder: Load(server.url, connections, seconds, folder))
    by_tool = [(tool, [one for one in played if one.tool == tool.name]) for tool, _ in tools]
    found = [peers.figures(tool, own) for tool, own in by_tool if own]
    print(peers.table(found))
    print("  in brackets: sends only, no script or checks; off: claim against nginx's own count; others: of a core, by other programs")
    return peers.as_json(found, played)


def _start_delay(cores: Cores, rounds: int, seconds: int) -> list[dict[str, object]]:
    print(f"\nstart delay at a constant rate, generator on one core, {rounds} rounds of {seconds} s", flush=True)
    found = []
    with nginx(cores.server) as server:
        for rate in sorted(RATES * rounds):
            try:
                found.append(start_delay.measure(rate, seconds, server, cores))
            except (ValueError, LookupError) as error:
                print(f"  {rate}/s: {error}")
    print(start_delay.table(found))
    return start_delay.as_json(found)


def _accuracy(cores: Cores, kinds: Sequence[str]) -> list[dict[str, object]]:
    print(
        f"\nreported less the server's own truth and what a bare socket needs, {accuracy.RATE}/s; ! neither within 1 % nor 50 us",
        flush=True,
    )
    print(accuracy.header())
    found = []
    for one in accuracy.play(cores, kinds):
        print(accuracy.lines(one), flush=True)
        found.append(one.as_dict())
    return found


def _overhead() -> dict[str, float]:
    print("\nPython per call of the scenario API, beyond the call of the engine")
    found = overhead.overhead_ns()
    print(overhead.table(found))
    return found


if __name__ == "__main__":
    main()
