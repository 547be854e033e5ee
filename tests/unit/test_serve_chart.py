"""The charts of the dashboard: where things stand in them."""

from __future__ import annotations

import pytest

from tenantry.serve.chart import HEIGHT, WIDTH, chart, nice


@pytest.mark.parametrize(
    ("highest", "end"),
    [(0, 1), (-1, 1), (1, 1), (1.01, 1.2), (0.043, 0.06), (99, 100), (100, 100), (101, 120), (6.1e-5, 8e-5), (8.1e9, 1e10)],
)
def test_an_axis_ends_at_a_round_number_that_nothing_exceeds(highest: float, end: float) -> None:
    assert nice(highest) == pytest.approx(end)


def test_points_stand_evenly_from_left_to_right_and_as_high_as_their_values() -> None:
    drawn = chart({"a": [0, 50, 100]}, str)
    xs, ys = [dot.x for dot in drawn.dots], [dot.y for dot in drawn.dots]
    assert xs[2] - xs[1] == xs[1] - xs[0] > 0
    assert ys[0] - ys[1] == ys[1] - ys[2] > 0
    assert (ys[0], ys[2]) == (drawn.grid[0][0], drawn.grid[-1][0])
    assert [label for _, label in drawn.grid] == ["0.0", "25.0", "50.0", "75.0", "100.0"]
    assert all(0 <= x <= WIDTH for x in xs) and all(0 <= y <= HEIGHT for y in ys)


def test_what_is_not_known_is_a_gap_and_not_a_zero() -> None:
    drawn = chart({"a": [1, 2, None, 3], "b": [None, None, None, None]}, str)
    assert [(dot.at, dot.key) for dot in drawn.dots] == [(0, 0), (1, 0), (3, 0)]
    assert [(key, len(points.split())) for key, points in drawn.paths] == [(0, 2), (0, 1)]


def test_marks_stand_at_their_points_and_nothing_is_drawn_of_nothing() -> None:
    drawn = chart({"a": [1, 2, 3]}, str, marks=[1])
    assert drawn.marks == (drawn.dots[1].x,)
    assert chart({"a": []}, str).dots == ()
    assert len(chart({"a": [5]}, str).dots) == 1


def test_a_turn_stands_between_the_points_that_it_parts() -> None:
    drawn = chart({"a": [1, 1, 5, 5], "b": [1, 1, 1, 1]}, str, turns=[(2, 0)])
    before, after = (dot.x for dot in drawn.dots if dot.key == 0 and dot.at in (1, 2))
    ((x, key),) = drawn.turns
    assert before < x < after and key == 0
