"""Faults beside the app: begun before its workers start, ended after they have stopped, however that comes about."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from types import FrameType

from tenantry_clinic.faults import fault, server
from tenantry_clinic.faults._ledger import written_down
from tenantry_clinic.faults._model import Ground, NotPossible, owner, run_as_owner


@contextmanager
def beside(faults: Mapping[str, float], ground: Ground) -> Iterator[dict[str, str]]:
    """Lay the faults in a thread with an event loop of its own; gives the variables that they set for the workers.

    Raises NotPossible when one of them cannot be laid or undone. SIGTERM is Ctrl-C within the block; neither disturbs the undoing.
    """
    if not faults:
        yield {}
        return
    life = _Life(faults, ground)
    with _signals() as signals:
        life.start()
        try:
            yield life.wait()
        finally:
            signals.ending = True
            life.end()


class _Signals:
    """The server raises what it caught once more when it has shut down; by default that would end us before anything is undone."""

    def __init__(self) -> None:
        self.ending = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        if not self.ending:
            raise KeyboardInterrupt


@contextmanager
def _signals() -> Iterator[_Signals]:
    signals = _Signals()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Life(threading.Thread):
    def __init__(self, faults: Mapping[str, float], ground: Ground) -> None:
        super().__init__(name="faults", daemon=True)
        self._faults, self._ground = faults, ground
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self.laid = threading.Event()
        self.environment: dict[str, str] = {}
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            self._task = self._loop.create_task(self._hold())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except NotPossible as error:
            self.failed = error
        except Exception as error:
            doing = "undone" if self.laid.is_set() else "laid"
            self.failed = NotPossible(f"the faults cannot be {doing}: {error or type(error).__name__}")
        finally:
            self._loop.close()
            self.laid.set()

    async def _hold(self) -> None:
        async with AsyncExitStack() as stack:
            if any(fault(name).mend for name in self._faults):
                await stack.enter_async_context(written_down(self._ground, self._faults))
            await _check_server(self._ground, server(self._faults))
            for name, value in self._faults.items():
                self.environment |= await stack.enter_async_context(_one(name, value, self._ground))
            self.laid.set()
            await self._over.wait()

    def wait(self) -> dict[str, str]:
        """Until all of them lie: the variables of the workers. Raises what prevents one."""
        self.laid.wait()
        if self.failed is not None:
            raise self.failed
        return self.environment

    def end(self) -> None:
        """Undo all of them; what is still being laid is broken off."""

        def over() -> None:
            if self.laid.is_set():
                self._over.set()
            elif self._task is not None:
                self._task.cancel()

        with suppress(RuntimeError):  # the loop has closed by itself
            self._loop.call_soon_threadsafe(over)
        self.join()
        if self.failed is not None:
            raise self.failed


@asynccontextmanager
async def _one(name: str, value: float, ground: Ground) -> AsyncIterator[Mapping[str, str]]:
    known, doing = fault(name), "laid"
    try:
        async with AsyncExitStack() as stack:
            if script := known.script(known.lay, value):
                await run_as_owner(ground, script)
            environment = await stack.enter_async_context(known.beside(ground, value))
            doing = "undone"
            yield environment
    except Exception as error:
        raise NotPossible(f"the fault {name} cannot be {doing}: {error or type(error).__name__}") from error


async def _check_server(ground: Ground, wanted: Mapping[str, str]) -> None:
    if not wanted:
        return
    async with owner(ground) as connection:
        has = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in wanted}
    if has != wanted:
        options = " ".join(f"-c {name}={setting}" for name, setting in wanted.items())
        differing = ", ".join(f"{name} is {has[name]}" for name, setting in wanted.items() if has[name] != setting)
        raise NotPossible(f"Postgres must be started with {options} for these faults, and {differing}; `tenantry demo --fault` does so")
