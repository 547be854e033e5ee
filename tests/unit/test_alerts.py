"""Alerts against a real server that records: what is said, how it is signed, what is tried again, and what never hurts a run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import report_documents as documents
from alert_servers import NEVER, Receiver, receiving
from pages import doc, names
from runfolder import MS, Request, RunFolder

from tenantry.alerts.alerter import Alerter, alerter, job_link
from tenantry.alerts.channels import channels
from tenantry.alerts.model import Alert, NotDelivered, told
from tenantry.alerts.notify import Apprise
from tenantry.alerts.sender import PAUSES_S, Sender
from tenantry.alerts.state import Incident, change_incidents, read_incidents
from tenantry.alerts.webhook import Webhook
from tenantry.config import ALERT_KINDS, Alerts, load_config
from tenantry.errors import TargetError
from tenantry.results import open_run
from tenantry.thresholds.evaluate import evaluate
from tenantry.thresholds.parser import parse_threshold

# A module of Apprise's own asks for one that Python 3.13 lacks.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = 1_780_000_000.0
SECRET = "a secret that never shows"
GENUINE = next(block.text for block in doc("alerts.md").blocks("python"))
SETTINGS = Alerts(ALERT_KINDS, (), (), "URL", "KEY", "shop")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def is_genuine() -> Callable[[Mapping[str, str], bytes, str, float], bool]:
    """The receiver's own function, as the document has it."""
    scope: dict[str, Any] = {}
    exec(GENUINE, scope)
    found: Callable[[Mapping[str, str], bytes, str, float], bool] = scope["is_genuine"]
    return found


def never(seconds: float) -> None:
    pytest.fail(f"it waited {seconds} s")


def webhook(receiver: Receiver, timeout_s: float = 10.0) -> Webhook:
    return Webhook(receiver.url, SECRET, clock=lambda: NOW, timeout_s=timeout_s)


def made(receiver: Receiver, runs: Path, *, settings: Alerts = SETTINGS) -> Alerter:
    return Alerter(settings, runs, [webhook(receiver)], links={"job": "https://ci.example/1"}, clock=lambda: NOW, sleep=never)


def failing(**changes: Any) -> documents.Doc:
    """A run of the workload `mixed` that failed its thresholds."""
    found = documents.failing() | {"exit": 10, "verdict": "fail"} | changes
    for row in found["thresholds"]:
        row["first_breach_s"] = 80 if row["result"] == "fail" else None
    return found


def passing() -> documents.Doc:
    found = failing()
    rows = [row | {"result": "pass"} for row in found["thresholds"]]
    return documents.normal() | {"thresholds": rows, "about": found["about"]}


def broken() -> list[str]:
    return [row["text"] for row in failing()["thresholds"] if row["result"] == "fail"]


def test_the_fields_of_the_json_and_the_kinds_are_documented() -> None:
    told = [word for row in doc("alerts.md").table("What an alert says", "field") for word in names(row["field"])]
    assert sorted(told) == sorted(Alert.__struct_fields__)
    assert tuple(names(row["kind"])[0] for row in doc("alerts.md").table("Kinds", "kind")) == ALERT_KINDS


def test_each_failed_threshold_is_told_with_what_broke_since_when_and_what_to_do(receiver: Receiver, tmp_path: Path) -> None:
    run = made(receiver, tmp_path)
    run.concluded(failing())
    assert run.close() == []
    assert [alert["dedup_key"] for alert in receiver.alerts] == [f"shop/{documents.run()['workload']}/{text}" for text in broken()]
    row = next(row for row in failing()["thresholds"] if row["result"] == "fail")
    first = receiver.alerts[0]
    assert (first["kind"], first["status"], first["severity"], first["valid"]) == ("threshold", "firing", "warning", True)
    assert first["since_s"] == 80 and "iterations" in first["load"]
    assert first["observed"] and first["limit"].startswith(row["op"])
    assert first["links"] == {"report": f"{failing()['run']}/report.html", "job": "https://ci.example/1"}
    assert first["next_action"].startswith("look at") and first["at"] == "2026-05-28T20:26:40Z"
    assert 0 < len(first["facts"]) <= 5


