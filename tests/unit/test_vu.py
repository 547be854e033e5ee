"""A virtual user hands the engine exactly what was asked for, and acts as one user of one tenant."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tenantry.errors import UsageError
from tenantry.scenario.population import Row, draw_identity
from tenantry.scenario.session import Session
from tenantry.scenario.vu import Vu


class Recorder:
    """A session that writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.measured: list[tuple[Any, ...]] = []

    def request(self, *args: Any, **options: Any) -> Any:
        self.calls.append((*args, options))
        return asyncio.sleep(0)

    def check(self, *args: Any) -> None:
        self.calls.append(args)

    def measure(self, *args: Any) -> None:
        self.measured.append(args)

    def pause(self, seconds: float) -> Any:
        self.calls.append((seconds,))
        return asyncio.sleep(0)

    def now_ns(self) -> int:
        return 0


class Animals:
    """A population of three tenants with two users each; a pick tells what it was asked."""

    name = "animals"
    tenants = 3

    def tenant(self, index: int) -> Row:
        return cast(Row, SimpleNamespace(id=index + 1, slug=f"t{index + 1}"))

    def user(self, tenant: int, rng: Random) -> Row:
        return cast(Row, SimpleNamespace(id=tenant * 2 + rng.randrange(2)))

    def pick(self, tenant: int, table: str, rng: Random, /, **where: Any) -> Row:
        return cast(Row, SimpleNamespace(tenant=tenant, table=table, where=where, draw=rng.random()))

    def identity(self, tenant: Row, user: Row) -> Mapping[str, str]:
        return {"authorization": f"{tenant.id}.{user.id}"}


def recorded() -> tuple[Vu, list[tuple[Any, ...]]]:
    session = Recorder()
    return Vu(cast(Session, session)), session.calls


def vu_of(number: int, rng_seed: int = 1) -> Vu:
    population = Animals()
    who = draw_identity(population, rng_seed, number)
    return Vu(cast(Session, Recorder()), number=number, rng_seed=rng_seed, population=population, identity=who)


REQUESTS: list[tuple[str, Callable[[Vu], Any], tuple[Any, ...]]] = [
    ("a plain get passes nothing more", lambda vu: vu.get("/x"), ("GET", "/x", {})),
    ("a query stays as it is", lambda vu: vu.get("/x?a=1"), ("GET", "/x?a=1", {})),
    ("a template names the series", lambda vu: vu.get("/x/{id}", id=7), ("GET", "/x/7", {"name": "GET /x/{id}"})),
    ("a name wins over the template", lambda vu: vu.get("/x/{id}", id=7, name="one"), ("GET", "/x/7", {"name": "one"})),
    ("a field may be called url", lambda vu: vu.get("/go/{url}", url="a b"), ("GET", "/go/a%20b", {"name": "GET /go/{url}"})),
    (
        "a field may be called method",
        lambda vu: vu.get("/{method}/{self}", method=1, self=2),
        ("GET", "/1/2", {"name": "GET /{method}/{self}"}),
    ),
    ("parameters", lambda vu: vu.get("/x", params={"d": "1"}), ("GET", "/x?d=1", {})),
    ("no parameters", lambda vu: vu.get("/x", params={}), ("GET", "/x", {})),
    ("headers", lambda vu: vu.get("/x", headers={"a": "b"}), ("GET", "/x", {"headers": {"a": "b"}})),
    ("one expected status", lambda vu: vu.get("/x", expect=404), ("GET", "/x", {"expect": (404,)})),
    ("several expected statuses", lambda vu: vu.get("/x", expect=(201, 409)), ("GET", "/x", {"expect": (201, 409)})),
    ("a time-out", lambda vu: vu.get("/x", timeout="250ms"), ("GET", "/x", {"timeout_s": 0.25})),
    ("json", lambda vu: vu.post("/x", json={"a": 1}), ("POST", "/x", {"body": b'{"a":1}', "content_type": "application/json"})),
    ("json that is false", lambda vu: vu.post("/x", json=0), ("POST", "/x", {"body": b"0", "content_type": "application/json"})),
    (
        "an empty form",
        lambda vu: vu.post("/x", data={}),
        ("POST", "/x", {"body": b"", "content_type": "application/x-www-form-urlencoded"}),
    ),
    ("bytes", lambda vu: vu.put("/x", data=b"z"), ("PUT", "/x", {"body": b"z"})),
    ("nothing", lambda vu: vu.post("/x"), ("POST", "/x", {})),
    ("patch", lambda vu: vu.patch("/x", data=b"z"), ("PATCH", "/x", {"body": b"z"})),
    ("delete", lambda vu: vu.delete("/x/{id}", id=1), ("DELETE", "/x/1", {"name": "DELETE /x/{id}"})),
    ("head", lambda vu: vu.head("/x"), ("HEAD", "/x", {})),
    ("options", lambda vu: vu.options("/x"), ("OPTIONS", "/x", {})),
    ("any method", lambda vu: vu.request("PURGE", "/x/{id}", id=1), ("PURGE", "/x/1", {"name": "PURGE /x/{id}"})),
    (
        "a content type of one's own stands",
        lambda vu: vu.post("/x", data="<a/>", headers={"Content-Type": "text/xml"}),
        ("POST", "/x", {"body": b"<a/>", "headers": {"Content-Type": "text/xml"}}),
    ),
]


