"""Tenants are drawn as often as the exact probabilities say; the same seed and numbers draw the same ones."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_vu import Animals

from tenantry import Vu, constant_vus, scenario, workload
from tenantry.errors import UsageError
from tenantry.plan.tenants import UNIFORM, ByTier, Draw, Evenly, TenantChoice, Without, ZipfRanks
from tenantry.scenario.population import draw_identity
from tenantry.tenants import by_tier, zipf

DRAWS = 200_000


def chi_square(seen: Counter[int], expected: list[float]) -> float:
    """Pearson's statistic in standard deviations from its mean; categories with fewer than 20 expected are taken together."""
    kept = [(seen[index], weight) for index, weight in enumerate(expected) if weight >= 20]
    rest = (sum(seen.values()) - sum(count for count, _ in kept), sum(expected) - sum(weight for _, weight in kept))
    cells = [*kept, *([rest] if rest[1] >= 20 else [])]
    statistic = sum((count - weight) ** 2 / weight for count, weight in cells)
    freedom = len(cells) - 1
    return (statistic - freedom) / math.sqrt(2 * freedom)


def drawn(draw: Draw, n: int = DRAWS) -> Counter[int]:
    rng = Random(20_260_105)
    return Counter(draw(rng) for _ in range(n))


@pytest.mark.parametrize("s", [0.5, 0.999_999, 1.0, 1.1, 2.0, 5.0])
@pytest.mark.parametrize("tenants", [1, 2, 3, 100, 10_000])
def test_zipf_draws_as_often_as_the_exact_probabilities_say(s: float, tenants: int) -> None:
    weights = [k**-s for k in range(1, tenants + 1)]
    seen = drawn(zipf(s).sampler(tenants, lambda number, column: None))
    assert set(seen) <= set(range(tenants))
    if tenants > 1:
        whole = math.fsum(weights)
        assert chi_square(seen, [DRAWS * weight / whole for weight in weights]) < 5


def test_a_wrong_exponent_would_be_noticed() -> None:
    weights = [k**-1.1 for k in range(1, 101)]
    seen = drawn(zipf(1.15).sampler(100, lambda number, column: None))
    assert chi_square(seen, [DRAWS * weight / math.fsum(weights) for weight in weights]) > 20


def test_the_area_under_the_hat_is_inverted() -> None:
    for s in (0.3, 1.0, 1.000_000_01, 3.0):
        ranks = ZipfRanks(10_000, s)
        for x in (1.5, 2.5, 77.5, 9_999.5):
            assert ranks._area_inverse(ranks._area(x)) == pytest.approx(x, rel=1e-7)
        assert all(a < b for a, b in pairwise(ranks._area(x / 2) for x in range(3, 99)))


def test_uniform_draws_every_tenant_alike() -> None:
    assert abs(chi_square(drawn(UNIFORM.sampler(50, lambda number, column: None)), [DRAWS / 50] * 50)) < 5


def test_tiers_are_drawn_by_weight_and_their_tenants_alike() -> None:
    plans = ["free"] * 90 + ["team"] * 9 + ["enterprise"]
    draw = by_tier({"enterprise": 5, "free": 3, "team": 2}, column="plan").sampler(
        100, lambda number, column: {"plan": plans[number]}[column]
    )
    expected = [DRAWS * 0.3 / 90] * 90 + [DRAWS * 0.2 / 9] * 9 + [DRAWS * 0.5]
    assert abs(chi_square(drawn(draw), expected)) < 5


def test_a_tier_that_is_not_named_gets_nothing() -> None:
    draw = by_tier({"a": 1}, column="plan").sampler(4, lambda number, column: "ab"[number % 2])
    assert set(drawn(draw, 100)) == {0, 2}


