"""The way that orders take: one line each way, through a socket that only its user can reach."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runfolder import RunFolder

from tenantry.control import CONTROL, WORDS, Desk, Obeyed, Order, _answer, give, listening, read_order
from tenantry.engine import Engine
from tenantry.errors import UsageError
from tenantry.results.running import mark_running
from tenantry.units import NS


class Load:
    """What an engine notes of orders."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.marks: list[tuple[str, str, int]] = []
        self.said: list[str] = []
        self.ends = 0

    def desk(self) -> Desk:
        engine = SimpleNamespace(now_ns=lambda: 5 * NS, event=lambda *mark: self.marks.append(mark))
        return Desk(cast(Engine, engine), self.control, self.stop, self.said.append)

    def control(self, order: bytes) -> list[str]:
        self.given.append(json.loads(order))
        if self.given[-1]["stream"] == "none":
            raise UsageError("nobody follows", hint="ask somebody else")
        return ["browse", "buy"]

    def stop(self) -> None:
        self.ends += 1


def run_folder(tmp_path: Path, end: str | None = None) -> Path:
    run = RunFolder(elapsed_s=5.0, end=end)
    run.open_stream(20)
    return run.write(tmp_path / "run")


def with_desk(folder: Path, load: Load, act: Callable[[], Any]) -> Any:
    """What `act` returns in another thread, while orders are taken."""

    async def serve() -> Any:
        async with listening(folder, load.desk()):
            return await asyncio.to_thread(act)

    return asyncio.run(serve())


def test_an_order_takes_effect_a_tenth_of_a_second_ahead_and_is_noted_there(tmp_path: Path) -> None:
    folder, load = run_folder(tmp_path), Load()
    told = with_desk(folder, load, lambda: give(read_order("rate", "100/s", None), folder))
    assert told == Obeyed(["browse", "buy"], 5 * NS + NS // 10)
    assert load.given == [{"at_ns": told.at_ns, "stream": None, "change": {"rate": [100, 1]}}]
    assert load.marks == [("rate", "rate 100/s: browse, buy", told.at_ns)]
    assert load.said == ["rate 100/s: browse, buy (by tenantry ctl)"]


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (("rate", "30/m", "buy"), {"rate": [1, 2]}),
        (("vus", "7", "buy"), {"vus": 7}),
        (("pause", None, "buy"), "hold"),
        (("resume", None, "buy"), "release"),
    ],
)
def test_the_engine_gets_each_order_in_its_own_words(words: tuple[str, str | None, str], change: Any) -> None:
    load = Load()
    load.desk().obey(read_order(*words))
    assert load.given == [{"at_ns": 5 * NS + NS // 10, "stream": "buy", "change": change}]


def test_a_stop_is_at_once_and_not_the_engines(tmp_path: Path) -> None:
    load = Load()
    assert load.desk().obey(read_order("stop", None, None)) == Obeyed([], 5 * NS)
    assert (load.ends, load.given, [kind for kind, _, _ in load.marks]) == (1, [], ["stop"])


def test_a_refusal_comes_back_as_the_error_that_it_was_and_leaves_no_mark(tmp_path: Path) -> None:
    folder, load = run_folder(tmp_path), Load()
    with pytest.raises(UsageError) as caught:
        with_desk(folder, load, lambda: give(read_order("pause", None, "none"), folder))
    assert (caught.value.what, caught.value.where, caught.value.hint) == ("nobody follows", str(folder), "ask somebody else")
    assert load.marks == []


@pytest.mark.parametrize("line", [b"pause\n", b"[]\n", b'{"word": "explode"}\n', b'{"word": "pause", "more": 1}\n', b"\n"])
def test_a_line_that_is_no_order_is_answered_and_does_nothing(tmp_path: Path, line: bytes) -> None:
    folder, load = run_folder(tmp_path), Load()

    async def send() -> bytes:
        async with listening(folder, load.desk()):
            place = json.loads((folder / CONTROL).read_text())["socket"]
            reader, writer = await asyncio.open_unix_connection(place)
            writer.write(line)
            answer = await reader.readline()
            writer.close()
            return answer

    assert "does not understand the order" in json.loads(asyncio.run(send()))["refusal"]["what"]
    assert (load.given, load.ends) == ([], 0)


WORDS_OF_JSON = [*"{}[]:,", '"word"', '"value"', '"scenario"', *(f'"{word}"' for word in WORDS), '"5/s"', '"7"', "7", "null", "-1", '"buy"']


@given(st.binary(max_size=60) | st.lists(st.sampled_from(WORDS_OF_JSON), max_size=14).map(lambda words: " ".join(words).encode()))
def test_whatever_comes_is_answered_in_json(line: bytes) -> None:
    load = Load()
    answer = _answer(load.desk(), line)
    assert (answer.obeyed is None) != (answer.refusal is None)
    assert bool(load.marks) == (answer.obeyed is not None)
    msgspec.json.encode(answer)


def test_who_sends_no_end_of_line_is_let_go(tmp_path: Path) -> None:
    folder, load = run_folder(tmp_path), Load()

    async def send() -> bytes:
        async with listening(folder, load.desk()):
            place = json.loads((folder / CONTROL).read_text())["socket"]
            reader, writer = await asyncio.open_unix_connection(place)
            writer.write(b"x" * 200_000)
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(send()) == b""


def test_a_temporary_folder_with_a_long_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    folder, load = run_folder(tmp_path), Load()
    with_desk(folder, load, lambda: give(read_order("stop", None, None), folder))
    assert load.ends == 1


def test_a_run_goes_on_when_there_is_no_place_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not below tmp_path: its length depends on who runs the tests, and a long one is not used.
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    folder, load = run_folder(tmp_path), Load()
    assert with_desk(folder, load, lambda: "it went on") == "it went on"
    assert load.said == ["tenantry ctl cannot reach this run: No such file or directory"]


@pytest.mark.parametrize(
    ("end", "running", "address", "message"),
    [
        ("finished", False, None, "the run has ended"),
        (None, False, None, "the run has ended"),
        (None, True, None, "its load has not begun, or is over"),
        (None, True, b'{"pid": 1, "socket": "/nowhere/socket"}', "the run has ended"),
        (None, True, b"{", "control.json cannot be read"),
        (None, True, b"{}", "control.json cannot be read"),
    ],
)
def test_a_run_that_cannot_be_reached_is_told_apart_from_one_that_has_ended(
    tmp_path: Path, end: str | None, running: bool, address: bytes | None, message: str
) -> None:
    folder = run_folder(tmp_path, end)
    mark = mark_running(folder) if running else None
    if address is not None:
        (folder / CONTROL).write_bytes(address)
    with pytest.raises(UsageError, match=message):
        give(read_order("pause", None, None), folder)
    if mark is not None:
        os.close(mark)


def test_an_order_is_plain_json() -> None:
    assert json.loads(msgspec.json.encode(read_order("vus", "5", "buy"))) == {"word": "vus", "value": "5", "scenario": "buy"}
    assert str(Order("vus", "5")) == "vus 5"
