"""Rows for virtual users from a file, a database or Python: `accounts = from_csv("accounts.csv")`, then `accounts.next(vu)` in a scenario.

A feeder is declared at the top of a scenario file. Its rows are read before the first request, once per process, and kept in memory: a
value takes about 60 bytes, so a million rows of five columns take about 300 MB. What is wrong with it is told like every other fault of
the file. Paths are relative to the file that declares the feeder.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, cast, get_args

from tenantry.errors import OutOfData, TenantryError, UsageError
from tenantry.plan.declared import declare
from tenantry.plan.faults import Faults, raise_all
from tenantry.types import call_site, did_you_mean

if TYPE_CHECKING:
    from tenantry.scenario.vu import Vu

__all__ = ["Feeder", "Order", "from_csv", "from_iterable", "from_parquet", "from_sql"]

Order = Literal["sequential", "random", "unique"]
OnEnd = Literal["stop", "repeat", "error"]
T = TypeVar("T")


class Content(NamedTuple):
    """Rows, and the names of their columns where rows are plain values in that order."""

    rows: Sequence[Any]
    columns: tuple[str, ...] | None = None


class Feeder(Generic[T]):
    """Hands out rows. Of several processes, each hands out every n-th row only, so that no two hand out the same one."""

    def __init__(self, what: str, read: Callable[[Path], Content], order: Order, on_end: OnEnd | None, columns: Sequence[str] = ()) -> None:
        self.location = call_site()
        self.what = what
        self._read = read
        self._wanted = tuple(columns)
        self._order = order
        self._on_end: OnEnd = on_end or ("error" if order == "unique" else "repeat")
        self._content: Content | None = None
        self._own = range(0)
        self._given = 0
        self.faults: tuple[UsageError, ...] = tuple(self._faults(on_end))

    def next(self, vu: Vu, /) -> T:
        """The next row for this virtual user.

        Of `sequential` and `unique`, the first row that this process has not given out yet; of `random`, any row, by `vu.rng`. After the
        last one, `on_end` says what happens: `repeat` begins again, `stop` ends the virtual user, `error` is an error of the script.
        """
        if self._content is None:
            raise_all(self.load())
        content = self._content
        assert content is not None
        row = content.rows[vu.rng.randrange(len(content.rows)) if self._order == "random" else self._advance()]
        made: Any = dict(zip(content.columns, row, strict=True)) if content.columns is not None else row
        return cast(T, made)

    def __len__(self) -> int:
        """How many rows there are, over all processes; 0 before they are read."""
        return len(self._content.rows) if self._content is not None else 0

    def load(self) -> list[UsageError]:
        """Read the rows; returns what is wrong with them."""
        note = Faults(str(self.location))
        try:
            content = self._read(Path(self.location.file).parent)
        except TenantryError as fault:
            note.add(f"{self.what}: {fault.what}", fault.hint)
            return note.found
        for missing in [name for name in self._wanted if name not in (content.columns or ())]:
            note.add(f"{self.what} has no column {missing!r}", did_you_mean(missing, content.columns or ()))
        if not content.rows:
            note.add(f"{self.what} has no rows", "give it at least one")
        self._content = content
        self.cut(0, 1)
        return note.found

    def fingerprint(self) -> str:
        """How many rows there are; of plain values, their hash as well. What `from_iterable` is given may print differently each time."""
        content = self._content
        if content is None or content.columns is None:
            return f"{len(self)} rows"
        digest = blake2b(digest_size=16)
        for row in content.rows:
            digest.update(repr(row).encode())
        return f"{len(self)} rows {digest.hexdigest()}"

    def cut(self, index: int, count: int) -> None:
        """Hand out every `count`-th row, from number `index` on: the part of one of `count` processes. Raises UsageError if it is empty."""
        rows = len(self)
        if rows <= index and self._order != "random" and count > 1:
            what = f"{self.what} has {rows} rows for {count} processes"
            raise UsageError(what, where=str(self.location), hint="add rows, or use fewer processes")
        self._own, self._given = range(index, rows, count), 0

    def _advance(self) -> int:
        turn, self._given = self._given, self._given + 1
        if turn >= len(self._own) and self._on_end != "repeat":
            what = f"{self.what} has no more rows: all {len(self._own)} were given out"
            raise OutOfData(what) if self._on_end == "stop" else UsageError(what, hint='add rows, or choose on_end="repeat" or "stop"')
        return self._own[turn % len(self._own)]

    def _faults(self, on_end: OnEnd | None) -> list[UsageError]:
        note = Faults(str(self.location))
        if self._order not in get_args(Order):
            note.add(f"{self.what}: unknown order {self._order!r}", did_you_mean(str(self._order), get_args(Order)))
        if self._on_end not in get_args(OnEnd):
            note.add(f"{self.what}: unknown on_end {self._on_end!r}", did_you_mean(str(self._on_end), get_args(OnEnd)))
        if self._order == "random" and on_end is not None:
            note.add(f"{self.what}: rows drawn at random have no end", "leave out on_end")
        return note.found

    def __repr__(self) -> str:
        return f"<Feeder {self.what}>"


def from_csv(
    path: str | Path, *, order: Order = "sequential", on_end: OnEnd | None = None, columns: Sequence[str] = (), delimiter: str = ","
) -> Feeder[dict[str, str]]:
    """Rows of a CSV file (UTF-8, names of the columns in the first line) as dicts of text.

    `order`: `sequential`, `random`, or `unique` (no row twice). `on_end`: see `Feeder.next`; by default `repeat`, for `unique` `error`.
    `columns`: names that must be there.
    """
    return declare(Feeder(str(path), lambda home: _read_csv(home / path, delimiter), order, on_end, columns))


def from_parquet(
    path: str | Path, *, order: Order = "sequential", on_end: OnEnd | None = None, columns: Sequence[str] = ()
) -> Feeder[dict[str, Any]]:
    """Rows of a Parquet file, or of several with a pattern such as `part-*.parquet`, as dicts; the options are those of `from_csv`."""
    return declare(Feeder(str(path), lambda home: _read_parquet(home / path), order, on_end, columns))


def from_sql(
    query: str, *, dsn_env: str | None = None, order: Order = "sequential", on_end: OnEnd | None = None, columns: Sequence[str] = ()
) -> Feeder[dict[str, Any]]:
    """Rows of a query of Postgres as dicts: numbers, booleans, text; dates and times as text. The options are those of `from_csv`.

    The database is that of the environment variable `dsn_env`, by default the one that the configuration names (`DATABASE_URL`). Give the
    query an ORDER BY: otherwise the rows, and with them the run, may differ each time.
    """
    return declare(Feeder("the query", lambda _: _read_sql(query, dsn_env), order, on_end, columns))


def from_iterable(rows: Iterable[T], *, order: Order = "sequential", on_end: OnEnd | None = None) -> Feeder[T]:
    """The elements of anything that can be iterated, as they are; `order` and `on_end` are those of `from_csv`."""
    return declare(Feeder("the iterable", lambda _: Content(list(rows)), order, on_end))


def _read_csv(path: Path, delimiter: str) -> Content:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            columns = tuple(next(reader, ()))
            rows = []
            for row in filter(None, reader):
                if len(row) != len(columns):
                    raise UsageError(f"line {reader.line_num} has {len(row)} values for {len(columns)} columns", hint="correct that line")
                rows.append(tuple(row))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", hint=f"looked for {path}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"it is no CSV file in UTF-8: {error}", hint="correct the file, or give its delimiter=") from None
    return Content(rows, columns)


def _read_parquet(path: Path) -> Content:
    import duckdb

    try:
        with duckdb.connect() as connection:
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            return Content(found.fetchall(), tuple(column[0] for column in found.description or ()))
    except duckdb.Error as error:
        raise UsageError(f"it cannot be read: {str(error).partition(chr(10))[0]}", hint=f"looked for {path}") from None


def _read_sql(query: str, dsn_env: str | None) -> Content:
    import os

    from msgspec.json import decode

    from tenantry.config import load_config
    from tenantry.datasets.database import connect

    config = load_config()
    name = dsn_env or str(config.values["dsn_env"].value)
    dsn = os.environ.get(name)
    if not dsn:
        raise UsageError(f"{name} is not set", hint=f"export {name}=postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    with connect(dsn, allow=config.allow) as link:
        rows = [decode(text, type=dict[str, Any]) for text in link.texts(f"SELECT row_to_json(q) FROM ({query.rstrip().rstrip(';')}) AS q")]
    return Content([tuple(row.values()) for row in rows], tuple(rows[0]) if rows else ())