@pytest.mark.parametrize("choice", [UNIFORM, zipf(1.2), by_tier({"free": 1}, column="plan")])
def test_a_tenant_that_is_left_out_is_never_drawn_and_the_others_are(choice: TenantChoice) -> None:
    def plan_of(number: int, column: str) -> object:
        return "paid" if number == 1 else "free"

    rng = Random(3)
    draw = Without(choice, 2).sampler(5, plan_of)
    drawn = Counter(draw(rng) for _ in range(2000))
    assert set(drawn) == ({0, 3, 4} if isinstance(choice, ByTier) else {0, 1, 3, 4})


def test_evenly_all_tenants_of_a_choice_are_drawn_alike_and_no_others() -> None:
    def plan_of(number: int, _: str) -> str:
        return ("free", "free", "paid", "trial", "trial")[number]

    seen = drawn(Evenly(zipf(2.0)).sampler(5, plan_of))
    assert set(seen) == set(range(5)) and max(seen.values()) < 1.1 * min(seen.values())
    seen = drawn(Evenly(by_tier({"paid": 1, "free": 9}, column="plan")).sampler(5, plan_of))
    assert set(seen) == {0, 1, 2} and max(seen.values()) < 1.1 * min(seen.values())


def test_where_a_choice_has_no_other_tenant_any_other_is_drawn() -> None:
    draw = Without(by_tier({"paid": 1}, column="plan"), 1).sampler(3, lambda number, _: "paid" if number == 1 else "free")
    assert {draw(Random(seed)) for seed in range(20)} == {0, 2}
    with pytest.raises(UsageError, match="no other tenant"):
        Without(UNIFORM, 0).sampler(1, lambda number, _: "")


def test_a_tier_without_tenants_and_a_column_that_is_not_there_are_told() -> None:
    with pytest.raises(UsageError, match="none of the 3 tenants has 'gold' as its slug") as caught:
        by_tier({"gold": 1}, column="slug").sampler(3, lambda number, column: f"t{number}")
    assert "t0" in caught.value.hint
    with pytest.raises(UsageError, match="no attribute 'plan'"):
        by_tier({"gold": 1}, column="plan").sampler(3, lambda number, column: getattr(SimpleNamespace(slug="x"), column))


def test_the_identity_of_an_iteration_depends_on_seed_user_and_iteration_alone() -> None:
    def tenants(seed: int, number: int) -> list[int]:
        return [draw_identity(Animals(), seed, number, iteration=turn).tenant_index for turn in range(40)]

    assert tenants(1, 1) == tenants(1, 1)
    assert len({tuple(tenants(seed, number)) for seed in (1, 2) for number in (1, 2, 3)}) == 6
    assert set(tenants(1, 1)) == {0, 1, 2}
    picked = draw_identity(Animals(), 1, 7, draw=lambda rng: 2)
    assert (picked.tenant_index, cast(Any, picked.tenant).slug) == (2, "t3")
    assert picked.user.id in (4, 5)


@scenario
async def visit(vu: Vu) -> None: ...


BAD: list[tuple[str, Callable[[], Any], str]] = [
    ("an exponent of zero", lambda: zipf(0), r"zipf\(0\): the exponent"),
    ("an exponent in words", lambda: zipf("steep"), "the exponent must be a number"),  # type: ignore[arg-type]
    ("a weight of zero", lambda: by_tier({"a": 0}, column="plan"), "the weight of a is 0"),
    ("no tiers", lambda: by_tier({}, column="plan"), "by_tier has no tiers"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_choice_is_a_fault_of_the_workload_with_its_line(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        workload(visit, constant_vus(1, "1s"), dataset=Animals(), tenant_choice=make()).plan(target="http://127.0.0.1")
    assert "test_tenants.py:" in str(caught.value)


def test_the_manifest_tells_the_choice_in_words() -> None:
    def told(choice: Any) -> object:
        made = workload(visit, constant_vus(1, "1s"), dataset=Animals(), tenant_choice=choice, tenant_per="iteration")
        return made.plan(target="http://127.0.0.1").as_dict()["tenant_choice"]

    assert told("uniform") == "uniform"
    assert told(zipf(1.1)) == "zipf(1.1)"
    assert told(by_tier({"pro": 3, "free": 1}, column="plan")) == "by_tier(plan: pro=3, free=1)"