@pytest.mark.parametrize("shape", [documents.failing, documents.hostile, documents.invalid])
def test_a_title_is_a_symptom_of_at_most_eighty_printable_characters(receiver: Receiver, tmp_path: Path, shape: Any) -> None:
    run = made(receiver, tmp_path)
    document = shape()
    document["about"] |= {"workload": "w" * 500, "target": f"http://{'h' * 200}.example"}
    rows = [documents.threshold("response_time p95 < 1s", "p95", "<", 1.0, 1.5, "s", "fail"), *document["thresholds"]]
    run.concluded(document | {"exit": 10, "thresholds": rows})
    assert receiver.alerts
    assert all(len(alert["title"]) <= 80 and alert["title"].isprintable() for alert in receiver.alerts)
    assert all(alert["title"].startswith("[warning] hhh") for alert in receiver.alerts)


def test_the_symptom_comes_before_the_metric(receiver: Receiver, tmp_path: Path) -> None:
    rows = [
        documents.threshold("response_time p95 < 500ms", "p95", "<", 0.5, 0.783, "s", "fail"),
        documents.threshold("failures < 1%", "rate", "<", 0.01, 0.12, "share", "fail"),
        documents.threshold("basket > 5", "value", ">", 5, 3, "count", "fail"),
    ]
    document = failing(thresholds=rows)
    document["about"] |= {"workload": "mixed"}
    made(receiver, tmp_path).concluded(document)
    assert [alert["title"] for alert in receiver.alerts] == [
        "[warning] 127.0.0.1 mixed: answers are slow (p95 783 ms, limit < 500 ms)",
        "[warning] 127.0.0.1 mixed: requests fail (12.0 %, limit < 1.00 %)",
        "[warning] 127.0.0.1 mixed: basket is beyond its limit (3, limit > 5)",
    ]


def test_the_tenants_that_feel_it_are_counted_and_the_worst_are_named(receiver: Receiver, tmp_path: Path) -> None:
    rows = [
        documents.threshold("response_time p95 < 109ms", "p95", "<", 0.109, 0.2, "s", "fail"),
        documents.threshold("failures < 1%", "rate", "<", 0.01, 0.12, "share", "fail"),
        documents.threshold("tenant_p95_ratio < 3", "value", "<", 3, 4.5, "ratio", "fail"),
    ]
    made(receiver, tmp_path).concluded(failing(thresholds=rows, tenants=documents.tenants()))
    slow, failed, unfair = (alert["tenants"] for alert in receiver.alerts)
    assert slow == "at least 5 of 200 tenants feel it, worst 0 (p95 110 ms), 1 (p95 110 ms), 2 (p95 110 ms)"
    assert unfair == "worst of 200 tenants: 0 (p95 110 ms), 1 (p95 110 ms), 2 (p95 110 ms)"
    assert failed == "at least 3 of 200 tenants feel it, worst 0 (1 failed), 4 (1 failed), 8 (1 failed)"


def test_the_signature_holds_for_body_and_moment_and_for_nothing_else(receiver: Receiver, tmp_path: Path, is_genuine: Any) -> None:
    made(receiver, tmp_path).concluded(failing())
    headers, body = receiver.headers[0], receiver.bodies[0]
    assert is_genuine(headers, body, SECRET, NOW + 60)
    assert not is_genuine(headers, body + b" ", SECRET, NOW)
    assert not is_genuine(headers, body, "another", NOW)
    assert not is_genuine(headers | {"Tenantry-Timestamp": str(int(NOW) + 1)}, body, SECRET, NOW)
    assert not is_genuine(headers, body, SECRET, NOW + 301)
    assert (headers["Tenantry-Event"], headers["Content-Type"]) == ("threshold.firing", "application/json")
    assert SECRET not in json.dumps(headers) + body.decode()


def sent(receiver: Receiver, *, timeout_s: float = 10.0) -> tuple[bool, list[float], list[str]]:
    """Whether an alert was taken, the pauses between the tries, and the notes."""
    pauses: list[float] = []
    notes: list[str] = []
    sender = Sender([webhook(receiver, timeout_s)], notes.append, sleep=pauses.append)
    return sender.send(ALERT), pauses, notes


