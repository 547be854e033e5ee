"""Tables with so many rows for each row of another one."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from test_datasets_sizes import draw, subkey

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    after,
    choice,
    day,
    flag,
    integer,
    key,
    lookup,
    moment,
    parent,
    per,
    poisson,
    reference,
    template,
    tenant_key,
)
from tenantry.datasets.population import Population
from tenantry.errors import UsageError


def clinic(pets: Any = 4, visits: Any = None, bills: Any = 2, **columns: Column) -> Dataset:
    """Pets, visits of pets, bills of visits."""
    tables = {
        "clinics": Table(1, {"id": key(), "slug": template("loadtest-{tenant}")}),
        "pets": Table(pets, {"id": key(), "clinic_id": tenant_key(), "born_on": day(-3000, -100), "kind": choice({"dog": 1, "cat": 1})}),
        "visits": Table(
            visits or per("pets", poisson(2.5)),
            {
                "id": key(),
                "clinic_id": tenant_key(),
                "pet_id": parent(),
                "pet_kind": lookup("pet_id", "kind"),
                "born_on": lookup("pet_id", "born_on"),
                "visited_at": moment(after("born_on"), after("born_on", 90)),
                **columns,
            },
        ),
        "bills": Table(per("visits", bills), {"id": key(), "clinic_id": tenant_key(), "visit_id": parent()}),
    }
    return Dataset(name="clinic", anchor=date(2026, 1, 5), tables=tables, tenant_table="clinics", tenant_column="clinic_id", mark="slug")


def everything(population: Population, table: str) -> list[Any]:
    return population.rows(table, 0, population.count(table))


def test_each_parent_has_the_rows_that_plain_arithmetic_draws_for_it() -> None:
    population = Population(clinic(visits=per("pets", integer(0, 5))), 50, rng_seed=4)
    drawn = subkey(subkey(subkey(0, "tenantry") + 4, "visits"), "rows per tenant")
    wanted = {row + 1: draw(drawn, row) * 6 >> 64 for row in range(200)}
    found = Counter(visit.pet_id for visit in everything(population, "visits"))
    assert {pet: found.get(pet, 0) for pet in wanted} == wanted
    assert population.count("visits") == sum(wanted.values())


@pytest.mark.parametrize("pets", [4, integer(1, 6), poisson(3)], ids=["fixed", "drawn", "some without"])
def test_rows_stand_in_the_order_of_their_parents_and_belong_to_the_same_tenant(pets: Any) -> None:
    population = Population(clinic(pets), 60)
    owners = {pet.id: pet for pet in everything(population, "pets")}
    visits = everything(population, "visits")
    assert [visit.pet_id for visit in visits] == sorted(visit.pet_id for visit in visits)
    assert [visit.id for visit in visits] == list(range(1, len(visits) + 1))
    for visit in visits:
        pet = owners[visit.pet_id]
        assert (visit.clinic_id, visit.pet_kind) == (pet.clinic_id, pet.kind)
        assert timedelta(0) <= visit.visited_at.date() - pet.born_on <= timedelta(days=90)
    by_visit = Counter(bill.visit_id for bill in everything(population, "bills"))
    assert by_visit == Counter({visit.id: 2 for visit in visits})


def test_a_row_alone_is_the_same_as_among_others() -> None:
    population = Population(clinic(integer(1, 6)), 40)
    visits = everything(population, "visits")
    place: Counter[int] = Counter()
    for visit in visits:
        tenant = visit.clinic_id - 1
        assert population.row("visits", tenant, place[tenant]) == visit
        place[tenant] += 1
    assert [population.count("visits", tenant) for tenant in range(40)] == [place[tenant] for tenant in range(40)]


def test_more_tenants_leave_these_rows_as_they_are() -> None:
    few, many = Population(clinic(integer(1, 6)), 10), Population(clinic(integer(1, 6)), 90)
    for table in ("visits", "bills"):
        count = few.count(table)
        assert [str(row) for row in few.rows(table, 0, count)] == [str(row) for row in many.rows(table, 0, count)]


def test_a_pick_and_a_reference_reach_them() -> None:
    dataset = clinic(5, per("pets", integer(1, 3)))
    extra = {"id": key(), "clinic_id": tenant_key(), "visit_id": reference("visits")}
    tables = {**dataset.tables, "notes": Table(30, extra)}
    population = Population(
        Dataset(name="n", anchor=dataset.anchor, tables=tables, tenant_table="clinics", tenant_column="clinic_id", mark="slug"), 20
    )
    rng = Random(5)
    own = {visit.id for visit in everything(population, "visits") if visit.clinic_id == 8}
    assert {population.pick(7, "visits", rng).id for _ in range(400)} == own
    assert {note.visit_id for note in everything(population, "notes") if note.clinic_id == 8} <= own


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (lambda: clinic(visits=per("nobody", 2)), "has rows per row of nobody, which does not stand before it"),
        (lambda: clinic(visits=per("bills", 2)), "has rows per row of bills, which does not stand before it"),
        (lambda: clinic(visits=per("pets", integer(-1, 2))), "numbers of rows cannot be negative"),
        (lambda: clinic(visits=per("pets", flag(0.5))), "the rows per tenant are no whole numbers"),
        (lambda: clinic(visits=7), "pet_id: has no parent"),
        (lambda: clinic(bills=0), "rows per tenant must be at least 1"),
    ],
)
def test_a_mistake_is_told(dataset: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Population(dataset(), 5)


def test_keys_may_begin_elsewhere() -> None:
    """Everything moves by the same number, and nothing else changes."""
    base = clinic(integer(1, 4))
    tables = {**base.tables, "notes": Table(3, {"id": key(), "clinic_id": tenant_key(), "visit_id": reference("pets")})}
    place: Any = {"name": "c", "anchor": base.anchor, "tenant_table": "clinics", "tenant_column": "clinic_id", "mark": "slug"}
    moved, still = (Dataset(**place, tables=tables, first_key=first) for first in (1_000_000_000, 1))
    far, near = Population(moved, 20), Population(still, 20)
    keys = {"id", "clinic_id", "pet_id", "visit_id"}
    for table in tables:
        for one, other in zip(everything(far, table), everything(near, table), strict=True):
            wanted = {name: value + 999_999_999 if name in keys else value for name, value in other._asdict().items()}
            assert one._asdict() == wanted


@pytest.mark.parametrize("first", [0, -5, 2**31])
def test_keys_must_fit_their_type(first: int) -> None:
    tables = {"firms": Table(1, {"id": key().typed("int"), "slug": template("x-{tenant}")})}
    place: Any = {"name": "s", "anchor": date(2026, 1, 5), "tenant_table": "firms", "tenant_column": "firm_id", "mark": "slug"}
    small = Dataset(**place, tables=tables, first_key=first)
    with pytest.raises(UsageError, match="do not fit its type"):
        Population(small, 5)
