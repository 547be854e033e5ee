"""Probes fail, hang and come back; what they read is written in chunks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from tenantry.observe import probe as watching
from tenantry.observe.probe import Blind, Pace, Watch
from tenantry.observe.recorder import Recorder


@dataclass
class Scripted:
    """Does what its script says, reading after reading."""

    script: list[Callable[[], None]]
    name: str = "scripted"
    every_s: float = 0.001
    notes: list[str] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def read(self) -> None:
        if not self.script:
            self.done.set()
            return
        self.script.pop(0)()


def fails(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def watch(probe: Scripted) -> Watch:
    watch = Watch(probe)
    watch.start()
    assert probe.done.wait(10)
    watch.end()
    watch.join(10)
    return watch


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BACK_OFF_S", (0.001,))


def test_a_probe_that_fails_is_closed_opened_again_and_told() -> None:
    probe = Scripted([fails(OSError(111, "Connection refused")), fails(ValueError("no number\nmore"))])
    account = watch(probe)
    assert (probe.opened, account.account.failures, account.account.error) == (3, 2, "no number")
    assert probe.closed == 3, "once for each failure, once in the end"
    assert list(account.told()) == ["scripted failed 2 times, at last: no number"]


def test_a_probe_that_is_blind_ends_without_a_failure() -> None:
    probe = Scripted([fails(Blind("nothing here"))])
    blind = Watch(probe)
    blind.start()
    blind.join(10)
    assert not blind.is_alive()
    assert (blind.account.failures, list(blind.told())) == (0, ["nothing here"])


def test_a_fault_of_the_probe_itself_is_told_and_it_goes_on() -> None:
    account = watch(Scripted([fails(TypeError("a bug"))]))
    assert list(account.told()) == ["scripted failed 1 times, at last: a bug"]


def test_a_probe_that_hangs_is_told() -> None:
    over = threading.Event()
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        over.wait(30)

    hung = Watch(Scripted([hang]))
    hung.start()
    assert begun.wait(10)
    assert list(hung.told()) == ["scripted waits for an answer that does not come"]
    over.set()
    hung.end()
    hung.join(10)


def test_what_costs_much_is_due_less_often() -> None:
    pace = Pace(1.0)
    with pace.turn(time.monotonic() - 0.5) as due:
        assert due
    with pace.turn(time.monotonic() + 10) as due:
        assert not due, "half a second of work is a hundredth of fifty"
    with pace.turn(time.monotonic() + 100) as due:
        assert due


def read(folder: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.sql(f"SELECT * FROM '{folder}/probes/{table}-*.parquet' ORDER BY ALL").fetchall()


def test_readings_are_written_in_chunks_that_are_complete(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, time.monotonic_ns())
    for at_ns in (5, 6):
        recorder.readings(at_ns, "host", {("cpu.busy_s", ""): at_ns / 2, ("disk.reads", "sda"): 1.0})
        recorder.write()
    recorder.write()
    assert read(tmp_path, "readings") == [
        (5, "host", "cpu.busy_s", "", 2.5),
        (5, "host", "disk.reads", "sda", 1.0),
        (6, "host", "cpu.busy_s", "", 3.0),
        (6, "host", "disk.reads", "sda", 1.0),
    ]
    assert not list(tmp_path.rglob("*.part"))


def test_files_grow_until_they_are_large_and_every_row_is_in_one_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenantry.observe.recorder.LARGE", 1500)
    recorder = Recorder(tmp_path, 0)
    for at_ns in range(40):
        recorder.readings(at_ns, "host", {(f"metric.{number}", str(at_ns * number)): at_ns / 3 for number in range(10)})
        recorder.write()
        assert len(read(tmp_path, "readings")) == 10 * (at_ns + 1)
    assert 2 <= len(list(tmp_path.rglob("*.parquet"))) <= 20


def test_what_could_not_be_written_is_written_later_and_overwrites_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    recorder.readings(1, "a", {("m", ""): 1.0})
    recorder.activity([(1, "client backend", "active", "", "", "", "", "", 1, 0.0, 0.0)])
    in_the_way = tmp_path / "probes/activity-000000.parquet.part"
    in_the_way.mkdir(parents=True)
    with pytest.raises((OSError, duckdb.Error)):
        recorder.write()
    in_the_way.rmdir()
    recorder.readings(2, "a", {("m", ""): 2.0})
    recorder.write()
    assert [row[0] for row in read(tmp_path, "readings")] == [1, 2]
    assert len(read(tmp_path, "activity")) == 1


def test_readings_that_nobody_can_write_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenantry.observe.recorder.MOST_ROWS", 3)
    recorder = Recorder(tmp_path, 0)
    for at_ns in range(5):
        recorder.readings(at_ns, "a", {("m", ""): 1.0})
    recorder.write()
    assert (len(read(tmp_path, "readings")), recorder.lost) == (3, 2)
