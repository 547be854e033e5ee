"""Runs of tenantry and k6 against a server of known delays, beside that server's own account."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.accuracy import truth
from benchmarks.accuracy.truth import Error, Request
from benchmarks.machine import Cores
from benchmarks.peers.tools import TOOLS
from benchmarks.process import Ended, run_pinned

HERE = Path(__file__).parent
KINDS = ("constant", "bimodal", "heavy", "reset", "stall")
SECONDS = 15
RATE = 400
VUS = 600
CLOSED_VUS = 20
PROBES = 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A time that a tool reported, beside the truth; `requests` that the server saw."""

    kind: str
    tool: str
    time: str
    requests: int
    errors: list[Error]

    def as_dict(self) -> dict[str, object]:
        """For the results file; seconds."""
        rows = {error.stat: {**error._asdict(), "within": error.is_within} for error in self.errors}
        return {"kind": self.kind, "tool": self.tool, "time": self.time, "requests": self.requests, "stats": rows}


@contextmanager
def server(core: int) -> Iterator[str]:
    """The URL of a running server on `core`."""
    command = ["taskset", "-c", str(core), program()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@cache
def program() -> str:
    """The path of the server. Raises SystemExit when it cannot be built."""
    build = ["cargo", "build", "--release", "--quiet", "--package", "accuracy-server", "--message-format", "json-render-diagnostics"]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    programs = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    path = next((path for path in programs if path), None)
    if built.returncode or path is None:
        raise SystemExit(f"the accuracy server cannot be built: {built.stderr.strip()[-500:]}")
    return str(path)


def seen(url: str) -> list[Request]:
    """What the server saw since the last question."""
    with urllib.request.urlopen(f"{url}/truth", timeout=30) as answer:
        return truth.parse(answer.read().decode())


def bare(url: str, cores: Cores) -> Comparison:
    """The least that a client can do: one connection, blocking calls. What it is off by is the system's."""
    ended = run_pinned([program(), "probe", url.rpartition(":")[2], str(PROBES)], cores.generator, environment={}, limit_s=60)
    took = [int(line) for line in _ended(ended, codes=(0,)).split()]
    found = seen(url)
    reported = truth.quantiles(took)
    return Comparison("constant", "bare socket", "service", len(found), truth.errors(truth.quantiles(truth.service_ns(found)), reported))


def tenantry(kind: str, url: str, cores: Cores, system_s: float, *, scripted: bool = True) -> list[Comparison]:
    """One run, of a scenario or of `quick`; service and response time and start delay beside the truth. Raises ValueError when it did not
    measure."""
    tool = "tenantry" if scripted else "tenantry quick"
    with tempfile.TemporaryDirectory() as runs:
        command = [str(Path(sys.executable).parent / "tenantry"), *(_scripted if scripted else _quick)(f"{url}/{kind}")]
        ended = run_pinned([*command, "--runs", runs, "--json", "--quiet"], cores.generator, environment={}, limit_s=SECONDS + 60)
    told = json.loads(_ended(ended, codes=(0, 12)))
    found = seen(url)
    series = told["series"][0]
    times = {
        "service": (truth.service_ns(found), series["service_time_s"], system_s),
        "response": (truth.response_ns(found, RATE), series["response_time_s"], system_s),
        "start delay": (truth.start_delay_ns(found, RATE), told["generator"]["start_delay_s"], 0.0),
    }
    return [
        Comparison(kind, tool, time, len(found), truth.errors(truth.quantiles(values), reported, system_s=system))
        for time, (values, reported, system) in times.items()
    ]


def _scripted(target: str) -> list[str]:
    settings = [f"rate={RATE}/s", f"duration={SECONDS}s", f"max_vus={VUS}", "breaker_share=off"]
    return ["run", f"{HERE / 'scenario.py'}:load", "--target", target, *(part for setting in settings for part in ("--set", setting))]


def _quick(target: str) -> list[str]:
    return ["quick", f"{target}/", "--rate", f"{RATE}/s", "--duration", f"{SECONDS}s", "--max-vus", str(VUS)]


def k6(peer: str, kind: str, url: str, cores: Cores, system_s: float) -> list[Comparison]:
    """One run of k6 at a constant arrival rate: its `http_req_duration` beside the service and the response time of the truth."""
    reported = _k6_durations(peer, f"{url}/{kind}", cores, {"RATE": RATE, "VUS": VUS, "SECONDS": SECONDS})
    found = seen(url)
    times = {"service": truth.service_ns(found), "response": truth.response_ns(found, RATE)}
    return [
        Comparison(kind, "k6", time, len(found), truth.errors(truth.quantiles(values), reported, system_s=system_s))
        for time, values in times.items()
    ]


def k6_closed(peer: str, url: str, cores: Cores, open_truth: Sequence[Error]) -> Comparison:
    """k6 in a closed loop on the server that stalls: its duration beside what visitors who come at a constant rate would have seen."""
    reported = _k6_durations(peer, f"{url}/stall", cores, {"VUS": CLOSED_VUS, "SECONDS": SECONDS})
    expected, system_s = {error.stat: error.truth_s for error in open_truth}, open_truth[0].system_s
    return Comparison(
        "stall", f"k6, closed loop of {CLOSED_VUS}", "response", len(seen(url)), truth.errors(expected, reported, system_s=system_s)
    )


def _k6_durations(peer: str, target: str, cores: Cores, settings: dict[str, int]) -> dict[str, float]:
    variables = [part for name, value in {"TARGET": target, **settings}.items() for part in ("-e", f"{name}={value}")]
    command = [peer, "run", "--quiet", *variables, str(HERE / "k6.js")]
    environment = {"K6_NO_USAGE_REPORT": "true"}
    ended = run_pinned(command, cores.generator, environment=environment, limit_s=settings["SECONDS"] + 60)
    output = _ended(ended, codes=(0,))
    values = json.loads(output[output.index("{") :])["http_req_duration"]["values"]
    names = dict(zip(truth.NAMES, ("med", "p(90)", "p(95)", "p(99)", "p(99.9)", "max"), strict=True))
    return {name: values[own] / 1000 for name, own in names.items()}


def _ended(ended: Ended, *, codes: Sequence[int]) -> str:
    if ended.code not in codes:
        raise ValueError(f"exit code {ended.code}: {ended.stderr.strip()[-300:]}")
    return ended.stdout


def play(cores: Cores, kinds: Sequence[str]) -> Iterator[Comparison]:
    """All comparisons, those of k6 where it is installed; a run that fails says so and is left out."""
    peer = next((tool.found() for tool in TOOLS if tool.name == "k6"), None)
    with server(cores.server) as url:
        least = bare(url, cores)
        yield least
        system_s = least.errors[0].error_s
        for kind in kinds:
            try:
                own = tenantry(kind, url, cores, system_s)
                yield from own
                yield from tenantry(kind, url, cores, system_s, scripted=False)
                if peer is not None:
                    yield from k6(peer, kind, url, cores, system_s)
                    if kind == "stall":
                        yield k6_closed(peer, url, cores, own[1].errors)
            except (ValueError, LookupError) as error:
                print(f"  {kind}: left out, {error}", flush=True)
                seen(url)


def lines(one: Comparison) -> str:
    """For people: the truth in milliseconds, then the error of each stat in microseconds and in percent, `!` where it is above the goal."""
    truths = "".join(f"{1000 * error.truth_s:>20,.3f}" for error in one.errors)
    cells = "".join(f"{_cell(error):>20}" for error in one.errors)
    return f"  {one.kind}, {one.tool}: {one.time}, {one.requests:,} requests\n{'    truth ms':<16}{truths}\n{'    error us':<16}{cells}"


def _cell(error: Error) -> str:
    share = f"{100 * error.error_s / error.truth_s:+.1f}%" if error.truth_s > 0 else ""
    return f"{1e6 * error.error_s:+,.0f} {share}{' ' if error.is_within else '!'}"


def header() -> str:
    """The names of the stats over their columns."""
    return f"{'':16}" + "".join(f"{name:>20}" for name in truth.NAMES)