ALERT = Alert(kind="invalid", severity="warning", title="t", reason="r", dedup_key="k", project="p", workload="w", at="now")


@pytest.mark.parametrize(
    ("answers", "taken", "tries"),
    [
        ((200,), True, 1),
        ((204,), True, 1),
        ((500, 500, 200), True, 3),
        ((429, 503, 408, 200), True, 4),
        ((500,), False, 4),
        ((404,), False, 1),
        ((401, 200), False, 1),
        ((302, 200), False, 1),
    ],
    ids=str,
)
def test_a_channel_is_tried_again_while_it_may_yet_take_it(answers: tuple[int, ...], taken: bool, tries: int) -> None:
    with receiving(*answers) as receiver:
        found, pauses, notes = sent(receiver)
    assert (found, len(receiver.bodies)) == (taken, tries)
    assert pauses == list(PAUSES_S)[: tries - 1]
    assert bool(notes) is not taken
    assert len(set(receiver.bodies)) == 1, "the same alert each time"


def test_a_channel_that_never_answers_is_given_up_and_said_so() -> None:
    with receiving(NEVER) as receiver:
        taken, pauses, notes = sent(receiver, timeout_s=0.05)
    assert (taken, pauses) == (False, [1.0, 2.0, 4.0])
    assert notes == ["an alert was not sent by webhook at 127.0.0.1: it cannot be reached: no answer in time: t"]


def test_a_channel_that_failed_is_not_tried_for_the_next_alert_and_the_others_are() -> None:
    with receiving(404) as dead, receiving() as alive:
        notes: list[str] = []
        sender = Sender([webhook(dead), webhook(alive)], notes.append, sleep=never)
        assert [sender.send(ALERT), sender.send(ALERT)] == [True, True]
        assert (len(dead.bodies), len(alive.bodies)) == (1, 2)
    assert len(notes) == 2 and "failed before" in notes[1]


def test_nobody_listening_is_a_note_without_the_address() -> None:
    with receiving() as gone:
        pass
    address = f"{gone.url}/hook?token=hunter2"
    notes: list[str] = []
    sender = Sender([Webhook(address, SECRET, clock=lambda: NOW)], notes.append, sleep=lambda _: None)
    assert not sender.send(ALERT)
    assert "Connection refused" in notes[0] and "hunter2" not in notes[0]


def test_a_channel_that_is_slow_holds_up_nobody_while_the_run_goes_on(tmp_path: Path) -> None:
    folder = RunFolder(elapsed_s=10.0, thresholds=["failures < 1% abort"])
    folder.requests = [Request(0, 0, MS, kind="status", status=500) for _ in range(100)]
    with open_run(folder.write(tmp_path / "a-run")) as run:
        result = evaluate(parse_threshold("failures < 1% abort"), run)
    pauses: list[float] = []
    with receiving(NEVER, 200) as receiver:
        alerts = Alerter(SETTINGS, tmp_path, [webhook(receiver)], clock=lambda: NOW, sleep=pauses.append)
        alerts.breach(result, tmp_path / "a-run")
        assert receiver.came.wait(60)
        assert len(receiver.bodies) == 1, "it is on its way, and nobody waits for the answer"
        receiver.over.set()
        assert alerts.close() == []
    assert (pauses, len(receiver.bodies)) == ([1.0], 2)
    assert receiver.alerts[1]["title"] == "[critical] 127.0.0.1 clinic: requests fail (100 %, limit < 1.00 %)"


def test_a_key_is_told_again_while_it_fails_and_resolved_once_when_it_is_met(receiver: Receiver, tmp_path: Path) -> None:
    made(receiver, tmp_path).concluded(failing())
    made(receiver, tmp_path).concluded(failing())
    count = len(broken())
    assert all("the same since 2026-05-28T20:26:40Z, now in 2 runs" in alert["facts"][0] for alert in receiver.alerts[count:])
    made(receiver, tmp_path).concluded(passing())
    made(receiver, tmp_path).concluded(passing())
    ends = receiver.alerts[2 * count :]
    assert [alert["status"] for alert in ends] == ["resolved"] * count
    assert [alert["dedup_key"] for alert in ends] == [alert["dedup_key"] for alert in receiver.alerts[:count]]
    assert all("resolved: " in alert["title"] and len(alert["title"]) <= 80 and alert["severity"] == "info" for alert in ends)
    assert json.loads((tmp_path / "alerts.json").read_text())["open"] == {}


