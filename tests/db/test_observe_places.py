"""The pooler, the app's metrics, and the processes behind them, on real ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from commandline import Shell
from running_clinic import Clinic
from test_observe_postgres import Kept, read_until
from test_pooler import pooled

from tenantry.engine import DatabaseError
from tenantry.observe.app import App, probes, scrape
from tenantry.observe.host import Host
from tenantry.observe.pooler import Pooler, facts
from tenantry.observe.probe import Watch
from tenantry.observe.procs import Processes
from tenantry.observe.settings import Observing
from tenantry.postgres import Postgres
from tenantry.processes import free_port

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that any user can enter."""
    folder = tmp_path_factory.mktemp("pooler")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder


def test_the_queue_of_a_pooler_is_seen(postgres: Postgres, new_database: Callable[[], str], place: Path) -> None:
    name, kept = urlsplit(new_database()).path[1:], Kept()
    with pooled(postgres, "transaction", place) as pooler:
        console = f"{pooler}/pgbouncer"
        told = facts(console)
        assert told["settings"]["pool_mode"] == "transaction"
        assert told["settings"]["default_pool_size"] == "2"
        assert "PgBouncer" in told["version"]

        async def work() -> None:
            clients = [await asyncpg.connect(f"{pooler}/{name}", statement_cache_size=0) for _ in range(5)]
            sleeping = [asyncio.create_task(client.execute("SELECT pg_sleep(2)")) for client in clients]
            await asyncio.to_thread(watch)
            await asyncio.gather(*sleeping)
            for client in clients:
                await client.close()

        def watch() -> None:
            probe = Pooler(console, kept)
            probe.open()
            read_until(probe, lambda: kept.last("pooler.cl_waiting").get(f"{name}/postgres") == 3)
            probe.close()

        asyncio.run(work())
        after = Pooler(console, kept)
        after.open()
        after.read()
        after.close()
    subject = f"{name}/postgres"
    assert {row[4] for row in kept.rows["readings"] if row[2:4] == ("pooler.sv_active", subject)} >= {2.0, 0.0}
    assert any(row[4] > 0 for row in kept.rows["readings"] if row[2:4] == ("pooler.maxwait_s", subject))
    assert kept.last("pooler.total_query_count")[name] == 5
    assert kept.last("pooler.total_wait_time")[name] > 1e6, "three of them waited two seconds"
    assert not any(subject.startswith("pgbouncer") for subject in kept.last("pooler.cl_active")), "the console's own pool is left out"


def test_a_database_that_is_no_console_is_told(new_database: Callable[[], str]) -> None:
    with pytest.raises(DatabaseError) as raised:
        Pooler(new_database(), Kept()).open()
    assert "stats_users" in raised.value.args[1]


@needs_proc
def test_app_and_postgres_are_found_by_their_ports(clinic: Clinic, postgres: Postgres) -> None:
    kept = Kept()
    probe = Processes(Observing(postgres.dsn, target=f"http://127.0.0.1:{clinic.port}"), kept)
    probe.open()
    probe.read()
    first = kept.last("process.cpu_s")
    for _ in range(30):
        clinic.get("/api/pets")
    probe._families.every_s = 0.0
    read_until(probe, lambda: kept.last("process.cpu_s")["app"] > first["app"])
    assert f"app:{clinic.pid}" in kept.last("process.cpu_s")
    assert f"postgres:{postgres.pid}" in kept.last("process.cpu_s")
    assert kept.last("process.count")["postgres"] > 3
    assert kept.last("process.count")["observer"] == 1, "what it has started is not its own"
    assert {"app", "postgres", "generator", "observer"} <= kept.last("process.rss_bytes").keys()
    assert kept.last("process.open_files")["app"] > 3
    assert kept.last("listener.queue").keys() == {"app", "postgres"}
    assert probe.notes == []


@needs_proc
def test_a_port_of_another_machine_or_of_nobody_has_no_processes() -> None:
    kept = Kept()
    probe = Processes(Observing("postgresql://me@192.0.2.1/db", target=f"http://127.0.0.1:{free_port()}", loads=False), kept)
    probe.open()
    probe.read()
    assert kept.last("process.count").keys() == {"observer"}
    (note,) = probe.notes
    assert "observe.app_pids" in note


def test_processes_may_be_named() -> None:
    kept = Kept()
    probe = Processes(Observing(app_pids=(os.getppid(),), loads=False), kept)
    probe.open()
    probe.read()
    assert f"app:{os.getppid()}" in kept.last("process.cpu_s") or kept.last("process.count")["app"] > 16


@needs_proc
def test_the_machine_is_read() -> None:
    kept = Kept()
    probe = Host(kept)
    probe.open()
    probe.read()
    assert kept.last("cpu.cores")[""] >= 1
    assert kept.last("memory.available_bytes")[""] > 0


