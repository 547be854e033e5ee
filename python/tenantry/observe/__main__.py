"""The observer's process: `python -m tenantry.observe FD`, with the line to the run as that descriptor."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from tenantry.channel import send
from tenantry.files import write_whole
from tenantry.observe import app, linux, pooler
from tenantry.observe.activity import Activity
from tenantry.observe.catalog import catalog, may_see_all
from tenantry.observe.counters import Counters
from tenantry.observe.host import Host
from tenantry.observe.observer import Begin, Task, Watching, Written
from tenantry.observe.planlog import MOST_BYTES, UNREADABLE, PlanLog, is_on
from tenantry.observe.pooler import Pooler
from tenantry.observe.postgres import Session
from tenantry.observe.probe import FAILURES, Probe, Watch, said
from tenantry.observe.procs import Processes
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing
from tenantry.observe.statements import MOST_PLANS, own_statements, plans, redacted, tenant_setting, texts
from tenantry.results.probes import FACTS

WRITE_S = 3.0
# Sessions tell the collector what they did at most once a second.
_SETTLE_S = 1.1
_JOIN_S = 3.0


def main(descriptor: int) -> None:
    """Watch until the run says that its load is over, or is gone."""
    line = Connection(descriptor)
    try:
        task: Task = line.recv()
        observed = _Observed(task)
        send(line, Watching(tuple(observed.learn())))
        begin = line.recv()
        if isinstance(begin, Begin):
            observed.watch(begin.zero_ns, line)
            send(line, Written(tuple(observed.conclude())))
    except (EOFError, OSError):
        pass  # the run is gone
    except Exception:
        # The log of the run folder keeps it, and the run tells its end.
        traceback.print_exc()
    finally:
        # A thread that waits for a server which does not answer keeps nobody here.
        sys.stderr.flush()
        os._exit(0)


class _Observed:
    def __init__(self, task: Task) -> None:
        self.settings, self.folder = task.settings, task.folder
        self.facts: dict[str, Any] = {"silent": list(task.settings.silent)}
        self.notes: list[str] = []
        self.probes: list[Probe] = []
        self._watches: list[Watch] = []
        self._recorder: Recorder | None = None
        self._begun_cpu_s = 0.0
        self._own: dict[str, float] | None = None
        self._plan_log: PlanLog | None = None

    def learn(self) -> list[str]:
        """Read what does not change; what cannot be seen."""
        self.facts["host"] = linux.facts(Path("/"))
        if self.settings.postgres is not None:
            self._attempt(self._learn_postgres, "Postgres cannot be observed")
        if self.settings.pgbouncer is not None:
            self._attempt(self._learn_pgbouncer, "PgBouncer cannot be observed")
        return list(self.notes)

    def _learn_postgres(self) -> None:
        session = Session(self.settings.postgres or "")
        try:
            self._learn_catalog(session)
            self._own = own_statements(session)
            if is_on(self.facts["postgres"]):
                self._attempt(lambda: self._open_log(session), UNREADABLE)
            if not may_see_all(session):
                self.notes.append("the observing role does not see what the sessions of others do: GRANT pg_monitor TO it")
        finally:
            session.close()

    def _learn_catalog(self, session: Session) -> None:
        self.facts["postgres"], unread = catalog(session)
        self.notes += unread

    def _open_log(self, session: Session) -> None:
        self._plan_log = PlanLog.opened(session, self.facts["postgres"])
        self.notes += [f"{UNREADABLE}: {self._plan_log.why}"] if self._plan_log.why else []

    def _learn_pgbouncer(self) -> None:
        self.facts["pgbouncer"] = pooler.facts(self.settings.pgbouncer or "")

    def watch(self, zero_ns: int, line: Connection) -> None:
        """Let the probes read until the load has ended."""
        self._begun_cpu_s = time.process_time()
        self._recorder = Recorder(self.folder, zero_ns)
        self._write_facts()
        self.probes = _probes(self.settings, self._recorder)
        self._watches = [Watch(probe) for probe in self.probes]
        for watch in self._watches:
            watch.start()
        try:
            while not line.poll(WRITE_S):
                self._attempt(self._recorder.write)
            line.recv()
        except EOFError:
            self._attempt(self._recorder.write)
            raise

    def conclude(self) -> list[str]:
        """Take the closing readings and write all; what could not be seen, beside what was said before."""
        assert self._recorder is not None
        # What the load leaves behind shows in the samples after it.
        time.sleep(_SETTLE_S)
        for watch in self._watches:
            watch.end()
        give_up = time.monotonic() + _JOIN_S
        for watch in self._watches:
            watch.join(max(give_up - time.monotonic(), 0.0))
        # Before a server that hangs is asked for anything more.
        self._attempt(self._recorder.write)
        said_before = len(self.notes)
        self._attempt(self._close_postgres)
        self.notes += [note for watch in self._watches for note in watch.told()]
        self.facts["probes"] = {watch.probe.name: watch.account.as_dict() for watch in self._watches}
        self.facts["observer"] = {"cpu_s": round(time.process_time() - self._begun_cpu_s, 3), "lost_rows": self._recorder.lost}
        self._attempt(self._recorder.write)
        self._attempt(self._write_facts)
        return self.notes[said_before:]

    def _close_postgres(self) -> None:
        """The last snapshot of the counters, the texts of the statements, and plans of those that took most time."""
        counters = next((probe for probe in self.probes if isinstance(probe, Counters)), None)
        activity = next((probe for probe in self.probes if isinstance(probe, Activity)), None)
        if counters is None or activity is None:
            return
        counters.open()
        counters.read()
        counters.close()
        session = Session(self.settings.postgres or "")
        try:
            if "postgres" not in self.facts:
                # It could not be reached before the load.
                self._learn_catalog(session)
            self._learn_statements(session, counters, activity)
        finally:
            session.close()

    def _learn_statements(self, session: Session, counters: Counters, activity: Activity) -> None:
        facts = self.facts["postgres"]
        known = texts(session, activity.texts)
        busiest = [*counters.grown("statement.total_exec_time"), *(number for number, _ in activity.statements.most_common())]
        wanted = [number for number in dict.fromkeys(busiest) if number in known][:MOST_PLANS]
        role = self.settings.app_role or next((name for name, _ in activity.roles.most_common(1)), None)
        setting = self.settings.tenant_setting or tenant_setting(facts["policies"])
        tenant = next((name for name, _ in activity.tenants.most_common(1)), None)
        facts["statements"] = {number: redacted(text) for number, text in known.items()}
        facts["missing"] = sorted(counters.missing)
        facts["app_role"], facts["tenant_setting"] = role, setting
        facts["plans"] = []
        self._attempt(lambda: self._learn_logged_plans(session, known, wanted))
        others = [number for number in wanted if number not in {plan["query_id"] for plan in facts["plans"]}]
        facts["plans"] += plans(session, known, others, role=role, setting=setting, tenant=tenant)
        facts["cost"] = self._cost(session)

    def _learn_logged_plans(self, session: Session, known: Mapping[str, str], wanted: Sequence[str]) -> None:
        log, facts = self._plan_log, self.facts["postgres"]
        if log is None or log.why:
            return
        facts["plans"] += log.plans(session, known, wanted, facts["tables"])
        if log.left_out:
            size = f"{(log.left_out + MOST_BYTES) >> 20} MB"
            self.notes.append(f"of {size} that the server logged meanwhile, the last {MOST_BYTES >> 20} MB were searched for plans")

    def _cost(self, session: Session) -> dict[str, float] | None:
        """What our own statements took of the server since the load began."""
        now, before = own_statements(session), self._own
        return (
            {name: round(value - before.get(name, 0.0), 3) for name, value in now.items()}
            if now is not None and before is not None
            else None
        )

    def _write_facts(self) -> None:
        self.facts["notes"] = self.notes
        write_whole(self.folder / FACTS, msgspec.json.format(msgspec.json.encode(self.facts)))

    def _attempt(self, work: Callable[[], None], failed: str = "readings could not be written or taken") -> None:
        """Do something that may fail; what fails is noted once."""
        from duckdb import Error

        try:
            work()
        except (*FAILURES, Error) as error:
            if (note := f"{failed}: {said(error)}") not in self.notes:
                self.notes.append(note)


def _probes(settings: Observing, recorder: Recorder) -> list[Probe]:
    found: list[Probe] = [Host(recorder), Processes(settings, recorder)]
    if settings.postgres is not None:
        found += [Activity(settings, recorder), Counters(settings, recorder)]
    if settings.pgbouncer is not None:
        found.append(Pooler(settings.pgbouncer, recorder))
    return [*found, *app.probes(settings.metrics, recorder)]


if __name__ == "__main__":
    main(int(sys.argv[1]))