@pytest.mark.parametrize(
    "document",
    [
        passing() | {"verdict": "invalid", "exit": 12},
        passing() | {"exit": 130, "about": documents.run(end="interrupted")},
        passing() | {"about": documents.run(workload="another")},
    ],
    ids=["invalid", "interrupted", "another workload"],
)
def test_what_says_nothing_of_this_workload_resolves_nothing(receiver: Receiver, tmp_path: Path, document: documents.Doc) -> None:
    made(receiver, tmp_path).concluded(failing())
    made(receiver, tmp_path).concluded(document)
    assert "resolved" not in [alert["status"] for alert in receiver.alerts]


def test_a_resolve_that_nobody_took_is_sent_by_the_next_run(tmp_path: Path) -> None:
    with receiving(*[200] * len(broken()), 404, 200) as receiver:
        made(receiver, tmp_path).concluded(failing())
        made(receiver, tmp_path).concluded(passing())
        made(receiver, tmp_path).concluded(passing())
    assert {alert["dedup_key"] for alert in receiver.alerts if alert["status"] == "resolved"} == {
        alert["dedup_key"] for alert in receiver.alerts if alert["status"] == "firing"
    }
    assert json.loads((tmp_path / "alerts.json").read_text())["open"] == {}


def test_invalid_runs_breakers_and_loads_that_could_not_begin_are_told_and_end(receiver: Receiver, tmp_path: Path) -> None:
    made(receiver, tmp_path).concluded(documents.invalid() | {"exit": 12, "about": documents.run()})
    broke = {"verdict": "fail", "exit": 14, "thresholds": [], "about": documents.run(end="aborted")}
    broke["events"] = [{"second": 3, "kind": "breaker", "text": "90 % of requests failed"}]
    made(receiver, tmp_path).concluded(documents.normal() | broke)
    assert [(alert["kind"], alert["severity"], alert["valid"], alert["status"]) for alert in receiver.alerts] == [
        ("invalid", "warning", False, "firing"),
        ("breaker", "critical", True, "firing"),
        ("invalid", "info", True, "resolved"),
    ]
    error = TargetError("the target cannot be reached", where="http://127.0.0.1:1", hint="start the app")
    made(receiver, tmp_path).failed("other", "http://127.0.0.1:1", error)
    assert receiver.alerts[-1]["title"] == "[warning] 127.0.0.1 other: no load could be sent"
    assert receiver.alerts[-1]["next_action"] == "start the app"
    made(receiver, tmp_path).concluded(documents.normal() | {"about": documents.run()})
    assert [(alert["kind"], alert["status"]) for alert in receiver.alerts[4:]] == [("breaker", "resolved")]


def compared(judgement: str) -> dict[str, Any]:
    figures = [{"figure": "p95", "old": 0.04, "new": 0.0588}, {"figure": "failures", "old": 0.001, "new": 0.12}]
    return {"comparison": {"baseline": "main", "run": "the-first", "judgement": judgement, "reason": "p95 +40 %", "figures": figures}}


def test_a_regression_is_told_with_its_baseline_and_ends_when_it_is_none(receiver: Receiver, tmp_path: Path) -> None:
    for comparison in (compared("worse"), {}, compared("cannot tell"), compared("same")):
        made(receiver, tmp_path).concluded(documents.normal() | comparison)
    assert [(alert["kind"], alert["status"], alert["baseline"]) for alert in receiver.alerts] == [
        ("regression", "firing", "the-first"),
        ("regression", "resolved", None),
    ]
    assert receiver.alerts[0]["reason"] == "p95 +40 %, against the baseline main"


