"""A feeder of a query: rows of a real Postgres with their types, and what is wrong told before the run."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from running_clinic import Database

from tenantry import Vu
from tenantry.feeders import from_sql

NOBODY = cast(Vu, SimpleNamespace())


@pytest.fixture
def shop(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Database:
    dsn = new_database()
    monkeypatch.setenv("SHOP_URL", dsn)
    database = Database(dsn)
    rows = "(1, 'a@x', 9.5, true, '2026-01-05', NULL), (2, 'ä\"\\n', 0, false, '2026-01-06', 'x')"
    columns = "id int, mail text, credit numeric, paid bool, born date, note text"
    database.run(f"CREATE TABLE people ({columns})", f"INSERT INTO people VALUES {rows}")
    return database


def test_rows_of_a_query_come_in_its_order_with_their_types(shop: Database) -> None:
    feeder = from_sql("SELECT * FROM people ORDER BY id DESC;", dsn_env="SHOP_URL", columns=("mail",))
    assert feeder.load() == []
    rows: list[dict[str, Any]] = [feeder.next(NOBODY) for _ in range(3)]
    assert rows[0] == {"id": 2, "mail": 'ä"\\n', "credit": 0, "paid": False, "born": "2026-01-06", "note": "x"}
    assert rows[1] == {"id": 1, "mail": "a@x", "credit": 9.5, "paid": True, "born": "2026-01-05", "note": None}
    assert rows[2] == rows[0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nobody", "nobody"),
        ("SELECT * FROM people WHERE false", "has no rows"),
        ("SELECT id FROM people", "has no column 'mail'"),
    ],
)
def test_a_query_without_the_rows_that_are_needed_is_told(shop: Database, query: str, message: str) -> None:
    faults = from_sql(query, dsn_env="SHOP_URL", columns=("mail",)).load()
    assert any(message in fault.what for fault in faults) and "test_feeders_sql.py:" in faults[0].where
