"""The same rows, checks and removal on every supported version of Postgres; version by version beside the machine's own server."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fingerprint import catalog, contents
from running_clinic import Database
from test_experiment_changes import PETS, finding, statistics, tried
from test_init import SCHEMA, init

from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.experiment.model import Site
from tenantry.postgres import Postgres, Source, start_postgres
from tenantry_clinic.dataset import clinic

INSTALLED = Path(__file__).parents[1] / "postgres" / "node_modules"
VERSIONS = ("14", "16", "17", "18")

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="no binaries of other versions"),
]


@pytest.fixture(scope="module")
def expected(new_database: Callable[[], str]) -> dict[str, str]:
    """The rows of five clinics, as the machine's own server holds them."""
    dsn = new_database()
    seed(Population(clinic, 5), dsn)
    return contents(Database(dsn))


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A throwaway server of that version; `make postgres` installs it."""
    binaries = INSTALLED / f"postgres-{request.param}" / "native" / "bin"
    with start_postgres(Source("wheel", bin=binaries, version=request.param)) as postgres:
        database = Database(postgres.dsn)
        assert database.value("SHOW server_version").startswith(f"{request.param}.")
        yield database


def test_a_dataset_is_seeded_topped_up_verified_and_removed(server: Database, expected: dict[str, str]) -> None:
    seeded = seed(Population(clinic, 3), server.dsn)
    added = add_tenants(clinic, 2, server.dsn)
    assert (seeded.verification.not_checked, added.verification.not_checked) == ([], [])
    assert contents(server) == expected
    assert check(clinic, server.dsn).verification.rows["pets"] == 500
    before = catalog(server)
    assert len(before["policies"]) == 13 and len(before["indexes"]) > 20
    gone = clean(clinic, server.dsn, yes=True)
    assert (gone.tenants, gone.removed["pets"]) == (5, 500)
    assert set(contents(server).values()) == {None}
    assert catalog(server) == before


def test_a_draft_from_the_catalog_says_the_same(server: Database, postgres: Postgres, tmp_path: Path) -> None:
    drafts: list[str] = []
    for owner in (postgres.dsn, server.dsn):
        Database(owner).run("DROP DATABASE IF EXISTS drafted", "CREATE DATABASE drafted")
        dsn = f"{owner.rpartition('/')[0]}/drafted"
        Database(dsn).run(SCHEMA, "SELECT 1")
        done = init(tmp_path, dsn, "--out", str(tmp_path / f"draft_{len(drafts)}.py"))
        assert done.returncode == 0, done.stderr
        drafts.append((tmp_path / f"draft_{len(drafts)}.py").read_text())
    assert drafts[0] == drafts[1]


def test_what_an_experiment_does_to_statistics_and_settings_is_undone(server: Database) -> None:
    more = "INSERT INTO pets SELECT n, 7, 'new' FROM generate_series(5001, 50000) AS n"
    server.run("CREATE SCHEMA trial", "SET search_path = trial", *PETS, more, "SELECT 1")
    try:
        before, definitions = statistics(server), catalog(server)
        with tried(Site(server.dsn), finding("stale_statistics", table="trial.pets")):
            assert statistics(server) != before
        with tried(Site(server.dsn), finding("wal_checkpoints", "ALTER SYSTEM SET max_wal_size = '4GB'")):
            assert server.value("SHOW max_wal_size") == "4GB"
        assert (statistics(server), catalog(server)) == (before, definitions)
    finally:
        server.run("DROP SCHEMA trial CASCADE", "SELECT 1")
