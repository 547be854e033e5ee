"""Whether measures of the same thing agree: what is in flight by Little's law, and the sessions at work, told in up to four ways.

L = lambda W: what is there at a time is what comes per second, times how long it stays (Little, A proof for the queuing formula
L = lambda W, Operations Research 9, 1961). Over a finite time it is exact where nothing is there at both ends, and off by what stands over
an end otherwise (Little, Little's law as viewed on its 50th anniversary, Operations Research 59, 2011): measures are therefore compared as
ranges, from what ended in the time to all that was begun in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple, Self

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Agreement, Comparison
from tenantry.diagnose.sessions import Sample, samples
from tenantry.diagnose.words import count, percent
from tenantry.verdict import doubts

# Sessions are looked at ten times a second and counted when a statement ends: half as much again is no noise.
FACTOR = 1.5
# An app that is busy answers a scrape late, at moments of its own choice, and once a second.
GAUGE_FACTOR = 2.0
GROSS_FACTOR = 3.0
# Less than this is what the observers themselves take, and what ten looks a second miss of statements shorter than a millisecond.
LEAST_SESSIONS, GROSS_SESSIONS = 0.5, 1.0
LEAST_REQUESTS = 1.0
# Parts that were measured one after the other cannot be more than the whole.
PARTS_FACTOR = 1.2
_ERRORS = 3.0
_LEAST_LOOKS = 10
_LEAST_TOLD = 0.9
_LEAST_WINDOW_S = 4.0
# A session tells what it did once a second at most, and one that became idle before that keeps it to itself for ten.
_UNTOLD_S = 1.0
_NS = 1_000_000_000
_ABOUT_NS = 3 * _NS
_LOWERED: dict[Agreement, float] = {"agree": 1.0, "others": 1.0, "differ": 0.8, "contradict": 0.5}


def comparisons(evidence: Evidence) -> list[Comparison]:
    """All that this run can compare."""
    return [
        *_generator(evidence),
        *_processors(evidence),
        *_virtual_users(evidence),
        *_in_flight(evidence),
        *_server_timing(evidence),
        *_sessions(evidence),
    ]


def lowered(found: Sequence[Comparison]) -> float:
    """What the confidence of findings is multiplied by: 1 where nothing differs."""
    return min((_LOWERED[comparison.result] for comparison in found), default=1.0)


def _generator(evidence: Evidence) -> Iterator[Comparison]:
    busy, why = evidence.run.generator.busy_share, doubts(evidence.run)
    if busy is None and not why:
        return
    text = f"the generator was not well: {why}" if why else f"the generator had room: at most {percent(busy or 0.0)} of a core"
    yield Comparison("generator", "differ" if why else "agree", text, {} if busy is None else {"busy_share": busy})


def _processors(evidence: Evidence) -> Iterator[Comparison]:
    if evidence.is_robbed:
        had = f"other machines of the same host had {percent(evidence.stolen)} of this one's processors when it wanted them (steal)"
        yield Comparison("processors", "differ", f"{had}: what is late may be late by that", {"stolen": evidence.stolen})


def _virtual_users(evidence: Evidence) -> Iterator[Comparison]:
    """The generator's books: iterations in progress are never more than virtual users at work, of which each second tells the most."""
    whole = int(evidence.duration_s)
    ended_s, all_s, vus_s = evidence.run.tables.rows(
        """SELECT (SELECT sum(duration_sum_ns) FILTER (second < $1)::DOUBLE / 1e9 FROM iterations),
                  (SELECT sum(duration_sum_ns)::DOUBLE / 1e9 FROM iterations),
                  (SELECT sum(most)::DOUBLE FROM (SELECT max(vus) AS most FROM iterations WHERE second < $1
                                                  GROUP BY second, stream, process))""",
        [whole],
        of=("iterations",),
    )[0]
    if not ended_s or not vus_s or whole < _LEAST_WINDOW_S:
        return
    law, vus = ended_s / whole, vus_s / whole
    agree = law <= PARTS_FACTOR * vus + LEAST_REQUESTS
    text = (
        f"iterations in progress: {between(law, all_s / whole)} by rate x duration (Little's law), at most {count(vus)} virtual users busy"
    )
    yield Comparison(
        "virtual_users",
        "agree" if agree else "contradict",
        text if agree else f"{text}: the generator's own figures contradict each other",
        {"rate_x_duration": law, "busy_vus": vus},
    )


