"""What the database remembers of a seeding, and what follows from it: more tenants, verification, tenants of different sizes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
from commandline import Done, Shell, one_message
from fingerprint import contents
from running_clinic import Database
from test_seed import refused
from test_seed_commands import DATASET, document, tenantry
from truth import TruthServer

from tenantry.datasets import Dataset, Table, integer, lognormal, parent, per, poisson, words
from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, resume, seed
from tenantry.datasets.population import Population
from tenantry_clinic.dataset import clinic

TABLES = tuple(clinic.tables)
REMEMBERED = "SELECT to_jsonb(d) - 'seeded_at' FROM tenantry.datasets d"


def skewed() -> Dataset:
    """The clinic with clinics of different sizes, and records for each pet."""
    records = Table(per("pets", poisson(2)), {**clinic.tables["medical_records"].columns, "pet_id": parent()})
    prescribed = Table(per("medical_records", integer(0, 1)), {**clinic.tables["prescriptions"].columns, "record_id": parent()})
    pets, invoices = clinic.tables["pets"].columns, clinic.tables["invoices"].columns
    changed = {"pets": Table(lognormal(30, 1, 1, 500), pets), "invoices": Table(poisson(4), invoices), "medical_records": records}
    changed["prescriptions"] = prescribed
    return dataclasses.replace(clinic, tables={**clinic.tables, **changed})


SKEWED = skewed()


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


@pytest.mark.parametrize("dataset", [clinic, SKEWED], ids=["clinic", "skewed"])
def test_tenants_added_later_make_the_same_rows_as_all_at_once(dataset: Dataset, new_database: Callable[[], str]) -> None:
    once, twice = Database(new_database()), Database(new_database())
    seed(Population(dataset, 9), once.dsn)
    seed(Population(dataset, 4), twice.dsn)
    added = add_tenants(dataset, 5, twice.dsn)
    assert contents(once) == contents(twice)
    assert json.loads(once.value(REMEMBERED)) == json.loads(twice.value(REMEMBERED))
    assert (added.tenants, added.verification.rows["pets"]) == (9, Population(dataset, 9).count("pets"))
    assert added.rows["pets"] == Population(dataset, 9).count("pets") - Population(dataset, 4).count("pets")


def test_tenants_of_different_sizes_are_what_the_catalog_and_the_policies_see(fresh: Database) -> None:
    population = Population(SKEWED, 40)
    result = seed(population, fresh.dsn)
    for table in ("pets", "invoices", "medical_records"):
        counted = fresh.run(f"SELECT clinic_id, count(*)::int FROM {table} GROUP BY 1")
        found = {row[0]: row[1] for row in counted}
        assert found == {tenant + 1: population.count(table, tenant) for tenant in range(40) if population.count(table, tenant)}
        assert len(set(found.values())) > 5
    for tenant in (1, 20, 40):
        assert result.verification.isolation[str(tenant)]["pets"] == population.count("pets", tenant - 1)
    assert fresh.value("SELECT count(*) FROM appointments a JOIN pets p ON p.id = a.pet_id WHERE p.clinic_id <> a.clinic_id") == 0


def test_the_database_remembers_what_was_seeded_until_it_is_cleaned(fresh: Database) -> None:
    seed(Population(clinic, 3, rng_seed=7), fresh.dsn)
    known = json.loads(fresh.value(REMEMBERED))
    assert (known["name"], known["rng_seed"], known["tenants"]) == (clinic.name, 7, 3)
    assert known["rows"] == {table: Population(clinic, 3).count(table) for table in TABLES}
    clean(clinic, fresh.dsn, yes=False)
    assert json.loads(fresh.value(REMEMBERED)) == known
    clean(dataclasses.replace(clinic, rng_seed=7), fresh.dsn, yes=True)
    assert fresh.value("SELECT count(*) FROM tenantry.datasets") == 0


def test_more_tenants_need_those_that_this_declaration_made(fresh: Database) -> None:
    with refused("nothing was seeded of the dataset clinic", "tenantry seed"):
        add_tenants(clinic, 2, fresh.dsn)
    seed(Population(clinic, 2), fresh.dsn)
    before = contents(fresh)
    with refused("was seeded with the rng_seed", "--rng-seed"):
        add_tenants(clinic, 2, fresh.dsn, rng_seed=99)
    with refused("was declared otherwise when it was seeded", "clean and seed anew"):
        add_tenants(SKEWED, 2, fresh.dsn)
    foreign = """jsonb_populate_record(c, '{"id": 4, "slug": "a-foreign-one"}')"""
    fresh.run(f"INSERT INTO clinics SELECT ({foreign}).* FROM clinics c WHERE id = 1", "SELECT 1")
    with refused("clinics has 1 rows with the keys 3 to 4 already"):
        add_tenants(clinic, 2, fresh.dsn)
    assert {table: found for table, found in contents(fresh).items() if table != "clinics"} == {
        table: found for table, found in before.items() if table != "clinics"
    }
    assert json.loads(fresh.value(REMEMBERED))["tenants"] == 2


def test_a_load_that_fails_late_leaves_no_trace_in_memory(fresh: Database) -> None:
    seed(Population(clinic, 2), fresh.dsn)
    fresh.run(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no invoices today'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION no()",
        "SELECT 1",
    )
    before = contents(fresh)
    with refused("no invoices today"):
        add_tenants(clinic, 1, fresh.dsn)
    assert contents(fresh) == before
    assert json.loads(fresh.value(REMEMBERED))["tenants"] == 2


def test_verifying_finds_what_is_missing_and_writes_nothing(fresh: Database) -> None:
    seed(Population(SKEWED, 5), fresh.dsn)
    found = check(SKEWED, fresh.dsn)
    assert (found.tenants, found.verification.rows["pets"]) == (5, Population(SKEWED, 5).count("pets"))
    fresh.run("DELETE FROM invoices WHERE id IN (SELECT id FROM invoices ORDER BY id LIMIT 2)", "SELECT 1")
    with refused("invoices has", "rows of the dataset instead of"):
        check(SKEWED, fresh.dsn)
    fresh.run("ALTER TABLE pets DISABLE ROW LEVEL SECURITY", "SELECT 1")
    with refused("sees", "rows of others in pets", "USING"):
        check(SKEWED, fresh.dsn)
    with refused("was declared otherwise"):
        check(clinic, fresh.dsn)


def test_without_the_right_to_make_a_schema_the_load_goes_on_and_says_so(fresh: Database) -> None:
    assert clinic.schema and clinic.constraints
    role = f"loader_{fresh.dsn.rpartition('/')[2]}"
    owned = (f"ALTER TABLE {table} OWNER TO {role}" for table in TABLES)
    fresh.run(clinic.schema.read_text(), clinic.constraints.read_text(), "SELECT 1")
    fresh.run(f"CREATE ROLE {role} LOGIN BYPASSRLS IN ROLE clinic_app", *owned, "SELECT 1")
    start, _, rest = fresh.dsn.partition("://")
    result = seed(Population(clinic, 2), f"{start}://{role}@{rest.rpartition('@')[2]}")
    assert any("GRANT CREATE ON DATABASE" in text for text in result.verification.not_checked)
    assert fresh.value("SELECT count(*) FROM pets") == 200
    with refused("nothing was seeded"):
        add_tenants(clinic, 1, fresh.dsn)
    assert check(clinic, fresh.dsn, tenants=2).verification.rows["pets"] == 200


def test_the_commands_top_up_and_verify(fresh: Database) -> None:
    document(tenantry("seed", DATASET, "--tenants", "2", "--json", dsn=fresh.dsn))
    added = document(tenantry("seed", DATASET, "--add-tenants", "3", "--json", dsn=fresh.dsn))
    assert (added["tenants"], added["rows"]["pets"], fresh.value("SELECT count(*) FROM pets")) == (5, 300, 500)
    told = document(tenantry("verify", DATASET, "--json", dsn=fresh.dsn))
    assert (told["tenants"], told["verification"]["rows"]["pets"]) == (5, 500)
    shown = tenantry("verify", DATASET, dsn=fresh.dsn)
    assert shown.returncode == 0 and "2,745 rows of 5 tenants" in shown.stdout and "isolation in tenants 1, 3, 5" in shown.stdout
    fresh.run("DELETE FROM medical_records WHERE id = 1", "SELECT 1")
    failed = tenantry("verify", DATASET, dsn=fresh.dsn)
    assert failed.returncode == 2 and "medical_records has 999 rows of the dataset instead of 1,000" in failed.stderr
    both = tenantry("seed", DATASET, "--tenants", "2", "--add-tenants", "1", dsn=fresh.dsn)
    assert both.returncode == 2 and "--tenants and --add-tenants together" in both.stderr


def test_words_of_the_dataset_are_part_of_its_declaration(fresh: Database) -> None:
    """Another word in a pool changes rows that are there already, so more of them would not fit."""
    seed(Population(clinic, 1), fresh.dsn)
    pool = next(iter(clinic.pools))
    other = dataclasses.replace(clinic, pools={**clinic.pools, pool: [*clinic.pools[pool], "another"]})
    assert words(pool).kind == "words"
    with refused("was declared otherwise"):
        add_tenants(other, 1, fresh.dsn)


SCENARIO = """
from tenantry import Vu, constant_vus, scenario, workload
from tenantry_clinic.dataset import clinic