@pytest.mark.parametrize(("call", "asked"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
async def test_a_request_reaches_the_session(call: Callable[[Vu], Any], asked: tuple[Any, ...]) -> None:
    vu, calls = recorded()
    await call(vu)
    assert calls == [asked]


def test_two_bodies_are_refused() -> None:
    vu, calls = recorded()
    with pytest.raises(UsageError, match="one body"):
        _ = vu.post("/x", json=1, data="x")
    assert not calls


def test_a_field_without_value_is_refused_even_without_options() -> None:
    vu, calls = recorded()
    with pytest.raises(UsageError, match="no value for"):
        _ = vu.get("/x/{id}")
    assert not calls


async def test_groups_nest_and_end() -> None:
    vu, calls = recorded()
    with vu.group("shop"):
        await vu.get("/a")
        with vu.group("pay"):
            await vu.get("/b", expect=200)
            vu.check("paid", True)
        await vu.get("/c")
    await vu.get("/d")
    assert calls == [
        ("GET", "/a", {"group": "shop", "tags": None}),
        ("GET", "/b", {"expect": (200,), "group": "shop/pay", "tags": None}),
        ("paid", True, "shop/pay", None),
        ("GET", "/c", {"group": "shop", "tags": None}),
        ("GET", "/d", {}),
    ]


async def test_tags_of_groups_and_of_the_request_itself_add_up_and_the_inner_ones_win() -> None:
    vu, calls = recorded()
    with vu.group("shop", tags={"kind": "read", "area": "a"}):
        with vu.group("pay", tags={"kind": "write"}):
            await vu.post("/pay", tags={"try": "1", "area": "b"})
            vu.check("paid", True)
        await vu.get("/cart")
    await vu.get("/", tags={"kind": "plain"})
    await vu.get("/")
    assert [call[-1] if isinstance(call[-1], str) else call[-1].get("tags", call[-1]) for call in calls] == [
        {"kind": "write", "area": "b", "try": "1"},
        {"kind": "write", "area": "a"},
        {"kind": "read", "area": "a"},
        {"kind": "plain"},
        {},
    ]


WRONG_TAGS: list[tuple[str, Any, str]] = [
    ("a name of the series", {"scenario": "x"}, "scenario is kept for every series"),
    ("a name with a space", {"a b": "x"}, "'a b' is no name"),
    ("a number", {"build": 7}, "the value of build is 7"),
    ("no mapping", ["a"], "is no mapping"),
]


@pytest.mark.parametrize(("tags", "message"), [row[1:] for row in WRONG_TAGS], ids=[row[0] for row in WRONG_TAGS])
def test_wrong_tags_are_refused_before_anything_is_sent(tags: Any, message: str) -> None:
    vu, calls = recorded()
    with pytest.raises(UsageError, match=message):
        _ = vu.get("/", tags=tags)
    assert not calls


async def test_a_group_measures_how_long_it_took_unless_the_run_cut_it_off() -> None:
    session = Recorder()
    vu = Vu(cast(Session, session))
    with vu.group("shop"), vu.group("pay", tags={"a": "b"}):
        pass
    with pytest.raises(RuntimeError), vu.group("fails"):
        raise RuntimeError
    with pytest.raises(asyncio.CancelledError), vu.group("cut off"):
        raise asyncio.CancelledError
    metrics, values, groups, tags = zip(*session.measured, strict=True)
    assert set(metrics) == {"group_duration"}
    assert groups == ("shop/pay", "shop", "fails") and tags == ({"a": "b"}, None, None)
    assert 0 <= values[0] <= values[1] < 1


async def test_a_group_reaches_every_task_that_is_started_in_it_and_outlives_none() -> None:
    vu, calls = recorded()

    async def ask(url: str) -> None:
        await asyncio.sleep(0)
        await vu.get(url)

    with vu.group("outer"):
        left_alone = asyncio.create_task(ask("/task"))
        await asyncio.gather(ask("/gather"), ask("/gather"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask("/group"))
    await left_alone
    await ask("/after")
    assert [(url, options.get("group", "")) for _, url, options in sorted(calls, key=lambda call: call[1])] == [
        ("/after", ""),
        ("/gather", "outer"),
        ("/gather", "outer"),
        ("/group", "outer"),
        ("/task", "outer"),
    ]


async def test_a_group_ends_with_an_exception() -> None:
    vu, calls = recorded()
    with pytest.raises(RuntimeError), vu.group("shop"):
        raise RuntimeError
    await vu.get("/a")
    assert calls == [("GET", "/a", {})]


async def test_tasks_side_by_side_do_not_mix_their_groups() -> None:
    vu, calls = recorded()

    async def journey(name: str) -> None:
        with vu.group(name):
            for _ in range(3):
                await vu.get(f"/{name}")

    with vu.group("outer"):
        await asyncio.gather(journey("a"), journey("b"))
    assert {(url, options["group"]) for _, url, options in calls} == {("/a", "outer/a"), ("/b", "outer/b")}


def test_a_check_returns_what_it_counted() -> None:
    vu, calls = recorded()
    assert vu.check("yes", True) is True
    assert vu.check("no", cast(bool, [])) is False
    assert calls == [("yes", True), ("no", False)]


def test_a_check_of_a_function_is_refused_because_it_would_always_hold() -> None:
    vu, calls = recorded()
    for wrong in (lambda: False, asyncio.sleep):
        with pytest.raises(UsageError, match="always holds"):
            vu.check("x", cast(bool, wrong))
    assert not calls


async def test_a_pause_lies_between_its_bounds() -> None:
    vu, calls = recorded()
    for _ in range(50):
        await vu.pause(1, 3)
    await vu.pause(2)
    assert all(1 <= call[0] <= 3 for call in calls)
    assert len({call[0] for call in calls}) > 40
    assert calls[-1] == (2,)


@pytest.mark.parametrize(("low", "high"), [(-1, None), (3, 1), (-2, -1)])
def test_a_pause_of_less_than_nothing_is_refused(low: float, high: float | None) -> None:
    with pytest.raises(UsageError, match="not a span of time"):
        _ = recorded()[0].pause(low, high)


def test_random_numbers_depend_on_seed_and_number_alone() -> None:
    first = [vu_of(number).rng.random() for number in range(1, 6)]
    assert first == [vu_of(number).rng.random() for number in range(1, 6)]
    assert len(set(first)) == 5
    assert vu_of(1, rng_seed=2).rng.random() not in first


def test_an_identity_depends_on_seed_and_number_alone_and_reaches_every_tenant() -> None:
    drawn = [draw_identity(Animals(), 7, number) for number in range(300)]
    again = [draw_identity(Animals(), 7, number) for number in range(300)]
    assert [who.headers for who in drawn] == [who.headers for who in again]
    counts = [sum(who.tenant_index == index for who in drawn) for index in range(3)]
    # 100 each are due; five standard deviations of a binomial(300, 1/3) are 41.
    assert all(59 <= count <= 141 for count in counts)


def test_tenant_user_and_pick_are_those_of_the_identity() -> None:
    vu = vu_of(3)
    assert vu.user.id in (vu.tenant.id * 2 - 2, vu.tenant.id * 2 - 1)
    row = vu.pick("pets", species="cat")
    assert (row.tenant, row.table, row.where) == (vu.tenant.id - 1, "pets", {"species": "cat"})
    assert vu.pick("pets").draw != row.draw


@pytest.mark.parametrize("ask", [lambda vu: vu.tenant, lambda vu: vu.user, lambda vu: vu.pick("pets")])
def test_without_population_there_is_no_tenant(ask: Callable[[Vu], object]) -> None:
    with pytest.raises(UsageError, match="needs a population"):
        ask(recorded()[0])


def test_a_virtual_user_takes_no_attributes_of_its_own() -> None:
    vu = recorded()[0]
    vu.iteration = 5
    vu.shared = {"today": "2026-01-05"}
    with pytest.raises(AttributeError):
        vu.something = 1  # type: ignore[attr-defined]