def _in_flight(evidence: Evidence) -> Iterator[Comparison]:
    """Requests in the app: its own gauge, and rate times time, by the app's word or else as the generator saw it from outside."""
    gauge = evidence.readings.gauge("in_flight")
    if gauge is None:
        return
    seen = max(gauge.mean - evidence.readings.own_scrapes("in_flight"), 0.0)
    law = evidence.inside if evidence.is_told else evidence.time - evidence.part("late")
    least = law * _ended(evidence)
    result: Agreement = "agree"
    if seen > GAUGE_FACTOR * law + LEAST_REQUESTS:
        result = "others"
    elif evidence.is_told and GAUGE_FACTOR * seen + LEAST_REQUESTS < least:
        result = "differ"
    how = "time in the app" if evidence.is_told else "service time, as the app does not tell its own"
    why = {
        "others": ": it answers others as well, or its gauge means something else",
        "differ": ": not all of its workers are scraped, or Server-Timing counts time twice",
    }.get(result, "")
    text = f"requests in the app: {count(seen)} by its gauge, {between(least, law)} by rate x {how} (Little's law){why}"
    yield Comparison("in_flight", result, text, {"gauge": seen, "rate_x_time": law})


def _ended(evidence: Evidence) -> float:
    """The share of the time of requests that belongs to those that ended within the load."""
    sql = "SELECT (sum(service_sum_ns) FILTER (second < ?) / sum(service_sum_ns))::DOUBLE FROM http"
    return evidence.run.tables.rows(sql, [int(evidence.duration_s)], of=("http",))[0][0] or 0.0


def _server_timing(evidence: Evidence) -> Iterator[Comparison]:
    """The parts that the app tells against the wait that the generator saw."""
    told = [endpoint for endpoint in evidence.endpoints if endpoint.is_told]
    inside, wait = (sum(getattr(endpoint, what) for endpoint in told) / evidence.duration_s for what in ("inside_s", "wait_s"))
    if not wait:
        return
    result: Agreement = "agree" if inside <= PARTS_FACTOR * wait else "differ"
    why = "" if result == "agree" else ": its parts overlap, or are not in milliseconds, so that none of them is a share of the time"
    text = f"Server-Timing: its parts make {count(inside)} requests at a time, the wait for answers {count(wait)}{why}"
    yield Comparison("server_timing", result, text, {"parts": inside, "wait": wait})


def _sessions(evidence: Evidence) -> Iterator[Comparison]:
    """Sessions in a statement at a time: as sampled, as Postgres counts their time, as statements took, as the app waited."""
    if not evidence.is_sampled:
        return
    start_ns, end_ns = evidence.span
    about = samples(evidence.run.tables, (start_ns - _ABOUT_NS, end_ns + _ABOUT_NS))
    looks = [look for look in about if start_ns <= look.at_ns <= end_ns]
    sampled, for_client = fmean(look.working for look in looks), fmean(look.for_client for look in looks)
    measures, results, said = {"sampled": sampled}, [], [f"{count(sampled)} in {len(looks)} samples"]
    if for_client >= LEAST_SESSIONS:
        measures["waiting_for_client"] = for_client
        said[0] += f", beside {count(for_client)} that waited for their client within a statement"
    span, told = _Snapshots.among(about, evidence), _waited_for(evidence, looks)
    backed = told is not None and told.result == "agree"
    for each in (_counted(evidence, span, backed=backed), _in_statements(evidence, span), told):
        if each is not None:
            measures |= each.measures
            results.append(each.result)
            said.append(each.text)
    result = max(results, key=list(_LOWERED).index, default=None)
    if result is None:
        return
    why = {
        "others": ": the database works for somebody else as well, or the app does not tell all of its time",
        "differ": ": they differ, so that shares of the database are uncertain",
        "contradict": ": they contradict each other",
    }.get(result, "")
    yield Comparison("sessions", result, f"sessions at work: {', '.join(said)}{why}", measures)


class Range(NamedTuple):
    """The least and the most that a measure stands for."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class _Snapshots:
    """The first and the last snapshot of the counters about the load, and the looks at the sessions between them.

    What comes after the load is in both.
    """

    start_ns: int
    end_ns: int
    looks: list[Sample]

    @classmethod
    def among(cls, looks: Sequence[Sample], evidence: Evidence) -> Self | None:
        """None where the snapshots are too near to each other, or nobody looked between them."""
        found = [at for at in evidence.readings.snapshots if -_ABOUT_NS <= at <= evidence.span[1] + _ABOUT_NS]
        if len(found) < 2 or found[-1] - found[0] < _LEAST_WINDOW_S * _NS:
            return None
        within = [look for look in looks if found[0] <= look.at_ns <= found[-1]]
        return cls(found[0], found[-1], within) if len(within) >= _LEAST_LOOKS else None

    @property
    def length_s(self) -> float:
        return (self.end_ns - self.start_ns) / _NS

    @property
    def sampled(self) -> Range:
        """From those at work to all in a statement: a client that sends or takes rows is in `active_time`."""
        return _working(self.looks)

    def grown(self, evidence: Evidence, metric: str) -> float | None:
        """Sessions at a time by a counter of milliseconds, without the observer's own where they are counted; None when nobody read it."""
        grown_ms = evidence.readings.between(metric, self.start_ns, self.end_ns)
        return None if grown_ms is None else max(grown_ms / 1000 - _own_s(evidence), 0.0) / self.length_s

    @property
    def begun_before(self) -> float:
        """What statements that were begun before the first snapshot may have added, in sessions at a time."""
        return self.looks[0].open_s / self.length_s

    @property
    def not_told(self) -> float:
        """What statements that had not ended, and sessions that had not told yet, may lack."""
        return (self.looks[-1].open_s + _UNTOLD_S * self.sampled.most) / self.length_s