def test_a_threshold_on_a_figure_of_the_whole_run_is_told_with_that_of_the_baseline(receiver: Receiver, tmp_path: Path) -> None:
    rows = [
        documents.threshold("response_time p95 < 50ms", "p95", "<", 0.05, 0.0588, "s", "fail"),
        documents.threshold("response_time p95 < 50ms after 30s", "p95", "<", 0.05, 0.0588, "s", "fail"),
        documents.threshold("failures < 1%", "rate", "<", 0.01, 0.12, "share", "fail"),
    ]
    made(receiver, tmp_path).concluded(failing(thresholds=rows) | compared("same"))
    assert [alert["baseline"] for alert in receiver.alerts] == ["40.0 ms", None, "0.10 %"]


def test_a_missed_schedule_ends_with_a_scheduled_run(receiver: Receiver, tmp_path: Path) -> None:
    workload = documents.run()["workload"]
    made(receiver, tmp_path).missed(workload, "http://127.0.0.1", "the last scheduled run is 15 days old")
    made(receiver, tmp_path).concluded(documents.normal())
    assert [alert["kind"] for alert in receiver.alerts] == ["missed"]
    made(receiver, tmp_path).concluded(documents.normal(), scheduled=True)
    assert (receiver.alerts[-1]["kind"], receiver.alerts[-1]["status"]) == ("missed", "resolved")


def test_only_the_kinds_that_are_asked_for_are_sent(receiver: Receiver, tmp_path: Path) -> None:
    settings = Alerts(("invalid",), (), (), "URL", "KEY", "shop")
    made(receiver, tmp_path, settings=settings).concluded(failing())
    assert receiver.alerts == []
    assert not (tmp_path / "alerts.json").exists()


