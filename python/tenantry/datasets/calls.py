"""Calls of a dataset's functions: rows as numpy arrays, what comes back as values of a type, and the law that holds for both."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tenantry.datasets.columns import type_scale
from tenantry.datasets.spec import Dataset
from tenantry.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from tenantry.datasets.population import Population

NULL = -(2**63)
_TEXTS = ("text", "json", "jsonb", "uuid")
_POINTS = {"date": "D", "timestamptz": "us", "timestamp": "us"}
# The kinds of numpy types that a column takes, and what they are called.
_KINDS = {"bool": ("b", "truths"), "date": ("M", "datetime64"), "timestamptz": ("M", "datetime64"), "timestamp": ("M", "datetime64")}
_WHOLE = {"smallint": 2**15 - 1, "int": 2**31 - 1, "bigint": 2**63 - 1}
# How many rows are looked at when a population is made, at either end of a table, and where they are cut.
_SAMPLE, _CUTS = 64, (1, 3, 8, 21)
# A native input: 64-bit integers, or texts; and whether there may be nulls.
Given = bytes | list[str | None]


class Calls:
    """What the native module calls, with blocks of rows, for the columns that functions compute."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.checking = False
        try:
            import numpy
        except ImportError:
            raise EnvironmentFault("columns by functions need numpy", hint="pip install 'tenantry[functions]'") from None
        self.numpy: ModuleType = numpy

    def __call__(self, table: str, column: str, inputs: Sequence[tuple[Given, bool]], random: Sequence[bytes]) -> Given:
        call = _Call(self.numpy, self.dataset, table, column)
        given = call.made(inputs, random)
        if self.checking:
            call.check(given, inputs, random)
        return given

    def check(self, population: Population) -> None:
        """Compute some rows of each table with functions; raise UsageError when a value is not one, or depends on other rows."""
        self.checking = True
        try:
            for name, table in self.dataset.tables.items():
                if any(column.kind == "function" for column in table.columns.values()):
                    for start in sorted({0, max(0, population.count(name) - _SAMPLE)}):
                        population.rows(name, start, _SAMPLE)
        finally:
            self.checking = False