def test_a_system_without_proc_is_told_once(tmp_path: Path) -> None:
    for probe in (Host(Kept(), root=tmp_path), Processes(Observing(), Kept(), root=tmp_path)):
        watch = Watch(probe)
        watch.start()
        watch.join(10)
        (note,) = watch.told()
        assert "/proc" in note


def test_the_pool_of_the_clinic_is_recognised(clinic: Clinic) -> None:
    kept = Kept()
    probe = App(f"http://127.0.0.1:{clinic.port}/metrics", kept)
    probe.read()
    clinic.get("/api/pets")
    probe.read()
    worker = str(clinic.pid)
    for metric in ("pool.size", "pool.in_use", "pool.waiting", "in_flight"):
        assert kept.last(metric).keys() == {worker}, metric
    assert kept.last("scrape.took_s")[worker] > 0
    assert any(subject.startswith(worker) and "route=" in subject for subject in kept.last("clinic_requests_total"))
    written = [row for row in kept.rows["readings"] if row[2] == "clinic_worker_pid"]
    assert len(written) == 1, "what has not changed is written once"


class Answers(BaseHTTPRequestHandler):
    """What the path says."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                try:
                    self.wfile.write(b"a 1\n")
                    time.sleep(0.1)
                except OSError:
                    return
        else:
            body = {
                "/many": "\n".join(f"m{n} {n}" for n in range(2_000)),
                "/page": "<html>",
                "/auth": f"a 1\n#{self.headers['authorization']}",
            }
            self.send_response(200 if self.path in body else 503)
            self.end_headers()
            self.wfile.write(body.get(self.path, "").encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def answers() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_metrics_that_are_none_are_told(answers: str) -> None:
    for path, expected in (("/gone", "answered 503"), ("/page", "no metrics"), ("/slow", "too long")):
        with pytest.raises((OSError, ValueError), match=expected):
            App(answers + path, Kept()).read()
    with pytest.raises(ValueError, match="no http address"):
        App("ftp://host/metrics", Kept()).read()


def test_a_page_of_thousands_is_cut(answers: str) -> None:
    kept = Kept()
    probe = App(f"{answers}/many", kept)
    probe.read()
    assert len([row for row in kept.rows["readings"] if row[2].startswith("m")]) == 500
    assert "2000" in probe.notes[0]


def test_a_user_in_the_address_is_sent_and_not_told(answers: str) -> None:
    address = answers.replace("://", "://me:secret%21@")
    assert "Basic bWU6c2VjcmV0IQ==" in scrape(f"{address}/auth", 2.0)
    with pytest.raises(ValueError) as raised:
        scrape(f"{address}/gone", 2.0)
    assert "secret" not in str(raised.value)
    assert [probe.name for probe in probes([address, "http://other/metrics"], Kept())] == [f"app {answers[7:]}", "app other"]


def test_observing_without_load_tells_what_was_seen(shell: Shell, clinic: Clinic) -> None:
    environment = {"OBSERVE_URL": clinic.database.dsn, "TENANTRY_OBSERVE_METRICS": f"http://127.0.0.1:{clinic.port}/metrics"}
    target = f"http://127.0.0.1:{clinic.port}"
    done = shell.run("observe", "--for", "2s", "--dsn-env", "OBSERVE_URL", "--target", target, "--json", environment=environment)
    assert done.code == 0, done.err
    told = done.document
    assert told["sessions"]["most_connections"] >= 1
    assert {"host", "processes", "postgres.activity", "postgres.counters", "app"} == {probe["name"] for probe in told["probes"]}
    assert "generator" not in told["processes"]
    (folder,) = shell.runs()
    assert json.loads((folder / "observed.json").read_text()) == told
    listed = shell.run("runs", "list", "--json")
    assert listed.document["runs"] == [], "it is no run"


def test_ctrl_c_ends_an_observation_and_tells_what_was_seen(shell: Shell, new_database: Callable[[], str]) -> None:
    with shell.start("observe", "--for", "10m", "--dsn-env", "OBSERVE_URL", environment={"OBSERVE_URL": new_database()}) as running:
        running.wait_for("watching for")
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=40)
    assert done.code == 130
    assert "sessions" in done.out
    assert "cost" in done.out


def test_there_must_be_something_to_watch(shell: Shell, tmp_path: Path) -> None:
    nothing = shell.run("observe")
    assert (nothing.code, "--dsn-env" in nothing.err) == (2, True)
    unset = shell.run("observe", "--dsn-env", "NO_SUCH_URL")
    assert (unset.code, "NO_SUCH_URL is not set" in unset.err) == (2, True)
    short = shell.run("observe", "--for", "10ms", "--target", "http://127.0.0.1:1")
    assert (short.code, "--for" in short.err) == (2, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    full = shell.run("observe", "--target", "http://127.0.0.1:1", "--out", str(tmp_path / "full"))
    assert (full.code, "not empty" in full.err) == (2, True)
    assert shell.runs() == []
