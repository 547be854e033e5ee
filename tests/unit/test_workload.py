"""A workload takes its parts in three shapes, and tells everything that is wrong with them at once."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry import Scenario, Vu, Workload, constant_rate, constant_vus, mix, ramping_vus, scenario, setup, workload
from tenantry.errors import UsageError, UsageErrors
from tenantry.units import NS

TARGET = "http://127.0.0.1:8000"
VUS = constant_vus(5, "10s")


@scenario
async def dashboard(vu: Vu) -> None:
    await vu.get("/")


@scenario(tags={"kind": "write"})
async def booking(vu: Vu) -> None:
    await vu.get("/")


@scenario(name="dashboard")
async def another(vu: Vu) -> None:
    await vu.get("/")


@scenario  # type: ignore[arg-type]
def not_async(vu: Vu) -> None:
    return None


@scenario
async def yielding(vu: Vu) -> Any:
    yield vu


@scenario  # type: ignore[arg-type]
async def without_vu() -> None:
    return None


async def plain(vu: Vu) -> None:
    await vu.get("/")


class Clinic:
    name = "clinic"


def test_a_mix_is_one_stream_named_as_the_workload() -> None:
    plan = workload(mix({dashboard: 35, booking: 10.5}), VUS).plan(target=TARGET)
    (stream,) = plan.streams
    assert (stream.name, stream.scenarios) == ("workload", (("dashboard", 35.0), ("booking", 10.5)))
    assert plan.scenarios == ("dashboard", "booking")


def test_a_scenario_alone_is_one_stream() -> None:
    plan = workload(dashboard, VUS).plan(target=TARGET)
    assert plan.streams[0].scenarios == (("dashboard", 1.0),)


def test_scenarios_side_by_side_are_streams_of_their_own_names() -> None:
    plan = workload(dashboard.at(VUS), booking.at(constant_rate("5/s", "30s", max_vus=3))).plan(target=TARGET)
    assert [(stream.name, stream.profile.kind) for stream in plan.streams] == [("dashboard", "constant_vus"), ("booking", "constant_rate")]
    assert (plan.duration_ns, plan.max_vus) == (30 * NS, 8)


def test_a_weight_of_zero_leaves_a_scenario_out() -> None:
    assert workload(mix({dashboard: 1, booking: 0}), VUS).plan(target=TARGET).streams[0].scenarios == (("dashboard", 1.0),)


def test_options_reach_the_plan() -> None:
    made = workload(
        dashboard, VUS, dataset=Clinic(), thresholds=["failures < 1%"], rng_seed=7, request_timeout="5s", connect_timeout=1, tags={"a": "b"}
    )
    plan = made.plan(target=TARGET, tenants=200)
    assert (plan.dataset, plan.tenants, plan.rng_seed, plan.thresholds) == ("clinic", 200, 7, ("failures < 1%",))
    assert (plan.request_timeout_ns, plan.connect_timeout_ns, plan.tags) == (5 * NS, NS, {"a": "b"})


def test_one_threshold_may_be_given_as_text() -> None:
    assert workload(dashboard, VUS, thresholds="failures < 1%").thresholds == ("failures < 1%",)


def test_a_plan_is_plain_data() -> None:
    plain = workload(dashboard, ramping_vus(("1s", 2))).plan(target=TARGET).as_dict()
    assert plain["target"] == TARGET
    assert plain["duration_ns"] == NS
    assert plain["scenarios"] == ["dashboard"]


def test_a_scenario_knows_its_name_tags_and_place() -> None:
    assert (booking.name, booking.tags) == ("booking", {"kind": "write"})
    assert booking.location.file == __file__


def test_a_decorated_hook_stays_the_function_it_was() -> None:
    async def ready(vu: Vu) -> dict[str, str]:
        return {}

    assert setup(ready) is ready


BAD: list[tuple[str, Callable[[], Workload], str]] = [
    ("nothing", lambda: workload(), "the workload is empty"),
    ("no profile", lambda: workload(dashboard), "no load profile"),
    ("a profile alone", lambda: workload(VUS), "made of ConstantVus"),
    ("two profiles", lambda: workload(dashboard, VUS, VUS), "made of Scenario, ConstantVus, ConstantVus"),
    ("a plain function", lambda: workload(plain, VUS), "plain is not a scenario but a plain function"),  # type: ignore[arg-type]
    ("a plain function in a mix", lambda: workload(mix({plain: 1}), VUS), "plain in the mix is not a scenario"),  # type: ignore[dict-item]
    ("an empty mix", lambda: workload(mix({}), VUS), "the mix is empty"),
    ("weights of zero", lambda: workload(mix({dashboard: 0, booking: 0}), VUS), "all weights of the mix are zero"),
    ("a negative weight", lambda: workload(mix({dashboard: -1}), VUS), "the weight of dashboard is -1"),
    ("a weight in words", lambda: workload(mix({dashboard: "all"}), VUS), "the weight of dashboard is 'all'"),  # type: ignore[dict-item]
    ("an endless weight", lambda: workload(mix({dashboard: float("inf")}), VUS), "the weight of dashboard is inf"),
    ("two scenarios of one name", lambda: workload(mix({dashboard: 1, another: 1}), VUS), "two scenarios are named dashboard"),
    ("two profiles for one scenario", lambda: workload(dashboard.at(VUS), dashboard.at(VUS)), "more than one load profile"),
    ("a scenario at no profile", lambda: workload(dashboard.at("5m")), "the load profile of dashboard is '5m'"),  # type: ignore[arg-type]
    ("a function that is not async", lambda: workload(not_async, VUS), "not_async is not async"),
    ("a function with a yield", lambda: workload(yielding, VUS), "yielding has a yield"),
    ("a function without virtual user", lambda: workload(without_vu, VUS), "does not take exactly one virtual user"),
    ("a faulty profile", lambda: workload(dashboard, constant_vus(0, "5m")), "vus is 0"),
    ("a faulty profile of its own", lambda: workload(dashboard.at(constant_vus(0, "5m"))), "vus is 0"),
    ("a negative seed", lambda: workload(dashboard, VUS, rng_seed=-1), "rng_seed is -1"),
    ("a time-out of zero", lambda: workload(dashboard, VUS, request_timeout=0), "request_timeout is zero"),
    ("an unknown choice of tenants", lambda: workload(dashboard, VUS, tenant_choice="unifrom"), "unknown tenant_choice 'unifrom'"),
    ("a dataset by name", lambda: workload(dashboard, VUS, dataset="clinic"), "dataset is 'clinic'"),  # type: ignore[arg-type]
    ("a threshold that is no text", lambda: workload(dashboard, VUS, thresholds=[5]), "threshold 5 is not text"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_faulty_workload_has_no_plan(make: Callable[[], Workload], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make().plan(target=TARGET)
    assert message in caught.value.what
    assert "test_workload.py:" in str(caught.value)


def test_all_faults_are_told_together() -> None:
    made = workload(mix({dashboard: -1, not_async: 1}), constant_vus(0, "-5m"), rng_seed=-1)
    with pytest.raises(UsageErrors) as caught:
        made.plan(target=TARGET, overrides={"colour": "red"})
    words = [fault.what for fault in caught.value.faults]
    assert len(words) == 6, words


def test_scenarios_are_told_apart_by_identity() -> None:
    assert isinstance(dashboard, Scenario)
    assert dashboard != another
    assert len({dashboard, another, dashboard}) == 2
