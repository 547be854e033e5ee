"""Wrong input, in words: each ends with one message that says what is wrong, where, and what to do, before anything is sent or stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest
from commandline import Done, Shell, one_message
from truth import TruthServer

HEAD = """\
from tenantry import *

@scenario
async def one(vu: Vu) -> None:
    await vu.get("/one")

"""


def lines(text: str) -> str:
    """A scenario file with a valid scenario `one`; the text begins on line 7."""
    return HEAD + dedent(text).lstrip("\n")


GOOD = lines('good = workload(one, constant_vus(1, "1s"))\n')
CLINIC = "from tenantry_clinic.dataset import clinic\n"
RUN = ("run", "file.py:load", "--target", "TARGET")


@dataclass(frozen=True)
class Wrong:
    """A command, what it finds, and what its message names. `TARGET` in the command is the address of a server that must not be asked."""

    command: tuple[str, ...]
    says: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 2


def load(text: str, *says: str, more: tuple[str, ...] = ()) -> Wrong:
    """`tenantry run` of a file in which `load` is wrong."""
    return Wrong((*RUN, *more), says, {"file.py": lines(text)})


def limited(threshold: str, *says: str) -> Wrong:
    """`tenantry run` of a good load of one second with a wrong threshold."""
    return load(f"load = workload(one, constant_vus(1, '1s'), thresholds=[{threshold!r}])", "file.py:7", *says)


def good(*command: str, says: tuple[str, ...], **files: str) -> Wrong:
    """A command beside a file that is fine."""
    return Wrong(command, says, {"file.py": GOOD, **files})


WRONG: dict[str, Wrong] = {
    # The scenario file
    "no such file": good("run", "fiel.py:good", "--target", "TARGET", says=("fiel.py", "no such file", "file.py")),
    "no such module": good("run", "nosuch.load:good", "--target", "TARGET", says=("nosuch.load", "no module named")),
    "a folder in place of a file": good("run", ".:good", "--target", "TARGET", says=("folder", "file.py")),
    "no such workload": good("run", "file.py:godo", "--target", "TARGET", says=("file.py", "godo", "good")),
    "a scenario in place of a workload": good("run", "file.py:one", "--target", "TARGET", says=("one is a scenario", "workload(one")),
    "no workload given": good("run", "--target", "TARGET", says=("no workload", "FILE.py:WORKLOAD")),
    "a colon without a name": good("run", "file.py:", "--target", "TARGET", says=("names no workload",)),
    "several workloads and none named": Wrong(
        ("run", "file.py", "--target", "TARGET"),
        ("good, better", "name one"),
        {"file.py": GOOD + 'better = workload(one, constant_vus(2, "1s"))\n'},
    ),
    "no workload in the file": Wrong(("run", "file.py", "--target", "TARGET"), ("no workload", "workload("), {"file.py": HEAD}),
    "a syntax error": load("load = workload(one, constant_vus(1 '1s'))", "file.py:7", "syntax error", "^"),
    "a module that is not installed": load("import nosuch", "file.py:7", "nosuch", "install"),
    "an exception while importing": load("load = 1 / 0", "file.py:7", "ZeroDivisionError"),
    "exit() in the file": load("import sys\nsys.exit(0)", "file.py:8", "SystemExit"),
    "a scenario that is no coroutine": load(
        '@scenario\ndef plain(vu):\n    pass\n\nload = workload(plain, constant_vus(1, "1s"))', "file.py:7", "async def"
    ),
    "an unknown name in the mix": load('load = workload(mix({"two": 1}), constant_vus(1, "1s"))', "file.py:7", "two"),
    "a weight of zero": load('load = workload(mix({one: 0}), constant_vus(1, "1s"))', "file.py:7", "weights", "zero"),
    # Load profiles
    "zero virtual users": load('load = workload(one, constant_vus(0, "1s"))', "file.py:7", "vus is 0", "1 or more"),
    "a negative duration": load('load = workload(one, constant_vus(1, "-1s"))', "file.py:7", "-1s", "negative", "30s"),
    "a duration without unit": load('load = workload(one, constant_vus(1, "10"))', "file.py:7", "'10'", "30s"),
    "a rate of zero": load('load = workload(one, constant_rate("0/s", "1s", max_vus=1))', "file.py:7", "rate is zero"),
    "a rate that is no rate": load('load = workload(one, constant_rate("fast", "1s", max_vus=1))', "file.py:7", "fast", "500/s"),
    "fewer iterations than virtual users": load("load = workload(one, shared_iterations(5, vus=9))", "file.py:7", "5 iterations for 9"),
    "no iterations": load("load = workload(one, per_vu_iterations(0, vus=9))", "file.py:7", "iterations is 0"),
    "a ramp of rates without stages": load("load = workload(one, ramping_rate(max_vus=9))", "file.py:7", "no stages"),
    "a ramp of rates without a rate": load(
        'load = workload(one, ramping_rate(("1m", "0/s"), max_vus=9))', "file.py:7", "never starts an iteration"
    ),
    "a random rate that is negative": load(
        'load = workload(one, poisson_rate("-1/s", "1m", max_vus=9))', "file.py:7", "'-1/s' is negative"
    ),
    "more virtual users made than there may be": load(
        'load = workload(one, constant_rate("1/s", "1m", max_vus=2, pre_allocated_vus=3))', "file.py:7", "pre_allocated_vus is 3", "max_vus"
    ),
    "a start after nobody": load(
        'load = workload(one.at(constant_vus(1, "1s"), start_after="two"))', "file.py:7", "one starts after 'two'", "known: one"
    ),
    "a start after itself": load('load = workload(one.at(constant_vus(1, "1s"), start_after=one))', "file.py:7", "one after one"),
    "a start in the past": load('load = workload(one.at(constant_vus(1, "1s"), start_after="-1s"))', "file.py:7", "'-1s' is negative"),
    "a ramp without stages": load("load = workload(one, ramping_vus())", "file.py:7", "no stages"),
    "several faults at once": load(
        'load = workload(one, constant_vus(0, "-1s"), thresholds=["respnse_time p95 < 1s"])', "vus is 0", "-1s", "respnse_time"
    ),
    # Thresholds
    "an unknown metric": load(
        'load = workload(one, constant_vus(1, "1s"), thresholds=["respnse_time p95 < 1s"])', "file.py:7", "respnse_time", "response_time"
    ),
    "an unknown stat": load('load = workload(one, constant_vus(1, "1s"), thresholds=["response_time p95x < 1s"])', "file.py:7", "p95x"),
    "a limit of the wrong unit": load(
        'load = workload(one, constant_vus(1, "1s"), thresholds=["failures < 5s"])', "file.py:7", "failures", "1%"
    ),
    "a threshold on a scenario that is not run": load(
        'load = workload(one, constant_vus(1, "1s"), thresholds=["failures{scenario=two} < 5%"])', "file.py:7", "two", "one"
    ),
    "an unknown tag": load(
        'load = workload(one, constant_vus(1, "1s"), thresholds=["failures{nmae=x} < 5%"])', "file.py:7", "nmae", "name"
    ),
    "a threshold on a stage that is not there": limited("failures < 1% in stage 2", "no load profile with stages"),
    "a window longer than the load": limited("failures < 1% over 1m", "needs 60 s of load", "shorten"),
    "a warm-up as long as the load": limited("failures < 1% after 1s", "needs 2 s of load"),
    "an abort after the end of the load": limited("failures < 1% abort after 1s", "wait 1 s", "shorten"),
    "an abort that waits for the steady state": limited("failures < 1% in steady abort", "known only after the run"),
    "a parenthesis that is not closed": limited("(failures < 1% or errors == 0", "`)` is missing", "^"),
    "a stat on one number": limited("tenant_p95_ratio p95 < 3", "has no stats"),
    "a stat of another kind": limited("checks p95 > 99%", "has no stat", "rate"),
    "a share above everything": limited("failures < 101%", "101% is no limit", "1%"),
    "a window of no length": limited("failures < 1% over 0s", "whole seconds", "over 30s"),
    "a negative limit": limited("response_time p95 < -5ms", "cannot be negative"),
    "a size without unit": limited("rss_bytes < 500", "500 is no limit", "500MB"),
    "a breaker share of nothing": load(
        'load = workload(one, constant_vus(1, "1s"), breaker_share="0%")', "file.py:7", "breaker_share", "90%", "off"
    ),
    "a breaker window of nothing": load(
        'load = workload(one, constant_vus(1, "1s"), breaker_window=0)', "file.py:7", "breaker_window is zero"
    ),
    "a breaker share that is none": good(
        "run", "file.py:good", "--target", "TARGET", "--set", "breaker_share=most", says=("--set breaker_share=most", "90%")
    ),
    # Flags and configuration
    "an unknown setting": good("run", "file.py:good", "--target", "TARGET", "--set", "vsu=2", says=("--set vsu=2", "vus")),
    "a setting without value": good("run", "file.py:good", "--target", "TARGET", "--set", "vus", says=("error: --set vus: ", "rate=200/s")),
    "a setting of zero": good("run", "file.py:good", "--target", "TARGET", "--set", "vus=0", says=("--set vus=0", "vus is 0")),
    "a setting that does not fit": good(
        "run", "file.py:good", "--target", "TARGET", "--set", "rate=5/s", says=("--set rate=5/s", "constant_vus")
    ),
    "iterations that do not fit": good("plan", "file.py:good", "--set", "iterations=5", says=("--set iterations=5", "shared_iterations")),
    "a share that is none": good("plan", "file.py:good", "--share", "5/4", says=("--share 5/4", "1/4")),
    "starts without JSON": good("plan", "file.py:good", "--starts", says=("--starts", "--json")),
    "zero tenants": good("run", "file.py:good", "--target", "TARGET", "--tenants", "0", says=("--tenants", "0")),
    "an unknown command": good("rnu", says=("rnu", "tenantry run")),
    "an unknown option": good("run", "file.py:good", "--traget", "TARGET", says=("--traget", "--target")),
    "an unknown key in the configuration": good(
        "run", "file.py:good", says=("tenantry.toml:1", "tagret", "target"), **{"tenantry.toml": 'tagret = "http://127.0.0.1:1"\n'}
    ),
    "configuration that is not TOML": good("run", says=("tenantry.toml:2", "not TOML"), **{"tenantry.toml": 'runs = "runs"\nworkload =\n'}),
    "a password in the configuration": good("run", says=("tenantry.toml:1", "environment"), **{"tenantry.toml": 'password = "hunter2"\n'}),
    # Load without a script
    "no URL": Wrong(("quick",), ("URL: there is no URL", "http://127.0.0.1:8000/")),
    "a URL without a scheme": Wrong(("quick", "127.0.0.1:8000/x"), ("127.0.0.1:8000/x", "scheme", "http://")),
    "a URL of another scheme": Wrong(("quick", "ftp://127.0.0.1/"), ("'ftp'", "http and https")),
    "a URL with a space": Wrong(("quick", "http://127.0.0.1/a b"), ("space", "%20")),
    "a URL with a password": Wrong(("quick", "http://me:hunter2@127.0.0.1/"), ("password", "headers")),
    "a second URL that is none": Wrong(("quick", "TARGET/a", "nowhere"), ("nowhere", "scheme")),
    "a URL on a foreign host": Wrong(("quick", "http://example.com/"), ("example.com", "not on this machine", "[safety] allow")),
    "a second URL on a foreign host": Wrong(("quick", "TARGET/", "http://example.com/"), ("example.com", "[safety] allow")),
    "a production host": Wrong(("quick", "http://api.prod.example/"), ("looks like production", "--yes-production")),
    "a rate and virtual users": Wrong(("quick", "TARGET/", "--rate", "5/s", "--vus", "2"), ("--rate and --vus", "give")),
    "two versions of HTTP": Wrong(("quick", "TARGET/", "--http1.1", "--http2"), ("--http2: --http1.1 and --http2 together", "one of them")),
    "redirects that are no number": Wrong(("quick", "TARGET/", "--redirects", "all"), ("--redirects: redirects 'all'", "or none")),
    "too many redirects": Wrong(("quick", "TARGET/", "--redirects", "256"), ("--redirects: redirects is 256", "255 or less")),
    "a name that is empty": Wrong(("quick", "TARGET/", "--name", ""), ("--name: the name is empty",)),
    "max_vus in a closed loop": Wrong(("quick", "TARGET/", "--max-vus", "5"), ("--max-vus without --rate", "--vus")),
    "zero duration": Wrong(("quick", "TARGET/", "--duration", "0s"), ("--duration: duration is zero", "30s")),
    "a negative duration of a flag": Wrong(("quick", "TARGET/", "--duration", "-1s"), ("--duration", "negative")),
    "a duration flag without unit": Wrong(("quick", "TARGET/", "--duration", "10"), ("--duration", "'10'", "30s")),
    "zero virtual users of a flag": Wrong(("quick", "TARGET/", "--vus", "0"), ("--vus: vus is 0", "1 or more")),
    "half a virtual user": Wrong(("quick", "TARGET/", "--vus", "1.5"), ("--vus", "'1.5'", "whole number")),
    "more virtual users than requests": Wrong(
        ("quick", "TARGET/", "--vus", "9", "--requests", "5"), ("--requests", "5 requests for 9 virtual users", "--vus")
    ),
    "zero requests": Wrong(("quick", "TARGET/", "--requests", "0"), ("--requests: requests is 0",)),
    "a rate flag of zero": Wrong(("quick", "TARGET/", "--rate", "0/s"), ("--rate: rate is zero",)),
    "a rate flag without unit": Wrong(("quick", "TARGET/", "--rate", "fast"), ("--rate", "fast", "500/s")),
    "zero max_vus": Wrong(("quick", "TARGET/", "--rate", "5/s", "--max-vus", "0"), ("--max-vus: max-vus is 0",)),
    "an unknown method": Wrong(("quick", "TARGET/", "--method", "GTE"), ("--method: 'GTE'", "known: GET, HEAD")),
    "a body file that is missing": Wrong(("quick", "TARGET/", "--body", "@no.json"), ("--body: 'no.json'", "No such file")),
    "a header without a colon": Wrong(("quick", "TARGET/", "--header", "accept"), ("--header: 'accept'", "accept: text/html")),
    "a header with a bad name": Wrong(("quick", "TARGET/", "--header", "bad name: hunter2"), ("--header: 'bad name'",)),
    "a header file that is missing": Wrong(("quick", "TARGET/", "--header", "@no.txt"), ("--header: 'no.txt'", "No such file")),
    "a status that is none": Wrong(("quick", "TARGET/", "--expect", "200,abc"), ("--expect: '200,abc'", "200,404")),
    "a wrong threshold flag": Wrong(("quick", "TARGET/", "--threshold", "respnse_time p95 < 1s"), ("--threshold", "response_time")),
    "a time-out of zero": Wrong(("quick", "TARGET/", "--timeout", "0s"), ("--timeout: timeout is zero",)),
    "a seed that is no number": Wrong(("quick", "TARGET/", "--rng-seed", "x"), ("--rng-seed", "whole number")),
    "several wrong flags at once": Wrong(
        ("quick", "TARGET/", "--vus", "0", "--duration", "0s", "--method", "GTE"), ("--vus", "--duration", "--method")
    ),
    "nobody listens at the URL": Wrong(("quick", "http://127.0.0.1:1/"), ("cannot be reached", "no load was sent"), code=13),
    # Targets
    "no target": good("run", "file.py:good", says=("no target", "--target")),
    "a target without scheme": good("run", "file.py:good", "--target", "127.0.0.1:8000", says=("127.0.0.1:8000", "http://127.0.0.1:8000")),
    "a target of another scheme": good("run", "file.py:good", "--target", "ftp://127.0.0.1", says=("ftp", "http")),
    "a foreign host": good("run", "file.py:good", "--target", "http://shop.example", says=("shop.example", "[safety] allow")),
    "a foreign host in the environment": Wrong(
        ("run", "file.py:good"), ("shop.example", "[safety] allow"), {"file.py": GOOD}, {"TENANTRY_TARGET": "http://shop.example"}
    ),
    "a host that looks like production": Wrong(
        ("run", "file.py:good", "--target", "http://prod.shop.example"),
        ("production", "prod.shop.example", "--yes-production"),
        {"file.py": GOOD, "tenantry.toml": '[safety]\nallow = ["prod.shop.example"]\n'},
    ),
    "a production environment": Wrong(
        ("run", "file.py:good", "--target", "TARGET"), ("production", "APP_ENV"), {"file.py": GOOD}, {"APP_ENV": "production"}
    ),
    "nobody at the target": Wrong(
        ("run", "file.py:good", "--target", "http://127.0.0.1:1"),
        ("http://127.0.0.1:1", "refused", "start the app"),
        {"file.py": GOOD},
        code=13,
    ),
    # Stored runs
    "a report of a run that is not there": good("report", "nosuch", says=("nosuch", "runs")),
    "a report of a folder that is none": Wrong(("report", "folder"), ("folder", "run.json"), {"folder/notes.txt": ""}),
    "a report of a damaged manifest": Wrong(("report", "folder"), ("folder/run.json", "damaged"), {"folder/run.json": '{"schema": 1, '}),
    "a report of a newer version": Wrong(("report", "folder"), ("newer", "upgrade"), {"folder/run.json": '{"schema": 99}'}),
    "the latest of no runs": Wrong(("report", "latest"), ("no runs", "runs")),
    "showing a run of a newer version": Wrong(("runs", "show", "folder"), ("newer", "upgrade"), {"folder/run.json": '{"schema": 99}'}),
    "comparing a run that is not there": Wrong(("compare", "nosuch", "folder"), ("there is no run 'nosuch'", "runs")),
    "comparing without a baseline": Wrong(
        ("compare", "folder"), ("no baseline", "tenantry baseline set"), {"folder/run.json": '{"schema": 1}'}
    ),
    "comparing with a run of a newer version": Wrong(
        ("compare", "one", "other"), ("other", "newer", "upgrade"), {"one/run.json": '{"schema": 1}', "other/run.json": '{"schema": 99}'}
    ),
    "comparing a damaged run": Wrong(("compare", "one", "one"), ("one/run.json", "damaged", "restore"), {"one/run.json": '{"schema": 1, '}),
    "comparing a run that was killed": Wrong(
        ("compare", "one", "one"), ("cannot be compared", "killed"), {"one/run.json": '{"schema": 1}'}
    ),
    "comparing with a baseline whose run is gone": Wrong(
        ("compare", "one"),
        ("the run of baseline 'main' is gone", "tenantry baseline set"),
        {"one/run.json": '{"schema": 1}', "runs/baselines.json": '{"main": "20260101T000000Z-gone"}'},
    ),
    "a baseline of a run that is not there": Wrong(("baseline", "set", "nosuch"), ("there is no run 'nosuch'",)),
    "a baseline of a run elsewhere": Wrong(("baseline", "set", "one"), ("not among the runs",), {"one/run.json": '{"schema": 1}'}),
    "a damaged list of baselines": Wrong(
        ("baseline", "list"), ("baselines.json", "damaged", "set the baselines again"), {"runs/baselines.json": "[1]"}
    ),
    "removing a baseline that is not there": Wrong(
        ("baseline", "rm", "mian"), ("no baseline 'mian'", "main"), {"runs/baselines.json": '{"main": "x"}'}
    ),
    "a trend of a workload without runs": Wrong(("runs", "trend", "nosuch"), ("no measured run of a workload 'nosuch'",)),
    "serving a folder that is not there": Wrong(("serve", "--runs", "nosuch"), ("nosuch", "no such folder", "--runs")),
    "removing a folder that is no run": Wrong(("runs", "rm", "folder"), ("run.json", "left alone"), {"folder/notes.txt": ""}),
    "a report in an unknown format": Wrong(("report", "folder", "--format", "pdf"), ("pdf", "html")),
    # Populations
    "seeding without a database": Wrong(("seed", "file.py:clinic"), ("no database", "DATABASE_URL"), {"file.py": CLINIC}),
    "an unknown dataset": Wrong(("seed", "file.py:clinc"), ("clinc", "clinic"), {"file.py": CLINIC}),
    "a file without dataset": Wrong(("generate", "file.py"), ("file.py", "no dataset", "Dataset("), {"file.py": HEAD}),
    "a DSN that is none": Wrong(("seed", "file.py:clinic", "--dsn", "clinic@"), ("DSN", "postgresql://"), {"file.py": CLINIC}),
    "a foreign database": Wrong(
        ("seed", "file.py:clinic", "--dsn", "postgresql://u@db.example/x"), ("db.example", "[safety] allow"), {"file.py": CLINIC}
    ),
    "a password in a flag": Wrong(
        ("seed", "file.py:clinic", "--dsn", "postgresql://u:hunter2@127.0.0.1:1/x"),
        ("--dsn", "password", "DATABASE_URL"),
        {"file.py": CLINIC},
    ),
    "nobody at the DSN": Wrong(
        ("seed", "file.py:clinic", "--tenants", "1"),
        ("127.0.0.1:1", "server running"),
        {"file.py": CLINIC},
        {"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"},
    ),
    "seeding no tenants": Wrong(
        ("seed", "file.py:clinic", "--tenants", "0", "--dsn", "postgresql://u@127.0.0.1:1/x"), ("tenants", "0"), {"file.py": CLINIC}
    ),
    "generating no tenants": Wrong(("generate", "file.py:clinic", "--tenants", "-1"), ("tenants", "-1"), {"file.py": CLINIC}),
    # The demo
    "a demo of an unknown workload": Wrong(("demo", "--workload", "nosuch"), ("nosuch", "mixed")),
    "a demo of no clinics": Wrong(("demo", "--tenants", "0"), ("--tenants", "0")),
    "a demo of no time": Wrong(("demo", "--duration", "0s"), ("--duration 0s", "zero")),
    "a demo of a rate that is none": Wrong(("demo", "--rate", "80"), ("--rate 80", "500/s")),
    "a demo on a variable that is not set": Wrong(("demo", "--dsn-env", "NO_SUCH_DSN"), ("NO_SUCH_DSN",)),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a wrong command."""

    done: Done
    connections: int
    made: list[Path]
    left: list[str]


def carry_out(wrong: Wrong, folder: Path) -> Outcome:
    for name, text in wrong.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    before = set(folder.rglob("*"))
    with Shell(folder) as shell, TruthServer() as truth:
        command = (part.replace("TARGET", truth.url) for part in wrong.command)
        done = shell.run(*command, environment=wrong.environment, timeout_s=30)
        made = [path for path in set(folder.rglob("*")) - before if "__pycache__" not in path.parts]
        return Outcome(done, truth.connections, made, shell.traces())


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Outcome]]]:
    """The commands of the chosen tests, as many at a time as there are processors."""
    chosen = [name for name in WRONG if any(item.name.endswith(f"[{name}]") for item in request.session.items)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(carry_out, WRONG[name], tmp_path_factory.mktemp("wrong")) for name in chosen}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_in_one_message(outcomes: dict[str, Future[Outcome]], name: str) -> None:
    wrong, outcome = WRONG[name], outcomes[name].result()
    message = one_message(outcome.done.err)
    assert (outcome.done.code, outcome.done.out) == (wrong.code, "")
    assert [part for part in wrong.says if part not in message] == [], message
    assert "hunter2" not in message
    assert (outcome.connections, outcome.made, outcome.left) == (0, [], [])