@scenario
async def look(vu: Vu) -> None:
    await vu.get("/pets/{id}", id=vu.pick("pets").id)

load = workload(look, constant_vus(2, "300ms"), dataset=clinic)
"""


def test_a_run_that_takes_more_tenants_than_were_seeded_is_refused(fresh: Database, shell: Shell, truth: TruthServer) -> None:
    (shell.folder / "file.py").write_text(SCENARIO)
    seed(Population(clinic, 3), fresh.dsn)

    def run(*options: str, dsn: str = fresh.dsn) -> Done:
        return shell.run("run", "file.py:load", "--target", truth.url, "--quiet", *options, environment={"DATABASE_URL": dsn})

    denied = run("--tenants", "5")
    assert denied.code == 2 and truth.connections == 0 and shell.runs() == []
    message = one_message(denied.err)
    assert "has 3 tenants of the dataset clinic, and 5 are wanted" in message and "--add-tenants 2" in message and "--tenants 3" in message
    assert run("--tenants", "3").code == 0
    assert run("--tenants", "5", dsn="postgresql://nobody@127.0.0.1:1/none").code == 0, "a database that cannot be reached says nothing"
    fresh.run("UPDATE tenantry.datasets SET spec_hash = 'another'", "SELECT 1")
    changed = run("--tenants", "3")
    assert changed.code == 2 and "was declared otherwise" in changed.err
    clean(clinic, fresh.dsn, yes=True)
    assert run("--tenants", "5").code == 0, "a database that remembers nothing says nothing"


def test_a_dataset_beside_rows_that_are_there_leaves_them_alone(fresh: Database) -> None:
    seed(Population(clinic, 3), fresh.dsn)
    fresh.run("UPDATE clinics SET slug = 'customer-' || id", "UPDATE users SET email = 'customer-' || email", "SELECT 1")
    before = contents(fresh)
    with refused("clinics has 3 rows with the keys 1 to 5 already", "a first_key above all of them"):
        seed(Population(dataclasses.replace(clinic, name="mine"), 5), fresh.dsn)
    mine = dataclasses.replace(clinic, name="mine", first_key=1_000_000_001)
    result = seed(Population(mine, 5), fresh.dsn)
    assert set(result.verification.isolation) == {"1", "3", "5"}
    assert fresh.value("SELECT min(id) FROM pets WHERE clinic_id > 1000000000") == 1_000_000_001
    add_tenants(mine, 2, fresh.dsn)
    assert check(mine, fresh.dsn).tenants == 7
    gone = clean(mine, fresh.dsn, yes=True)
    assert (gone.tenants, gone.removed["pets"]) == (7, 700)
    assert contents(fresh) == before


def test_resuming_loads_what_is_missing_whatever_that_is(fresh: Database) -> None:
    def resumed(tenants: int) -> tuple[int, int, int]:
        done = resume(Population(clinic, tenants), fresh.dsn)
        return done.tenants, done.rows["clinics"], done.verification.rows["clinics"]

    assert resumed(2) == (2, 2, 2)
    assert resumed(5) == (5, 3, 5)
    whole = contents(fresh)
    assert resumed(5) == resumed(3) == (5, 0, 5)
    assert contents(fresh) == whole
    clean(clinic, fresh.dsn, yes=True)
    assert resumed(5) == (5, 5, 5)
    assert contents(fresh) == whole
    clean(clinic, fresh.dsn, yes=True, tenants=1)
    with refused("was cleaned in part"):
        resume(Population(clinic, 5), fresh.dsn)


def test_resume_is_a_flag_of_seed(fresh: Database) -> None:
    for _ in range(2):
        assert document(tenantry("seed", DATASET, "--tenants", "2", "--resume", "--json", dsn=fresh.dsn))["tenants"] == 2
    both = tenantry("seed", DATASET, "--resume", "--add-tenants", "1", dsn=fresh.dsn)
    assert both.returncode == 2 and "--resume and --add-tenants together" in one_message(both.stderr)
