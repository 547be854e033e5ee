"""How each tool is called for one round, and how its own figures are read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PEERS = Path("build/peers")


@dataclass(frozen=True, slots=True)
class Load:
    """One round: `connections` ask `url` in a closed loop for `seconds`; `folder` is for the tool's files."""

    url: str
    connections: int
    seconds: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Claim:
    """What a tool says that it did."""

    requests: int
    failures: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Tool:
    """A load generator. `scripted` ones run the scenario with its two checks, the others only send."""

    name: str
    program: str
    scripted: bool
    arguments: Callable[[Load], list[str]]
    read: Callable[[str, Load], Claim]
    version: tuple[str, ...] = ("--version",)
    environment: dict[str, str] = field(default_factory=dict)
    # Exit codes with which it has still measured: tenantry judges a saturated generator, Locust any failure.
    codes: tuple[int, ...] = (0,)

    def found(self) -> str | None:
        """Path of the program, None when it is not installed (see `make peers`)."""
        own = [PEERS / "bin", PEERS / "locust" / "bin", Path(sys.executable).parent]
        return shutil.which(self.program, path=os.pathsep.join([*(str(folder.absolute()) for folder in own), os.environ.get("PATH", "")]))

    def version_of(self, program: str) -> str:
        """The first words in which it tells its version."""
        told = subprocess.run([program, *self.version], capture_output=True, text=True, check=False)
        found = re.search(r"v?\d+\.\d+[\w.\-]*", told.stdout + told.stderr)
        return found[0] if found else "unknown"


def _tenantry(load: Load) -> list[str]:
    settings = ["--set", f"vus={load.connections}", "--set", f"duration={load.seconds}s"]
    runs = ["--runs", str(load.folder)]
    return ["run", f"{HERE / 'scenario.py'}:closed", "--target", load.url, *settings, *runs, "--json", "--quiet"]


def read_tenantry(output: str, load: Load) -> Claim:
    """From `tenantry run --json` or `quick --json`: failures are those of requests, which a failed check is one of."""
    totals = json.loads(output)["totals"]
    return Claim(totals["requests"], totals["failures"], totals["requests"] / load.seconds)


def _quick(load: Load) -> list[str]:
    length = ["--vus", str(load.connections), "--duration", f"{load.seconds}s"]
    return ["quick", f"{load.url}/item", *length, "--runs", str(load.folder), "--json", "--quiet"]


def _k6(load: Load) -> list[str]:
    settings = {"TARGET": load.url, "CONNECTIONS": load.connections, "SECONDS": load.seconds}
    variables = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
    return ["run", "--quiet", *variables, str(HERE / "k6.js")]


def read_k6(output: str, load: Load) -> Claim:
    """From the script's own summary, one JSON object of metrics."""
    metrics = json.loads(output[output.index("{") :])
    requests, failed = metrics["http_reqs"]["values"], metrics["checks"]["values"]["fails"]
    return Claim(int(requests["count"]), int(failed), float(requests["rate"]))


def _locust(load: Load) -> list[str]:
    users = ["--users", str(load.connections), "--spawn-rate", str(load.connections)]
    return ["-f", str(HERE / "locustfile.py"), "--headless", *users, "-t", f"{load.seconds}s", "-H", load.url, "--json", "--skip-log"]


def read_locust(output: str, load: Load) -> Claim:
    """From `--json`: one object per name, each with the time of its first and last request."""
    rows = json.loads(output[output.index("[") :])
    requests = sum(row["num_requests"] for row in rows)
    lasted = max(row["last_request_timestamp"] for row in rows) - min(row["start_time"] for row in rows)
    return Claim(requests, sum(row["num_failures"] for row in rows), requests / lasted)


def _gatling(load: Load) -> list[str]:
    settings = {"connections": load.connections, "seconds": load.seconds, "target": load.url}
    properties = [f"-D{name}={value}" for name, value in settings.items()]
    return [*properties, "io.gatling.app.Gatling", "-s", "Peer", "-rf", str(load.folder), "-nr"]


def read_gatling(output: str, load: Load) -> Claim:
    """From the last table that it prints."""
    total, _, failed = re.findall(r"> Global +\| +([\d,]+) \| +([\d,]+) \| +([\d,]+)", output)[-1]
    requests = int(total.replace(",", ""))
    return Claim(requests, int(failed.replace(",", "")), requests / load.seconds)


def _wrk(load: Load) -> list[str]:
    return ["-t1", f"-c{load.connections}", f"-d{load.seconds}s", f"{load.url}/item"]


def read_wrk(output: str, load: Load) -> Claim:
    """From its text; failures are socket errors and statuses from 400."""
    errors = sum(int(number) for line in re.findall(r"Socket errors:.*", output) for number in re.findall(r"\d+", line))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if requests is None or rate is None:
        raise ValueError("no figures in the output of wrk")
    return Claim(int(requests[1]), errors + (int(bad[1]) if bad else 0), float(rate[1]))


def _oha(load: Load) -> list[str]:
    plain = ["--no-tui", "--output-format", "json", "-w"]
    return ["-c", str(load.connections), "-z", f"{load.seconds}s", *plain, f"{load.url}/item"]


def read_oha(output: str, load: Load) -> Claim:
    """From its JSON; failures are statuses from 400 and transport errors."""
    told = json.loads(output)
    statuses: dict[str, int] = told["statusCodeDistribution"]
    bad = sum(count for status, count in statuses.items() if int(status) >= 400)
    return Claim(sum(statuses.values()), bad + sum(told["errorDistribution"].values()), float(told["summary"]["requestsPerSec"]))


TOOLS = (
    Tool("tenantry", "tenantry", True, _tenantry, read_tenantry, codes=(0, 12)),
    Tool("quick", "tenantry", False, _quick, read_tenantry, codes=(0, 12)),
    Tool("k6", "k6", True, _k6, read_k6, environment={"K6_NO_USAGE_REPORT": "true"}, version=("version",)),
    Tool("Locust", "locust", True, _locust, read_locust, codes=(0, 1)),
    Tool("Gatling", "gatling", True, _gatling, read_gatling),
    Tool("wrk", "wrk", False, _wrk, read_wrk, version=("-v",)),
    Tool("oha", "oha", False, _oha, read_oha),
)