def _counted(evidence: Evidence, span: _Snapshots | None, *, backed: bool) -> Comparison | None:
    """The time of statements that have ended, as pg_stat_database counts it: a lower bound; an upper one unless the app backs the samples.

    It may lack what has not ended or was not told yet, and it forgets what passes before the last message of a statement: with the extended
    protocol its parsing and planning, and waits for locks meanwhile.
    """
    value = span.grown(evidence, "database.active_time") if span else None
    if span is None or value is None:
        return None
    error = standard_error(span.looks)
    result = apart(span.sampled, Range(value - span.begun_before, math.inf), error)
    beyond = apart(span.sampled, Range(0.0, value + span.not_told), error) != "agree"
    if beyond and not backed:
        result = "differ"
    same = "" if result == "agree" else f" (of {between(*span.sampled)} sampled in the same time)"
    without = " without what passed before statements were executed" if beyond and backed else ""
    return Comparison("", result, f"{count(value)} by the time that Postgres counts{same}{without}", {"counted": value})


def _in_statements(evidence: Evidence, span: _Snapshots | None) -> Comparison | None:
    """The time of statements by pg_stat_statements, a lower bound: planning, commits and what failed or never ended are not in it."""
    # Where statements within functions are counted beside these, the same time is there twice.
    twice = evidence.setting("pg_stat_statements.track") == "all"
    value = span.grown(evidence, "statement.total_exec_time") if span and not twice else None
    if span is None or value is None:
        return None
    result = apart(span.sampled, Range(value - span.begun_before, math.inf), standard_error(span.looks))
    return Comparison("", result, f"{count(value)} by the time of its statements", {"statements": value})


def _waited_for(evidence: Evidence, looks: Sequence[Sample]) -> Comparison | None:
    """The database's part by the app's word, an upper bound: ways there and back, drivers and poolers are in it."""
    if sum(endpoint.told_requests for endpoint in evidence.endpoints) < _LEAST_TOLD * evidence.requests:
        return None
    told = evidence.part("db")
    most = told + looks[-1].open_s / evidence.duration_s
    result = apart(_working(looks), Range(0.0, most), standard_error(looks))
    return Comparison("", "agree" if result == "agree" else "others", f"{count(told)} waited for by the app", {"told": told})


def _own_s(evidence: Evidence) -> float:
    """Seconds that the observer's own statements took, where they are counted."""
    return float((evidence.postgres.get("cost") or {}).get("exec_s") or 0.0)


def between(least: float, most: float) -> str:
    """`282`, or `190 to 282` where that is not the same: what was begun in the load and ended after it is in the second alone."""
    return count(most) if most <= 1.1 * least else f"{count(least)} to {count(most)}"


def apart(sampled: Range, other: Range, error: float) -> Agreement:
    """Whether what was sampled, with this standard error, and another measure are apart by `FACTOR`, or contradict each other."""
    low, high = (sampled.most, other.least) if sampled.most < other.least else (other.most, sampled.least)
    difference, ratio = high - low, high / max(low, 1e-9)
    if ratio < FACTOR or difference < max(LEAST_SESSIONS, _ERRORS * error):
        return "agree"
    return "contradict" if ratio >= GROSS_FACTOR and difference >= max(GROSS_SESSIONS, _ERRORS * error) else "differ"


def _working(looks: Sequence[Sample]) -> Range:
    """Sessions at work, and with those that waited for their client within a statement."""
    working = fmean(look.working for look in looks)
    return Range(working, working + fmean(look.for_client for look in looks))


def standard_error(looks: Sequence[Sample]) -> float:
    """Of the mean of looks, which are alike within a second: that of the means of ten of them (method of batch means)."""
    batches = [fmean(look.working + look.for_client for look in looks[at : at + 10]) for at in range(0, len(looks), 10)]
    return stdev(batches) / math.sqrt(len(batches)) if len(batches) > 1 else math.inf
