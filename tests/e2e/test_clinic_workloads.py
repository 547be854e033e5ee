"""The clinic's workloads against the real app, and what keeps them from loading another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from breakable import TENANTS, App, Spoil, breakable, failed_checks, with_values
from running_clinic import Database

from tenantry.errors import TargetError
from tenantry.scenario.workload import Workload
from tenantry_clinic import workloads
from tenantry_clinic.web import answer

WORKLOADS = sorted(name for name, value in vars(workloads).items() if isinstance(value, Workload))


@pytest.fixture(scope="module")
def running(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with breakable(new_database(), tmp_path_factory.mktemp("workloads")) as app:
        yield app


@pytest.fixture
def app(running: App) -> App:
    running.mend()
    return running


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_workload_runs_at_small_scale_without_a_failure(app: App, workload: str) -> None:
    # Its limits are judged over ten seconds.
    rate, duration = ("20/s", "10s") if workload == "breakpoint" else ("90/s", "1.5s")
    told = app.run(workload, rate=rate, duration=duration)
    assert (told["totals"]["failures"], failed_checks(told), told["errors"]) == (0, set(), [])
    # As quick as the machine happens to be, but judged.
    assert told["verdict"] != "no_data", told["reason"]
    least = 20 if workload == "smoke" else 130  # one virtual user does as much as the machine lets it do
    assert told["totals"]["requests"] >= least and told["checks"]


@pytest.mark.parametrize(
    ("operation", "spoil", "message"),
    [
        ("GET /api/dashboard", with_values(patients=99), "the app shows 99 patients of loadtest-00001 where 100"),
        ("GET /api/patients/{id}", with_values(name="somebody"), "should be"),
    ],
)
def test_another_population_is_refused_before_the_load(app: App, operation: str, spoil: Spoil, message: str) -> None:
    app.spoilt[operation] = spoil
    with pytest.raises(TargetError, match=message):
        app.run("smoke")


def test_a_clinic_that_was_not_seeded_is_named(app: App) -> None:
    with pytest.raises(TargetError, match=r"nothing where 100 patients of loadtest-00013 .* --tenants 13"):
        app.run("smoke", tenants=13)


def test_an_app_that_is_not_well_gets_no_load(app: App) -> None:
    app.instead["GET /api/health"] = lambda: answer({"status": "unavailable"}, 503)
    with pytest.raises(TargetError, match="503"):
        app.run("smoke")


def test_tokens_of_another_secret_are_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_SECRET", "another-secret-of-thirty-two-bytes-or-more")
    with pytest.raises(TargetError, match="the same CLINIC_SECRET"):
        app.run("smoke")


def test_teardown_removes_what_the_run_made(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(app.dsn)
    made = "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM appointments WHERE id >= 1000000000000)"
    app.run("checkout")
    app.run("booking")
    assert database.value(made) > 0
    monkeypatch.setenv("DATABASE_URL", app.dsn)
    app.run("booking")
    assert database.value(made) == 0
    assert database.value("SELECT count(*) FROM appointments") == 50 * TENANTS
