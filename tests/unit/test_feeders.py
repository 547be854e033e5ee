"""Feeders hand out the rows of a file or of Python in the promised order, and what is wrong with them is told before the run."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest
from test_vu import vu_of

from tenantry import Vu
from tenantry.errors import OutOfData, UsageError
from tenantry.feeders import Feeder, from_csv, from_iterable, from_parquet, from_sql
from tenantry.plan.declared import collecting
from tenantry.prepare import prepare

NOBODY = cast(Vu, SimpleNamespace())


def taken(feeder: Feeder[Any], n: int, vu: Vu = NOBODY) -> list[Any]:
    return [feeder.next(vu) for _ in range(n)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_rows_of_a_csv_file_are_dicts_of_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\ufeffemail,note\na@x,"one, two"\nb@x,"say ""hi"""\n\n')
    feeder = from_csv(path)
    assert taken(feeder, 3) == [
        {"email": "a@x", "note": "one, two"},
        {"email": "b@x", "note": 'say "hi"'},
        {"email": "a@x", "note": "one, two"},
    ]
    assert len(feeder) == 2


def test_rows_of_parquet_files_keep_their_types(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        for part in (1, 2):
            connection.execute(f"COPY (SELECT {part}::INTEGER AS id, true AS paid, 'x' AS name) TO '{tmp_path}/part-{part}.parquet'")
    assert taken(from_parquet(tmp_path / "part-*.parquet"), 2) == [
        {"id": 1, "paid": True, "name": "x"},
        {"id": 2, "paid": True, "name": "x"},
    ]


def test_a_path_is_relative_to_the_file_that_declares_the_feeder() -> None:
    assert taken(from_csv("feeders.csv"), 1) == [{"name": "beside the test"}]


def test_elements_of_an_iterable_come_as_they_are() -> None:
    assert taken(from_iterable(number**2 for number in range(3)), 4) == [0, 1, 4, 0]


def test_random_rows_depend_on_the_virtual_user_alone_and_reach_every_row() -> None:
    feeder = from_iterable(range(10), order="random")
    first = taken(feeder, 50, vu_of(1))
    assert first == taken(feeder, 50, vu_of(1)) != taken(feeder, 50, vu_of(2))
    assert set(taken(feeder, 500, vu_of(3))) == set(range(10))


@pytest.mark.parametrize("order", ["unique", "sequential"])
def test_shares_of_several_processes_are_disjoint_and_add_up_to_all_rows(order: Any) -> None:
    parts = []
    for index in range(3):
        feeder = from_iterable(range(11), order=order, on_end="stop")
        assert feeder.load() == []
        feeder.cut(index, 3)
        parts.append(taken(feeder, len(range(index, 11, 3))))
        with pytest.raises(OutOfData):
            feeder.next(NOBODY)
    assert parts == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]


def test_repeated_rows_stay_in_the_share_of_their_process() -> None:
    feeder = from_iterable(range(5), order="unique", on_end="repeat")
    feeder.load()
    feeder.cut(1, 2)
    assert taken(feeder, 5) == [1, 3, 1, 3, 1]


def test_unique_rows_that_run_out_are_an_error_of_the_script_by_default() -> None:
    feeder = from_iterable("ab", order="unique")
    assert taken(feeder, 2) == ["a", "b"]
    with pytest.raises(UsageError, match="no more rows: all 2 were given out"):
        feeder.next(NOBODY)


BAD: list[tuple[str, Callable[[Path], Feeder[Any]], str]] = [
    ("a file that is not there", lambda folder: from_csv(folder / "none.csv"), "it cannot be read: No such file"),
    ("an empty file", lambda folder: from_csv(write(folder / "a.csv", "")), "has no rows"),
    ("only a header", lambda folder: from_csv(write(folder / "a.csv", "a,b\n")), "has no rows"),
    ("a short line", lambda folder: from_csv(write(folder / "a.csv", "a,b\n1,2\n3\n")), "line 3 has 1 values for 2 columns"),
    ("a missing column", lambda folder: from_csv(write(folder / "a.csv", "mail\nx\n"), columns=("email",)), "has no column 'email'"),
    ("an open quote", lambda folder: from_csv(write(folder / "a.csv", 'a\n"x\n')), "no CSV file in UTF-8"),
    ("a file that is no Parquet", lambda folder: from_parquet(write(folder / "a.parquet", "x")), "it cannot be read"),
    ("nothing to iterate", lambda folder: from_iterable([]), "the iterable has no rows"),
    ("no database", lambda folder: from_sql("SELECT 1", dsn_env="FEEDER_TEST_URL"), "FEEDER_TEST_URL is not set"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_rows_that_cannot_be_had_are_told_with_the_line_of_the_feeder(
    make: Callable[[Path], Feeder[Any]], message: str, tmp_path: Path
) -> None:
    (fault,) = make(tmp_path).load()
    assert message in fault.what
    assert "test_feeders.py:" in fault.where


WRONG: list[tuple[str, Callable[[], Feeder[Any]], str]] = [
    ("an unknown order", lambda: from_iterable([1], order="shuffled"), "unknown order 'shuffled'"),  # type: ignore[arg-type]
    ("an unknown end", lambda: from_iterable([1], on_end="halt"), "unknown on_end 'halt'"),  # type: ignore[arg-type]
    ("an end of random rows", lambda: from_iterable([1], order="random", on_end="stop"), "rows drawn at random have no end"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_options_are_raised_at_once_or_left_to_who_loads_the_file(make: Callable[[], Feeder[Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
    with collecting() as found:
        make()
    assert [message in fault.what for thing in found for fault in thing.faults] == [True]


def test_fewer_rows_than_processes_are_refused() -> None:
    feeder = from_iterable([1, 2])
    feeder.load()
    with pytest.raises(UsageError, match="2 rows for 3 processes"):
        feeder.cut(2, 3)


FILE = """
from tenantry import Vu, constant_vus, scenario, workload
from tenantry.feeders import from_csv, from_iterable

accounts = from_csv("accounts.csv")
good = from_iterable([1])

@scenario
async def one(vu: Vu) -> None: ...

load = workload(one, constant_vus(0, "1s"))
"""


def test_faults_of_feeders_are_told_with_all_others_before_the_run(tmp_path: Path) -> None:
    write(tmp_path / "feeding.py", FILE)
    with pytest.raises(UsageError) as caught:
        prepare(str(tmp_path / "feeding.py"), target="http://127.0.0.1:1")
    assert "accounts.csv: it cannot be read" in str(caught.value) and "vus is 0" in str(caught.value)
    assert "feeding.py:5" in str(caught.value)
