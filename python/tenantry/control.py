"""Orders to a running test from another terminal: a Unix socket that only its user can reach, one line of JSON each way."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec

from tenantry.engine import Engine
from tenantry.errors import EnvironmentFault, TenantryError, UsageError
from tenantry.files import write_whole
from tenantry.plan.faults import at_least_one, some_rate
from tenantry.processes import Guard
from tenantry.results.manifest import read_manifest
from tenantry.results.running import is_running
from tenantry.types import OrderWord, did_you_mean
from tenantry.units import NS

CONTROL = "control.json"
WORDS: tuple[str, ...] = get_args(OrderWord)
# So that every load process has the order before it takes effect.
_LEAD_NS = NS // 10
_PATIENCE_S = 10.0
# The shortest limit of the systems we run on is 104 bytes, with the zero at its end.
_MOST_PATH = 100
_VALUES = {"rate": "a rate such as 200/s", "vus": "a number of virtual users such as 50"}


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wants of a run: a word, what goes with it, and the load profile that it is for (None: every one that it fits)."""

    word: OrderWord
    value: str | None = None
    scenario: str | None = None

    @property
    def change(self) -> Any:
        """What the engine is to change (None: `stop`, which is more than the engine's); raises UsageError for a wrong value."""
        match self.word:
            case "rate":
                return {"rate": some_rate(self.value, "rate").as_integer_ratio()}
            case "vus":
                return {"vus": at_least_one(self.value, "vus")}
            case "pause" | "resume":
                return "hold" if self.word == "pause" else "release"
        return None

    def __str__(self) -> str:
        return f"{self.word} {self.value}" if self.value else self.word


class Obeyed(msgspec.Struct, frozen=True):
    """An order that was carried out: for which load profiles, and when it takes effect, in nanoseconds since the start of the load."""

    scenarios: list[str]
    at_ns: int


class _Refusal(msgspec.Struct, frozen=True):
    what: str
    hint: str = ""


class _Answer(msgspec.Struct, frozen=True):
    obeyed: Obeyed | None = None
    refusal: _Refusal | None = None


def read_order(word: str, value: str | None, scenario: str | None) -> Order:
    """The order that these words mean; raises UsageError when they mean none."""
    if word not in WORDS:
        raise UsageError(f"there is no order {word!r}", hint=did_you_mean(word, WORDS))
    if (word in _VALUES) != (value is not None):
        what, hint = ("needs a value", _VALUES.get(word, "")) if value is None else ("takes no value", f"leave out {value!r}")
        raise UsageError(f"{word} {what}", hint=hint)
    if word == "stop" and scenario is not None:
        raise UsageError("stop ends the whole run", hint=f"leave out --scenario, or give `pause --scenario {scenario}`")
    order: Order = msgspec.convert({"word": word, "value": value, "scenario": scenario}, Order)
    _ = order.change
    return order


@dataclass(frozen=True, slots=True)
class Desk:
    """Carries out orders on the load of a run.

    `control` hands the engine's part of an order to all load processes (`Engine.control`), `stop` ends the load or raises UsageError, `say`
    tells the user of the run.
    """

    engine: Engine
    control: Callable[[bytes], list[str]]
    stop: Callable[[], None]
    say: Callable[[str], None]

    def obey(self, order: Order) -> Obeyed:
        """Carry out an order and note it in the run; raises UsageError when no load profile takes it."""
        now_ns = max(self.engine.now_ns(), 0)
        if order.change is None:
            self.stop()
            done, text = Obeyed([], now_ns), "stop: no new iterations; running ones may end"
        else:
            at_ns = now_ns + _LEAD_NS
            wish = {"at_ns": at_ns, "stream": order.scenario, "change": order.change}
            done = Obeyed(self.control(msgspec.json.encode(wish)), at_ns)
            text = f"{order}: {', '.join(done.scenarios)}"
        self.engine.event(order.word, text, done.at_ns)
        self.say(f"{text} (by tenantry ctl)")
        return done