def test_a_damaged_memory_is_told_and_written_anew(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text("{")
    run = made(receiver, tmp_path)
    run.concluded(failing())
    assert "written anew" in run.close()[0]
    assert len(json.loads((tmp_path / "alerts.json").read_text())["open"]) == len(broken()) == len(receiver.alerts)


def test_a_folder_that_cannot_be_written_is_a_note(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("ours")
    run = made(receiver, tmp_path / "taken")
    run.concluded(failing())
    assert any(note.startswith("alerts: ") for note in run.close())
    assert receiver.alerts


def settings(**changes: Any) -> Alerts:
    return msgspec.convert({"on": ALERT_KINDS, "project": "shop", **NO_CHANNEL, **changes}, Alerts)


NO_CHANNEL = {"apprise_env": (), "apprise_files": (), "webhook_env": None, "webhook_secret_env": None}


def test_channels_are_those_that_have_their_secrets_and_the_others_are_noted_without_them(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text("# ours\njson://127.0.0.1:1/one\n\nnosuch://hunter2\n")
    asked = settings(
        apprise_env=("A", "B"), apprise_files=(str(listed), str(tmp_path / "gone")), webhook_env="URL", webhook_secret_env="KEY"
    )
    notes: list[str] = []
    environ = {"URL": "https://hooks.example/hunter2", "KEY": "s", "A": "json://127.0.0.1:1 jsons://127.0.0.1:2"}
    found = channels(asked, environ, notes.append)
    assert [channel.name for channel in found] == [
        "webhook at hooks.example",
        "apprise json (A)",
        "apprise jsons (A)",
        f"apprise json ({listed})",
    ]
    assert notes == [
        "no alerts by B: the environment variable is not set",
        f"no alerts by {listed}: it holds an address that Apprise does not understand",
        f"no alerts by {tmp_path / 'gone'}: it cannot be read: No such file or directory",
    ]
    assert "hunter2" not in str(notes)


@pytest.mark.parametrize(
    ("environ", "note"),
    [
        ({}, "no alerts by URL: the environment variable is not set"),
        ({"URL": "https://x.example"}, "no alerts by URL: the environment variable KEY is not set, so nothing could be signed"),
        ({"URL": "hunter2", "KEY": "k"}, "no alerts by URL: it holds no address that begins with https://"),
    ],
)
def test_a_webhook_without_address_or_secret_is_none(environ: dict[str, str], note: str) -> None:
    notes: list[str] = []
    assert channels(settings(webhook_env="URL", webhook_secret_env="KEY"), environ, notes.append) == []
    assert notes == [note]


def test_apprise_delivers_title_and_facts(receiver: Receiver, tmp_path: Path) -> None:
    address = receiver.url.replace("http://", "json://")
    run = Alerter(SETTINGS, tmp_path, [Apprise(address, "A")], clock=lambda: NOW, sleep=never)
    run.concluded(failing())
    assert run.close() == []
    first = receiver.alerts[0]
    assert first["title"].startswith("[warning] 127.0.0.1") and first["type"] == "warning"
    assert "observed" in first["message"] and "key shop/" in first["message"]
    assert len(re.findall("^- ", first["message"], re.MULTILINE)) <= 5


def test_apprise_that_is_refused_is_tried_again_and_noted() -> None:
    with receiving(500) as receiver:
        pauses: list[float] = []
        notes: list[str] = []
        sender = Sender([Apprise(receiver.url.replace("http://", "json://"), "A")], notes.append, sleep=pauses.append)
        assert not sender.send(ALERT)
    assert pauses == list(PAUSES_S)
    assert notes == ["an alert was not sent by apprise json (A): it was not taken: t"]


def test_a_plug_in_that_raises_is_a_channel_that_did_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Apprise("json://127.0.0.1:1", "A")
    monkeypatch.setattr(channel._service, "notify", lambda **_: 1 / 0)
    with pytest.raises(NotDelivered, match="ZeroDivisionError in Apprise") as caught:
        channel.send(ALERT)
    assert not caught.value.again


def test_the_text_of_an_alert_has_at_most_five_facts() -> None:
    full = msgspec.structs.replace(ALERT, observed="2 s", limit="< 1 s", baseline="main", since_s=3.0, load="at 5/s", tenants="two")
    text = told(msgspec.structs.replace(full, facts=["a", "b", "c", "d", "e"], next_action="look", links={"report": "r.html"}))
    assert text.splitlines() == [
        "r",
        "- observed 2 s, limit < 1 s, baseline main",
        "- since second 3 of the load, at 5/s",
        "- two",
        "- a",
        "- b",
        "next: look",
        "report: r.html",
        "firing, key k",
    ]


def test_without_a_channel_there_are_no_alerts(tmp_path: Path) -> None:
    assert alerter(load_config(environ={}, folder=tmp_path), {}) is None
    (tmp_path / "tenantry.toml").write_text('[alerts]\napprise_env = ["A"]\n')
    made = alerter(load_config(environ={}, folder=tmp_path), {})
    assert made is not None
    assert made.close() == ["no alerts by A: the environment variable is not set"]


def test_the_job_is_linked_as_each_ci_tells_it() -> None:
    github = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    assert job_link(github) == {"job": "https://github.com/a/b/actions/runs/7"}
    assert job_link({"CI_JOB_URL": "https://gitlab/1"}) == {"job": "https://gitlab/1"}
    assert job_link({}) == {}


def test_what_another_process_tells_meanwhile_is_kept(tmp_path: Path) -> None:
    ours, theirs, over = (
        Incident(kind="threshold", project="shop", workload=name, title="slow", since="2026-11-23T10:00:00Z") for name in ("a", "b", "c")
    )
    change_incidents(tmp_path, {}, {"over": over})
    before = read_incidents(tmp_path)
    change_incidents(tmp_path, before, {**before, "theirs": theirs})
    change_incidents(tmp_path, before, {"ours": ours})
    assert read_incidents(tmp_path) == {"ours": ours, "theirs": theirs}


def test_two_processes_that_tell_of_incidents_at_once_lose_none(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tenantry.alerts.state import Incident, change_incidents
for number in range(40):
    new = Incident(kind="threshold", project="shop", workload="w", title="slow", since="2026-11-23T10:00:00Z")
    change_incidents(Path(sys.argv[1]), {}, {f"{sys.argv[2]}-{number}": new})
"""
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stderr=subprocess.PIPE) for name in ("a", "b", "c")]
    assert [(process.wait(60), process.communicate()[1]) for process in started] == [(0, b"")] * 3
    assert set(read_incidents(tmp_path)) == {f"{name}-{number}" for name in ("a", "b", "c") for number in range(40)}