class _Call:
    def __init__(self, numpy: ModuleType, dataset: Dataset, table: str, column: str) -> None:
        self.numpy = numpy
        self.place = f"dataset {dataset.name}, table {table}, column {column}"
        self.parameters = dataset.tables[table].columns[column].parameters
        self.name = getattr(self.parameters["f"], "__name__", repr(self.parameters["f"]))
        self.sql_type = dataset.column_type(table, column)
        self.input_types = [dataset.column_type(table, name) for name in self.parameters["columns"]]

    def made(self, inputs: Sequence[tuple[Given, bool]], random: Sequence[bytes]) -> Given:
        arrays = [self.array(values, kind, nullable) for (values, nullable), kind in zip(inputs, self.input_types, strict=True)]
        drawn = [(self.numpy.frombuffer(one, "u8") >> 11) * 2.0**-53 for one in random]
        try:
            values = self.parameters["f"](*arrays, *drawn)
        except Exception as error:
            raise self.fault(f"raised {type(error).__name__}: {error}", "correct the function, or the columns that it is given") from error
        return self.encoded(values, len([*arrays, *drawn][0]) if arrays or drawn else None)

    def check(self, whole: Given, inputs: Sequence[tuple[Given, bool]], random: Sequence[bytes]) -> None:
        """Compare with the same rows in smaller blocks."""
        rows = len(whole) // _width(whole)
        cuts = [0, *(cut for cut in _CUTS if cut < rows), rows]
        for start, stop in pairwise(cuts):
            parts = [(_part(values, start, stop), nullable) for values, nullable in inputs]
            again = self.made(parts, [one[8 * start : 8 * stop] for one in random])
            if again != _part(whole, start, stop):
                what = f"gives {rows} rows other values than the same rows in smaller blocks"
                hint = "let each value depend on its own row alone: no sums, no orders, no positions, no random numbers of its own making"
                raise self.fault(what, hint)

    def array(self, given: Given, sql_type: str, nullable: bool) -> Any:
        np = self.numpy
        if isinstance(given, list):
            return np.array(given, dtype=object)
        values = np.frombuffer(given, np.int64)
        if sql_type in _POINTS:
            return values.view(f"datetime64[{_POINTS[sql_type]}]")  # a null is NaT
        if sql_type not in _WHOLE and sql_type != "bool":
            return np.where(values == NULL, np.nan, values / 10 ** type_scale(sql_type))
        plain = values != 0 if sql_type == "bool" else values
        return np.ma.masked_array(plain, values == NULL) if nullable else plain

    def encoded(self, values: Any, rows: int | None) -> Given:
        np = self.numpy
        if not isinstance(values, np.ndarray):
            raise self.fault(f"gives a {type(values).__name__}, and not a numpy array", "return an array with a value for each row")
        if values.shape != (rows,):
            raise self.fault(f"gives an array of the shape {values.shape} for {rows} rows", "return an array with a value for each row")
        data, absent = np.ma.getdata(values), np.ma.getmaskarray(values)
        if self.sql_type in _TEXTS:
            return self.texts(data, absent)
        allowed, called = _KINDS.get(self.sql_type, ("iu", "whole numbers") if self.sql_type in _WHOLE else ("fiu", "numbers"))
        if data.dtype.kind not in allowed:
            raise self.fault(f"gives an array of {data.dtype}; a {self.sql_type} takes {called}", "convert it: values.astype(...)")
        if self.sql_type in _POINTS:
            return self.points(data, absent)
        return self.numbers(data, absent)

    def texts(self, data: Any, absent: Any) -> list[str | None]:
        texts = [None if null else value for value, null in zip(data.tolist(), absent.tolist(), strict=True)]
        strange = next((value for value in texts if value is not None and not isinstance(value, str)), None)
        if strange is not None:
            raise self.fault(f"gives {strange!r}; a {self.sql_type} takes texts and None", "convert it: numpy.array([...], dtype=object)")
        return texts

    def points(self, data: Any, absent: Any) -> bytes:
        np, unit = self.numpy, _POINTS[self.sql_type]
        low, high = np.datetime64("0001-01-01", unit), np.datetime64("9999-12-31", unit)
        points = data.astype(f"datetime64[{unit}]")
        self.refuse(data, ~absent & ((points < low) | (points > high)))
        return bytes(np.where(absent, NULL, points.view(np.int64)).tobytes())

    def numbers(self, data: Any, absent: Any) -> bytes:
        np, unit = self.numpy, 10 ** type_scale(self.sql_type)
        absent = absent | (np.isnan(data) if data.dtype.kind == "f" else False)
        data = np.where(absent, data.dtype.type(0), data)
        if self.sql_type == "bool":
            return bytes(np.where(absent, NULL, data.astype(np.int64)).tobytes())
        if data.dtype.kind == "f":
            scaled, highest = np.rint(data * float(unit)), self.highest()
        else:
            scaled, highest = data, self.highest() // unit
        self.refuse(data, (scaled > highest) | (scaled < -highest))
        whole = scaled.astype(np.int64) * (1 if data.dtype.kind == "f" else unit)
        return bytes(np.where(absent, NULL, whole).tobytes())

    def highest(self) -> int:
        """The largest value of the type, in its own unit; that of a float8 is bound by what millionths fit into 64 bits."""
        if self.sql_type.startswith("numeric("):
            return int(min(10 ** int(self.sql_type[8:].partition(",")[0]) - 1, 2**63 - 1))
        return _WHOLE.get(self.sql_type, 2**62)

    def refuse(self, data: Any, wrong: Any) -> None:
        if wrong.any():
            raise self.fault(f"gives {data[wrong][0]}, which does not fit {self.sql_type}", "keep it within the type, or give another type")

    def fault(self, what: str, hint: str) -> UsageError:
        return UsageError(f"the function {self.name} {what}", where=self.place, hint=hint)


def _width(given: Given) -> int:
    return 8 if isinstance(given, bytes) else 1


def _part(given: Given, start: int, stop: int) -> Given:
    return given[_width(given) * start : _width(given) * stop]
