"""What a page carries for its script is made to fit: with fewer slices, which hold the same."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest

from tenantry.report.payload import fitted, packed


def sliced(count: int) -> dict[str, Any]:
    rng = random.Random(2)
    cells = [[] if place % 5 == 0 else [rng.randrange(9), 1 + place, 3, rng.randrange(1, 50)] for place in range(count)]
    values: dict[str, list[float | None]] = {
        name: [None if place % 4 == 0 else rng.uniform(-9, 9) for place in range(count)] for name in ("sum", "min", "max", "last")
    }
    requests = {"counts": {"requests": [rng.randrange(900) for _ in range(count)]}, "times": {"response": cells}}
    lines = [{**requests, "longest_us": {"response": [rng.randrange(10**6) for _ in range(count)]}}, {"counts": {}, "values": values}]
    return {"slices": {"step_s": 5, "count": count, "all": 0, "lines": lines}}


def unpacked(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(text)))
    return found


def histogram(cells: list[list[int]]) -> dict[int, int]:
    """All cells as one: counts by bucket."""
    found: dict[int, int] = {}
    for cell in cells:
        bucket = 0
        for distance, count in zip(cell[::2], cell[1::2], strict=True):
            bucket += distance
            found[bucket] = found.get(bucket, 0) + count
    return found


@pytest.mark.parametrize("count", [24, 23])
def test_two_slices_become_one_that_holds_both(count: int) -> None:
    told = sliced(count)
    halved = unpacked(fitted(told, len(packed(told)) - 1))["slices"]
    before, after = told["slices"]["lines"], halved["lines"]
    pairs = [slice(at, at + 2) for at in range(0, count, 2)]
    assert (halved["step_s"], halved["count"]) == (10, len(pairs))
    assert after[0]["counts"]["requests"] == [sum(before[0]["counts"]["requests"][pair]) for pair in pairs]
    assert after[0]["longest_us"]["response"] == [max(before[0]["longest_us"]["response"][pair]) for pair in pairs]
    for cell, pair in zip(after[0]["times"]["response"], pairs, strict=True):
        assert histogram([cell]) == histogram(before[0]["times"]["response"][pair])
    merges: dict[str, Callable[[list[float]], float]] = {"sum": sum, "min": min, "max": max, "last": itemgetter(-1)}
    for name, merge in merges.items():
        known = [[value for value in before[1]["values"][name][pair] if value is not None] for pair in pairs]
        assert after[1]["values"][name] == [pytest.approx(merge(some)) if some else None for some in known]


def test_what_does_not_fit_with_few_slices_goes_without() -> None:
    assert unpacked(fitted(sliced(24), 200))["slices"] is None


def test_what_fits_stays_as_it_is() -> None:
    told = sliced(24)
    assert unpacked(fitted(told, 10**6)) == told
