"""Experiments without an app: what they count for in the answer, the load that they repeat, and what is refused before anything is sent."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from observed import Scene, first, problems, scan
from test_overrides import plan

from tenantry.cli.diagnose import command
from tenantry.diagnose.answer import diagnose
from tenantry.diagnose.model import Diagnosis, Finding, Fix
from tenantry.diagnose.tried import EXPERIMENTS
from tenantry.errors import TargetError, UsageError
from tenantry.experiment import changes
from tenantry.experiment.changes import change_for
from tenantry.experiment.load import held
from tenantry.experiment.model import Change, NotTried, Restart, Site
from tenantry.plan.closed import ConstantVus, PerVuIterations, RampingVus, Stage
from tenantry.plan.open import ConstantRate, RampingRate, RateStage
from tenantry.plan.profiles import Profile
from tenantry.prepare import Prepared, prepare
from tenantry.report import findings
from tenantry.results import open_run
from tenantry.scenario.workload import Workload
from tenantry.tenants import zipf
from tenantry.units import NS
from tenantry_clinic.dataset import clinic

OWN = "(clinic_id = $0)"
SENTENCE = "CREATE INDEX here: GET / p95 812 -> 190 ms, measured."


def slow(folder: Path) -> Path:
    """A run with two problems: the larger one a missing index, the other a service that is slow."""
    scene = Scene()
    scene.calm()
    scene.endpoint(db=100, app=2, ext=60)
    scene.sessions(5, query_id="1", route="GET /")
    scene.table("records")
    scene.index("records", "clinic_id")
    plan = scan("records", kept=f"({OWN} AND (pet_id = $1))")
    scene.statement("1", "SELECT * FROM records WHERE pet_id = $1", calls=500, ms=95, blocks=2000, plan=plan)
    assert problems(scene.diagnosed(folder))[0] == "missing_index"
    return folder


def tried(folder: Path, outcome: str, *, refutes: bool = True) -> Diagnosis:
    """The diagnosis once that came of the index."""
    figure = {"figure": "p95", "without": 0.812, "with": 0.19, "change": -0.77, "low": -0.79, "high": -0.74}
    experiment = {
        "finding": "missing_index",
        "outcome": outcome,
        "sentence": SENTENCE,
        "change": "create_index",
        "decided_by": "p95",
        "refutes": refutes,
        "series": [{"name": "GET /", "figures": [figure]}],
    }
    (folder / EXPERIMENTS).write_text(json.dumps({"block_s": 15.0, "after_s": 1, "experiments": [experiment]}))
    with open_run(folder) as run:
        return diagnose(run)


def test_a_remedy_that_helped_takes_half_of_the_doubt_away(tmp_path: Path) -> None:
    with open_run(slow(tmp_path)) as run:
        before = first(diagnose(run)).confidence
    told = tried(tmp_path, "better")
    assert first(told).confidence == pytest.approx((1 + before) / 2)
    assert told.reason.endswith(SENTENCE)
    shown = first(told).as_dict()["experiment"]
    assert (shown["outcome"], shown["confidence_before"], shown["series"][0]["figures"][0]["with"]) == ("better", round(before, 3), 0.19)


def test_a_remedy_that_did_not_help_halves_the_confidence_and_the_finding_comes_last(tmp_path: Path) -> None:
    with open_run(slow(tmp_path)) as run:
        plain = diagnose(run)
    told = tried(tmp_path, "no effect")
    assert problems(told) == [*problems(plain)[1:], "missing_index"]
    refuted = next(finding for finding in told.findings if finding.id == "missing_index")
    assert refuted.confidence == pytest.approx(first(plain).confidence / 2)
    assert [finding.rank for finding in told.findings] == list(range(1, len(told.findings) + 1))
    if len(problems(plain)) == 1:
        assert told.verdict == "cannot_tell"


@pytest.mark.parametrize(("outcome", "refutes"), [("cannot tell", True), ("not tried", True), ("no effect", False), ("worse", False)])
def test_what_proves_nothing_changes_nothing(outcome: str, refutes: bool, tmp_path: Path) -> None:
    with open_run(slow(tmp_path)) as run:
        plain = diagnose(run)
    told = tried(tmp_path, outcome, refutes=refutes)
    assert [(each.id, each.confidence) for each in told.findings] == [(each.id, each.confidence) for each in plain.findings]


def test_a_damaged_file_is_told_and_the_findings_stay(tmp_path: Path) -> None:
    (slow(tmp_path) / EXPERIMENTS).write_text("{")
    with open_run(tmp_path) as run:
        told = diagnose(run)
    assert problems(told)[0] == "missing_index"
    assert any(EXPERIMENTS in text for text in told.unseen)


def test_reports_say_what_was_tried_with_its_interval(tmp_path: Path) -> None:
    told = tried(slow(tmp_path), "better").as_dict()
    lines = "\n".join(line.plain for line in findings.lines({"diagnosis": told}, 400))
    wanted = "812 -> 190 ms, measured. That is -77 % (95 % interval -79 to -74 %)."
    assert wanted in lines
    assert findings.shown({"findings": told["findings"]})[0].tried.endswith(wanted)
    assert "812 -" in findings.tried(told["findings"][0])


def prepared(*profiles: Profile, **more: Any) -> Prepared:
    made = plan(**{f"s{number}": profile for number, profile in enumerate(profiles)})
    return Prepared(Workload(parts=()), replace(made, **more), ())


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (ConstantRate(rate=Fraction(60), duration_ns=60 * NS, max_vus=9, graceful_stop_ns=NS), ("constant_rate", Fraction(60))),
        (ConstantVus(vus=7, duration_ns=60 * NS, graceful_stop_ns=NS), ("constant_vus", 7)),
        (
            RampingRate(
                start=Fraction(0),
                stages=(RateStage(NS, Fraction(80)), RateStage(NS, Fraction(5))),
                max_vus=9,
                graceful_stop_ns=NS,
            ),
            ("constant_rate", Fraction(80)),
        ),
        (
            RampingVus(start=1, stages=(Stage(NS, 30), Stage(NS, 0)), graceful_stop_ns=NS, graceful_ramp_down_ns=NS),
            ("constant_vus", 30),
        ),
        (PerVuIterations(iterations=3, vus=4, max_duration_ns=60 * NS, graceful_stop_ns=NS), ("constant_vus", 4)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_block_holds_the_highest_load_of_a_profile(profile: Profile, expected: tuple[str, object]) -> None:
    (stream,) = held(prepared(profile, thresholds=("failures < 1%",)), 15 * NS).plan.streams
    assert (stream.profile.kind, stream.profile.amounts[0], stream.profile.duration_ns) == (*expected, 15 * NS)


def test_a_block_has_no_thresholds() -> None:
    profile = ConstantVus(vus=7, duration_ns=60 * NS, graceful_stop_ns=NS)
    assert held(prepared(profile, thresholds=("failures < 1%",)), NS).plan.thresholds == ()


def test_scenarios_that_begin_one_after_another_are_no_load_to_repeat() -> None:
    profile = ConstantVus(vus=7, duration_ns=60 * NS, graceful_stop_ns=NS)
    base = prepared(profile, profile)
    streams = (base.plan.streams[0], replace(base.plan.streams[1], start_after=5 * NS))
    with pytest.raises(UsageError, match="begins after other scenarios"):
        held(replace(base, plan=replace(base.plan, streams=streams)), NS)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder in `runs`, on a target that nobody marked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = slow(tmp_path / "runs" / "a-run")
    manifest = json.loads((folder / "run.json").read_text()) | {"target": "http://127.0.0.1:8000"}
    (folder / "run.json").write_text(json.dumps(manifest))
    return folder


def refused(*arguments: str) -> str:
    ran = CliRunner().invoke(command, ["a-run", *arguments])
    assert isinstance(ran.exception, UsageError), ran.output
    return str(ran.exception)


@pytest.mark.usefixtures("stored")
def test_without_the_owners_dsn_an_experiment_says_which_variable_holds_it() -> None:
    assert "DATABASE_URL is not set" in refused("--experiment")


@pytest.mark.usefixtures("stored")
def test_places_that_are_not_marked_are_named_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:5432/shop")
    message = refused("--experiment")
    assert "127.0.0.1:8000 and 127.0.0.1:5432/shop may not be changed by an experiment" in message
    assert '[safety] disposable = ["127.0.0.1:8000", "127.0.0.1:5432/shop"]' in message
    assert "secret" not in message
    monkeypatch.setenv("TENANTRY_SAFETY_DISPOSABLE", "127.0.0.1:8000,127.0.0.1:5432/other")
    assert refused("--experiment").startswith("--experiment: 127.0.0.1:5432/shop may not")


@pytest.mark.usefixtures("stored")
def test_a_run_that_does_not_say_what_it_carried_out_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:5432/shop")
    monkeypatch.setenv("TENANTRY_SAFETY_DISPOSABLE", "127.0.0.1:8000,127.0.0.1:5432/shop")
    assert "its load cannot be repeated" in refused("--experiment")


@pytest.mark.usefixtures("stored")
def test_blocks_that_are_too_short_or_without_an_experiment_are_refused() -> None:
    assert "4s is too short" in refused("--experiment", "--block", "4s")
    assert "add --experiment" in refused("--block", "10s")


WORKLOADS = """
from tenantry import Vu, constant_rate, scenario, workload

