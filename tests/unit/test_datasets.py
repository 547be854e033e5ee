"""The population of the clinic: rows by arithmetic, picks, identity, Parquet."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tenantry.datasets import Dataset, Table, choice, constant, decimal, flag, key, template, tenant_key
from tenantry.datasets.generate import generate
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault
from tenantry_clinic.auth import password_matches, read_token
from tenantry_clinic.dataset import PASSWORD, clinic, password_hash

PER_CLINIC = {
    "clinics": 1,
    "users": 10,
    "pets": 100,
    "services": 8,
    "products": 20,
    "appointments": 50,
    "medical_records": 200,
    "prescriptions": 60,
    "invoices": 100,
}


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(clinic, 300)


def shop(tenants: int = 10, rng_seed: int = 1) -> Population:
    """Two tables with a column of each type that a filter can name."""
    items = {
        "id": key(),
        "shop_id": tenant_key(),
        "price": decimal("0.10", "0.14"),
        "open": flag(0.5),
        "since": choice({date(2025, 1, 1): 1, date(2025, 1, 2): 1}),
        "at": choice({datetime(2025, 1, 1, 8, tzinfo=UTC): 1, datetime(2025, 1, 1, 9, 30, tzinfo=UTC): 1}),
        "note": constant("x").nullable(0.5),
        "label": template("{shop_id}-{position}"),
    }
    tables = {"shops": Table(1, {"id": key(), "slug": template("shop-{tenant}")}), "items": Table(60, items)}
    dataset = Dataset(name="shop", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug")
    return Population(dataset, tenants, rng_seed)


def test_a_clinic_has_the_rows_of_the_original_ticket(population: Population) -> None:
    assert {table: population.count(table) for table in population.tables()} == {name: 300 * rows for name, rows in PER_CLINIC.items()}


def test_keys_are_arithmetic(population: Population) -> None:
    for table, rows in PER_CLINIC.items():
        first, last = population.row(table, 41, 0), population.row(table, 41, rows - 1)
        assert (first.id, last.id) == (41 * rows + 1, 42 * rows)
        assert table == "clinics" or first.clinic_id == 42


def test_rows_stay_what_they_were(population: Population) -> None:
    # A database seeded by one version is picked from by the next: whoever changes these values changes everybody's data.
    pet = population.row("pets", 41, 7)
    assert (pet.id, pet.owner_id, pet.name, pet.breed, pet.born_on, pet.weight_kg) == (
        4108,
        411,
        "Bigotes",
        "Ragdoll",
        date(2023, 6, 23),
        Decimal("7.38"),
    )
    visit = population.row("appointments", 41, 7)
    assert (visit.pet_id, visit.vet_id, visit.status, visit.starts_at) == (4117, 419, "confirmed", datetime(2026, 1, 15, 17, tzinfo=UTC))


def test_the_slug_carries_the_mark(population: Population) -> None:
    assert [population.tenant(index).slug for index in (0, 299)] == ["loadtest-00001", "loadtest-00300"]


def test_roles_follow_the_position(population: Population) -> None:
    assert [population.row("users", 7, place).role for place in range(10)] == ["owner"] * 7 + ["vet"] * 2 + ["admin"]


def test_every_row_refers_to_rows_of_its_own_clinic(population: Population) -> None:
    users = {row.id: row for row in population.rows("users", 0, 3000)}
    pets = {row.id: row for row in population.rows("pets", 0, 30_000)}
    for pet in pets.values():
        assert (users[pet.owner_id].clinic_id, users[pet.owner_id].role) == (pet.clinic_id, "owner")
    for row in [*population.rows("appointments", 0, 15_000), *population.rows("medical_records", 0, 10_000)]:
        assert pets[row.pet_id].clinic_id == users[row.vet_id].clinic_id == row.clinic_id
        assert users[row.vet_id].role == "vet"


def test_times_are_in_order(population: Population) -> None:
    today = datetime(2026, 1, 5, tzinfo=UTC)
    pets = {row.id: row for row in population.rows("pets", 0, 10_000)}
    for row in population.rows("medical_records", 0, 20_000):
        assert pets[row.pet_id].born_on < pets[row.pet_id].created_at.date() <= row.visited_at.date()
        assert row.visited_at < row.created_at < today
        assert 8 <= row.visited_at.hour < 18
    for row in population.rows("invoices", 0, 10_000):
        assert row.issued_on < row.due_on
        assert row.status != "overdue" or row.due_on < today.date()


def test_appointments_that_are_over_lie_before_today(population: Population) -> None:
    today = datetime(2026, 1, 5, tzinfo=UTC)
    for row in population.rows("appointments", 0, 15_000):
        days = (row.starts_at - today).days
        assert -31 <= days < 0 if row.status == "completed" else 0 <= days <= 30
        assert row.starts_at.minute in (0, 30) and 8 <= row.starts_at.hour < 18


def test_the_app_accepts_everybodys_password(population: Population) -> None:
    stored = population.row("users", 3, 8).password_hash
    assert asyncio.run(password_matches("loadtest-password", stored))
    assert not asyncio.run(password_matches("another", stored))
    assert stored == password_hash(PASSWORD) and stored.startswith("pbkdf2_sha256$10000$tenantry$")


def test_the_app_accepts_the_identity(population: Population, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, other = (word * 8 for word in (b"s3cr", b"0ther"))
    monkeypatch.setenv("CLINIC_SECRET", secret.decode())
    tenant, user = population.tenant(5), population.row("users", 5, 9)
    scheme, _, token = population.identity(tenant, user)["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert read_token(token, secret) == (6, 60, "admin")
    assert read_token(token, other) is None


def test_a_user_is_one_of_the_tenants_own(population: Population) -> None:
    rng = Random(1)
    assert {population.user(41, rng).id for _ in range(500)} == set(range(411, 421))


def test_a_pick_is_reproduced_by_the_same_random_numbers(population: Population) -> None:
    def draws(seed: int) -> list[int]:
        rng = Random(seed)
        return [population.pick(9, "pets", rng).id for _ in range(50)]

    assert draws(1) == draws(1) != draws(2)


def test_a_pick_with_a_filter_meets_every_row_that_passes_and_no_other(population: Population) -> None:
    rng = Random(2)
    wanted = {row.id for row in population.rows("appointments", 50 * 20, 50) if row.status == "scheduled"}
    assert {population.pick(20, "appointments", rng, status="scheduled").id for _ in range(1000)} == wanted
    assert {population.pick(20, "users", rng, role="vet").id for _ in range(100)} == {208, 209}


def test_filters_of_every_type_find_their_rows() -> None:
    population, rng = shop(), Random(3)
    cases: dict[str, list[Any]] = {
        "price": [Decimal("0.10"), Decimal("0.14")],
        "open": [True, False],
        "since": [date(2025, 1, 1), date(2025, 1, 2)],
        "at": [datetime(2025, 1, 1, 8, tzinfo=UTC), datetime(2025, 1, 1, 9, 30, tzinfo=UTC)],
        "note": ["x", None],
        "label": ["4-1", "4-60"],
        "id": [181, 240],
    }
    for column, values in cases.items():
        for value in values:
            found = population.pick(3, "items", rng, **{column: value})
            assert getattr(found, column) == value, column


def test_two_filters_must_both_hold() -> None:
    population, rng = shop(), Random(4)
    for _ in range(50):
        row = population.pick(2, "items", rng, open=True, since=date(2025, 1, 2))
        assert row.open is True and row.since == date(2025, 1, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p, r: p.pick(0, "dogs", r), KeyError, "no table dogs; known: clinics"),
        (lambda p, r: p.pick(0, "pets", r, colour="red"), ValueError, "no column colour; known: id"),
        (lambda p, r: p.pick(0, "pets", r, species="cow"), LookupError, "no row in pets"),
        (lambda p, r: p.pick(0, "pets", r, species=3), ValueError, "another type"),
        (lambda p, r: p.pick(300, "pets", r), IndexError, "300 tenants"),
        (lambda p, r: p.tenant(-1), IndexError, "-1 is none of them"),
        (lambda p, r: p.tenant(0).colour, AttributeError, "no column colour"),
        (lambda p, r: p.tenant(0).title, AttributeError, "no column title"),
    ],
)
def test_what_is_not_there_is_named(population: Population, call, error: type[Exception], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        call(population, Random(1))


def test_a_row_shows_its_columns_in_order(population: Population) -> None:
    row = population.tenant(2)
    assert list(row._asdict()) == ["id", "slug", "name", "city", "phone", "opened_on", "created_at"]
    assert repr(row).startswith("clinics(id=3, slug='loadtest-00003'")
    assert row == population.row("clinics", 2, 0) != population.tenant(3)
    assert len({row, population.tenant(2), population.tenant(3)}) == 2


def test_a_population_survives_pickling(population: Population) -> None:
    again = pickle.loads(pickle.dumps(population))
    assert again.row("pets", 8, 15) == population.row("pets", 8, 15)
    assert (again.tenants, again.rng_seed) == (300, 1)


def test_files_hold_the_rows(tmp_path: Path) -> None:
    population = shop(50)
    assert generate(population, tmp_path).rows == {"shops": 50, "items": 3000}
    with duckdb.connect() as connection:
        columns = 'id, shop_id, price, open, since, epoch_us("at"), note, label'
        rows = connection.execute(f"SELECT {columns} FROM '{tmp_path}/items/*.parquet' ORDER BY id").fetchall()
    expected = [tuple(row._asdict().values()) for row in population.rows("items", 0, 3000)]
    assert rows == [tuple(micros(value) if isinstance(value, datetime) else value for value in row) for row in expected]


def micros(time: datetime) -> int:
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def test_files_have_the_shares_of_the_original_ticket(tmp_path: Path) -> None:
    generate(Population(clinic, 200), tmp_path)
    with duckdb.connect() as connection:
        species = dict(connection.execute(f"SELECT species, count(*) / 20000 FROM '{tmp_path}/pets/*.parquet' GROUP BY 1").fetchall())
        states = dict(connection.execute(f"SELECT status, count(*) / 10000 FROM '{tmp_path}/appointments/*.parquet' GROUP BY 1").fetchall())
    assert species == pytest.approx({"dog": 0.5, "cat": 0.35, "bird": 0.05, "rabbit": 0.05, "hamster": 0.05}, abs=0.015)
    assert states == pytest.approx({"scheduled": 0.3, "confirmed": 0.2, "completed": 0.4, "cancelled": 0.1}, abs=0.02)


def test_files_are_the_same_every_time(tmp_path: Path) -> None:
    for place in ("a", "b"):
        generate(shop(50), tmp_path / place)
    generate(shop(50, rng_seed=2), tmp_path / "c")
    a, b, c = ((tmp_path / place / "items" / "part-00000.parquet").read_bytes() for place in "abc")
    assert a == b != c


def test_fewer_tenants_leave_no_files_of_more(tmp_path: Path) -> None:
    generate(shop(50), tmp_path)
    (tmp_path / "items" / "part-00001.parquet").write_bytes(b"of an earlier, larger population")
    generate(shop(2), tmp_path)
    assert [file.name for file in (tmp_path / "items").iterdir()] == ["part-00000.parquet"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="file"):
        generate(shop(1), tmp_path / "file" / "out")


def test_an_exception_of_the_progress_callback_ends_the_writing(tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Population(clinic, 10_000).write_parquet("medical_records", tmp_path / "x", stop)
    assert list((tmp_path / "x").iterdir()) == []
