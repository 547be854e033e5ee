"""A load into tables that have their keys and indexes already: set aside where most rows come now, and afterwards all as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fingerprint import catalog, contents
from running_clinic import Database

from tenantry.datasets.load import add_tenants, seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError
from tenantry_clinic.dataset import clinic

# What a definition does not tell: comments, a mark, a target of statistics. And keys of kinds that the clinic lacks.
EXTRAS = """
    CREATE INDEX commented ON pets (breed);
    COMMENT ON INDEX commented IS 'for the search';
    CREATE INDEX targeted ON pets ((lower(name)));
    ALTER INDEX targeted ALTER COLUMN 1 SET STATISTICS 500;
    CREATE INDEX marked ON pets (born_on);
    ALTER TABLE pets CLUSTER ON marked;
    CREATE INDEX partial ON pets USING brin (weight_kg) WITH (pages_per_range = 16) WHERE weight_kg > 3;
    ALTER TABLE pets ADD CONSTRAINT late FOREIGN KEY (clinic_id) REFERENCES clinics DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE pets ADD CONSTRAINT unproven FOREIGN KEY (clinic_id) REFERENCES clinics NOT VALID;
    ALTER TABLE pets ADD CONSTRAINT noted FOREIGN KEY (clinic_id) REFERENCES clinics;
    COMMENT ON CONSTRAINT noted ON pets IS 'asked for by the audit';
"""
KEPT = ("commented", "targeted", "marked", "noted", "pets_pkey")
MADE_ANEW = ("partial", "late", "unproven")


def with_tables(dsn: str) -> Database:
    assert clinic.schema and clinic.constraints
    database = Database(dsn)
    database.run(clinic.schema.read_text(), clinic.constraints.read_text(), EXTRAS, "SELECT 1")
    return database


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    return with_tables(new_database())


def identities(database: Database) -> dict[str, int]:
    """The number that the server gave each key and index; one that is made anew gets another."""
    indexes = "SELECT relname AS name, c.oid::bigint FROM pg_class c WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
    keys = "SELECT conname, oid::bigint FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    return {row["name"]: row["oid"] for row in database.run(f"{indexes} UNION ALL {keys}")}


def test_they_are_made_anew_unless_something_of_them_would_be_lost(database: Database, new_database: Callable[[], str]) -> None:
    before, known = catalog(database), identities(database)
    seed(Population(clinic, 5), database.dsn)
    assert catalog(database) == before
    after = identities(database)
    assert {name for name in KEPT if after[name] == known[name]} == set(KEPT)
    assert not {name for name in MADE_ANEW if after[name] == known[name]}
    assert sum(after[name] != oid for name, oid in known.items()) > 20
    assert database.value("SELECT obj_description('commented'::regclass)") == "for the search"
    assert database.value("SELECT convalidated FROM pg_constraint WHERE conname = 'unproven'") is False
    alone = Database(new_database())
    seed(Population(clinic, 5), alone.dsn)
    assert contents(database) == contents(alone)


def test_who_reads_the_rows_need_not_write(new_database: Callable[[], str]) -> None:
    """No row is left for its first reader to mark. Tried three times: a snapshot of the server's own upkeep may hold a VACUUM back."""

    def visible() -> float:
        database = with_tables(new_database())
        seed(Population(clinic, 5), database.dsn)
        tables = "('pets', 'invoices', 'prescriptions')"
        return float(database.value(f"SELECT min(relallvisible / relpages::real) FROM pg_class WHERE relname IN {tables}"))

    assert any(visible() > 0.9 for _ in range(3))


def test_where_most_rows_were_there_before_they_stay(database: Database) -> None:
    seed(Population(clinic, 5), database.dsn)
    known = identities(database)
    add_tenants(clinic, 1, database.dsn)
    assert identities(database) == known


def test_who_does_not_own_the_tables_loads_past_them(database: Database) -> None:
    name = database.value("SELECT 'loader_' || current_database()")
    database.run(
        f"CREATE ROLE {name} LOGIN BYPASSRLS PASSWORD 'secret'; GRANT INSERT, SELECT ON ALL TABLES IN SCHEMA public TO {name};"
        f" GRANT clinic_app TO {name}; GRANT CREATE ON DATABASE {database.value('SELECT current_database()')} TO {name}",
        "SELECT 1",
    )
    known = identities(database)
    dsn = database.dsn.replace(database.dsn.partition("://")[2].partition("@")[0], f"{name}:secret")
    seed(Population(clinic, 5), dsn)
    assert identities(database) == known
    assert database.value("SELECT count(*) FROM pets") == 500


def test_a_row_that_breaks_a_key_is_told_and_all_is_as_before(database: Database) -> None:
    broken = "ALTER TABLE pets ADD CONSTRAINT impossible FOREIGN KEY (id) REFERENCES appointments (id)"
    database.run("ALTER TABLE appointments ADD UNIQUE (id)", broken, "SELECT 1")
    before, known = catalog(database), identities(database)
    with pytest.raises(PopulationError, match="impossible"):
        seed(Population(clinic, 5), database.dsn)
    assert (catalog(database), identities(database)) == (before, known)
    assert database.value("SELECT count(*) FROM clinics") == 0


def test_a_load_believes_keys_that_hold_and_looks_itself_where_none_does(database: Database) -> None:
    """A trigger that leads pets to another clinic's owner is seen where no key forbids it; so is one behind a key that was never proven."""
    moves = """CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner_id := 1; RETURN NEW; END $$;
        CREATE TRIGGER moves BEFORE INSERT ON pets FOR EACH ROW WHEN (NEW.clinic_id = 2) EXECUTE FUNCTION moves()"""
    database.run(moves, "SELECT 1")
    with pytest.raises(PopulationError, match="pets_owner_fkey"):
        seed(Population(clinic, 3), database.dsn)
    for weaker in (
        "ALTER TABLE pets DROP CONSTRAINT pets_owner_fkey",
        "ALTER TABLE users ADD UNIQUE (id); ALTER TABLE pets ADD CONSTRAINT pets_owner_fkey FOREIGN KEY (owner_id) REFERENCES users (id)",
    ):
        database.run(weaker, "SELECT 1")
        with pytest.raises(PopulationError, match=r"100 rows refer by pets\.owner_id to rows that do not exist"):
            seed(Population(clinic, 3), database.dsn)
