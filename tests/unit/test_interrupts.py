"""Signals that wait for a listener, and the patience that ends."""

import asyncio
import signal

import pytest

from tenantry.interrupts import PATIENCE, Interrupts


def handlers() -> tuple[object, object]:
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


def test_a_signal_that_comes_before_anybody_listens_is_told_to_the_first_who_does() -> None:
    heard: list[str] = []

    async def listen(interrupts: Interrupts) -> None:
        with interrupts.listen(asyncio.get_running_loop(), lambda: heard.append("now")):
            await asyncio.sleep(0)

    before = handlers()
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        asyncio.run(listen(interrupts))
    assert heard == ["now"]
    assert handlers() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_told_on_the_event_loop(number: signal.Signals) -> None:
    async def listen(interrupts: Interrupts) -> bool:
        heard = asyncio.Event()
        with interrupts.listen(asyncio.get_running_loop(), heard.set):
            signal.raise_signal(number)
            assert not heard.is_set(), "not in the middle of something else"
            return await asyncio.wait_for(heard.wait(), 5)

    with Interrupts() as interrupts:
        assert asyncio.run(listen(interrupts))


def test_a_signal_that_nobody_listens_to_any_more_changes_nothing() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)


def test_the_third_signal_does_not_wait() -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), Interrupts():
        for _ in range(PATIENCE):
            signal.raise_signal(signal.SIGINT)
    assert handlers() == before