@asynccontextmanager
async def listening(folder: Path, desk: Desk) -> AsyncIterator[None]:
    """Take orders for the run in `folder` within the block; without a place for a socket the run goes on, and the user is told."""
    guard: Guard | None = None
    server: asyncio.Server | None = None
    try:
        place = _private_folder()
        # A run that is killed leaves nothing beside its folder.
        guard = Guard(folder=place)
        server = await asyncio.start_unix_server(partial(_serve, desk), place / "socket")
        write_whole(folder / CONTROL, msgspec.json.encode({"pid": os.getpid(), "socket": str(place / "socket")}))
    except OSError as error:
        desk.say(f"tenantry ctl cannot reach this run: {error.strerror or error}")
    try:
        yield
    finally:
        if server is not None:
            server.close()
        (folder / CONTROL).unlink(missing_ok=True)
        if guard is not None:
            guard.release()


def _private_folder() -> Path:
    """A new folder that only its user may enter, with a path so short that a socket fits into it."""
    longest = len(os.fsencode(tempfile.gettempdir())) + len("/tenantry-ctl-12345678/socket")
    return Path(tempfile.mkdtemp(prefix="tenantry-ctl-", dir=None if longest <= _MOST_PATH else "/tmp"))


async def _serve(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One order of one connection. Whoever sends none, or too much, is not waited for."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            line = await reader.readline()
            writer.write(msgspec.json.encode(_answer(desk, line)) + b"\n")
            await writer.drain()
    except (OSError, TimeoutError, ValueError):
        pass
    finally:
        writer.close()


def _answer(desk: Desk, line: bytes) -> _Answer:
    try:
        return _Answer(obeyed=desk.obey(msgspec.json.decode(line, type=Order)))
    except msgspec.MsgspecError as error:
        return _Answer(
            refusal=_Refusal(f"the run does not understand the order: {error}", "use the tenantry that the run was started with")
        )
    except TenantryError as error:
        return _Answer(refusal=_Refusal(error.what, error.hint))


def give(order: Order, folder: Path) -> Obeyed:
    """Have the run in `folder` carry out an order.

    Raises UsageError when the run has ended or refuses, EnvironmentFault when it cannot be reached.
    """
    address = _address(folder)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_PATIENCE_S)
            line.connect(address)
            line.sendall(msgspec.json.encode(order) + b"\n")
            told = line.makefile("rb").readline()
    except (FileNotFoundError, ConnectionError):
        raise _ended(folder) from None
    except TimeoutError:
        hint = "its scripts keep the event loop busy; Ctrl-C in its terminal ends it"
        raise EnvironmentFault(f"the run did not answer within {_PATIENCE_S:g} s", where=str(folder), hint=hint) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentFault(
            f"the run cannot be reached: {reason}", where=str(folder), hint="give orders as the user who started it"
        ) from None
    if not told:
        raise _ended(folder)
    answer = msgspec.json.decode(told, type=_Answer)
    if answer.obeyed is None:
        refusal = answer.refusal or _Refusal("the run refused without a reason")
        raise UsageError(refusal.what, where=str(folder), hint=refusal.hint)
    return answer.obeyed


def _address(folder: Path) -> str:
    """The path of the socket of the run in `folder`."""
    if read_manifest(folder).end is not None:
        raise _ended(folder)
    try:
        return str(msgspec.json.decode((folder / CONTROL).read_bytes(), type=dict[str, Any])["socket"])
    except FileNotFoundError:
        if not is_running(folder):
            raise _ended(folder) from None
        hint = "orders are taken while the load goes on, from its first second to its last iteration"
        raise UsageError("the run takes no orders now: its load has not begun, or is over", where=str(folder), hint=hint) from None
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise UsageError(f"{CONTROL} cannot be read: {error}", where=str(folder)) from None


def _ended(folder: Path) -> UsageError:
    return UsageError("the run has ended", where=str(folder), hint="`tenantry report RUN` shows it; orders are for a run that goes on")