@scenario
async def visit(vu: Vu) -> None: ...

calm = workload(visit, constant_rate("RATE", "10s", max_vus=5))
"""


def test_a_workload_that_has_changed_since_is_another_load(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = stored.parents[1] / "calm_visits.py"
    file.write_text(WORKLOADS.replace("RATE", "5/s"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/shop")
    monkeypatch.setenv("TENANTRY_SAFETY_DISPOSABLE", "127.0.0.1:1,127.0.0.1:1/shop")
    ready = prepare(f"{file.name}:calm", target="http://127.0.0.1:1", overrides={"duration": "20s"})
    assert ready.source == {"workload": f"{file}:calm", "set": {"duration": "20s"}}
    manifest = json.loads((stored / "run.json").read_text()) | {
        "target": ready.plan.target,
        "plan": ready.plan.as_dict(),
        "source": ready.source,
    }
    (stored / "run.json").write_text(json.dumps(manifest))
    same = CliRunner().invoke(command, ["a-run", "--experiment"])
    assert isinstance(same.exception, TargetError), "it is the same load, and only then somebody looks for the app"
    file.write_text(WORKLOADS.replace("RATE", "6/s"))
    assert "no longer what the run carried out: streams of its plan differ" in refused("--experiment")


def test_the_password_of_a_proxy_is_not_stored() -> None:
    base = replace(prepared(), spec="clinic.workloads:mixed", overrides={"http.proxy": "http://me:secret@127.0.0.1:3128", "rate": "5/s"})
    assert base.source == {"workload": "clinic.workloads:mixed", "set": {"rate": "5/s"}}
    assert prepared().source is None, "quick has no workload to load"


NOWHERE: Any = None


def change_of(name: str, base: Prepared, site: Site | None = None) -> Change:
    """The change for a finding that asks no database."""
    return change_for(Finding(name, 0.5, 0.8, "", (), Fix("")), NOWHERE, site or Site(""), base)


def test_the_generator_gets_one_more_process_where_there_is_a_core_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    base = prepared(ConstantVus(vus=7, duration_ns=60 * NS, graceful_stop_ns=NS))
    monkeypatch.setattr(changes, "cores", lambda: 2)
    made = change_of("generator", base)
    assert made.load is not None and made.load(base).plan.share == (0, 2)
    assert (made.title, made.refutes) == ("2 load processes", False)
    with pytest.raises(NotTried, match="no core, or no virtual user, for a load process number 3"):
        change_of("generator", made.load(base))


def test_a_tenant_that_takes_the_database_is_left_out_of_the_load() -> None:
    base = prepared()
    base = replace(base, workload=replace(base.workload, dataset=clinic), plan=replace(base.plan, tenants=12))
    finding = Finding("noisy_tenant", 0.5, 0.8, "", (), Fix(""), subject={"tenant": "7"})
    made = change_for(finding, NOWHERE, Site(""), base)
    assert made.load is not None and str(made.load(base).plan.tenant_choice) == "uniform without number 7"
    assert (made.title, made.refutes) == ("A load without tenant 7", False)
    with pytest.raises(NotTried, match="13 is no tenant that the load could leave out"):
        change_for(replace(finding, subject={"tenant": "13"}), NOWHERE, Site(""), base)
    with pytest.raises(NotTried, match="does not draw its tenants from a dataset"):
        change_for(finding, NOWHERE, Site(""), prepared())


@pytest.mark.parametrize("name", ["hot_row_lock", "advisory_lock"])
def test_where_a_tenants_own_key_is_hot_the_load_is_spread_over_all_tenants(name: str) -> None:
    base = prepared()
    uneven = replace(base, workload=replace(base.workload, dataset=clinic), plan=replace(base.plan, tenants=12, tenant_choice=zipf(2.0)))
    finding = Finding(name, 0.5, 0.8, "", (), Fix(""), subject={"tenant": "7"})
    made = change_for(finding, NOWHERE, Site(""), uneven)
    assert made.load is not None and str(made.load(uneven).plan.tenant_choice) == "zipf(2) evenly"
    assert (made.kind, made.refutes) == ("spread_tenants", False)


@pytest.mark.parametrize("what", ["a key of all tenants", "a load that is even", "a load without tenants"])
def test_else_a_hot_lock_is_tried_with_commits_that_do_not_wait(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    even = prepared()
    if what != "a load without tenants":
        even = replace(even, workload=replace(even.workload, dataset=clinic), plan=replace(even.plan, tenants=12))
    uneven = replace(even, plan=replace(even.plan, tenant_choice=zipf(2.0)))
    base = even if what == "a load that is even" else uneven
    subject = {} if what == "a key of all tenants" else {"tenant": "7"}
    asynchronous = Change(kind="setting", title="", statement="")
    spread, _ = changes.CHANGES["hot_row_lock"]
    monkeypatch.setitem(changes.CHANGES, "hot_row_lock", (spread, lambda *_: asynchronous))
    finding = Finding("hot_row_lock", 0.5, 0.8, "", (), Fix(""), subject=subject)
    assert change_for(finding, NOWHERE, Site(""), base) is asynchronous


def test_the_pool_of_an_app_that_is_ours_is_made_larger_by_starting_it_anew() -> None:
    made = change_of("app_pool_small", prepared(), Site("", restart=Restart(lambda pool: None, 20)))
    assert (made.pool, made.title, made.do) == (20, "A pool of 20", ())
