"""What a diagnosis consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["problem", "symptom"]
Level = Literal["lowest", "highest"]
Agreement = Literal["agree", "others", "differ", "contradict"]
Full = Literal["reached", "from_start", "others"]
Answer = Literal["bottleneck", "none", "cannot_tell", "invalid"]
Whole = Literal["time", "requests"]


class Stretch(NamedTuple):
    """Seconds of the load, `until_s` not among them; without it, to the end and with what ended after it."""

    from_s: int
    until_s: int | None


WHOLE = Stretch(0, None)


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, and the statement or setting where there is one; empty where it depends on the app's code."""

    text: str
    statement: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"text": self.text, "statement": self.statement}


@dataclass(frozen=True, slots=True)
class Gain:
    """What taking a cause away would gain at best, and the limit after it. Causes overlap: their gains may be more than all there is.

    `response_time_s` of the mean, or the share of the requests (`failures`) that fail no more; `next_limit_per_s` in requests.
    """

    text: str
    response_time_s: float | None = None
    failures: float | None = None
    next_limit_per_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        figures = {"response_time_s": self.response_time_s, "failures": self.failures, "next_limit_per_s": self.next_limit_per_s}
        return {"text": self.text, **{name: None if value is None else round(value, 6) for name, value in figures.items()}}


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. `share` is the part of all request time that it explains, or of all requests that fail by it, from 0 to 1.

    `confidence` says how much of what would prove it was seen, from 0 to 1. `subject` names what it is about: a statement, a table.
    `failed` are the requests that fail by it, as a share of all; `lasting` is how much of its time each request spent at the lowest load,
    too, from 0 to 1. `cost_s` is what it costs a request, in seconds of waiting: what problems are ranked by.
    `experiment` is what came of trying its remedy, as JSON (`tenantry.diagnose.tried`); `refuted`: that speaks against it.
    """

    id: str
    share: float
    confidence: float
    summary: str
    evidence: tuple[str, ...]
    fix: Fix
    against: tuple[str, ...] = ()
    subject: dict[str, str] = field(default_factory=dict)
    failed: float = 0.0
    lasting: float = 0.0
    cost_s: float = 0.0
    kind: Kind = "problem"
    rank: int = 0
    explained_by: str = ""
    gain: Gain | None = None
    experiment: dict[str, Any] | None = None
    refuted: bool = False

    @property
    def share_of(self) -> Whole:
        """What its share is a part of: all request time, or all requests."""
        return "requests" if self.share == self.failed > 0 else "time"

    @property
    def weight(self) -> float:
        """What it costs, as far as it is sure."""
        return self.cost_s * self.confidence

    def as_dict(self) -> dict[str, Any]:
        """As in `--json` (docs/diagnosis.md)."""
        return {
            "id": self.id,
            "rank": self.rank,
            "kind": self.kind,
            "explained_by": self.explained_by or None,
            "confidence": round(self.confidence, 3),
            "share": round(self.share, 4),
            "share_of": self.share_of,
            "summary": self.summary,
            "subject": self.subject,
            "evidence": list(self.evidence),
            "against": list(self.against),
            "fix": self.fix.as_dict(),
            "gain": None if self.gain is None else self.gain.as_dict(),
            "experiment": self.experiment,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """Where request time went: seconds of it per second of the load, which is how many requests were there at a time."""

    name: str
    at_a_time: float

    def as_dict(self, whole: float) -> dict[str, Any]:
        return {"name": self.name, "requests": round(self.at_a_time, 4), "share": round(self.at_a_time / whole, 4) if whole else 0.0}


@dataclass(frozen=True, slots=True)
class Decomposed:
    """Where the time of requests of one name went (of all, without a name) at one load: `parts` in seconds per request, which add up to the
    mean response time, and the statements with the most time: query id, text, seconds per request.
    """

    name: str
    load: Level
    requests_per_s: float
    parts: tuple[tuple[str, float], ...]
    statements: tuple[tuple[str, str, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "load": self.load,
            "requests_per_s": round(self.requests_per_s, 3),
            "mean_s": round(sum(seconds for _, seconds in self.parts), 6),
            "parts": [{"name": name, "seconds": round(seconds, 6)} for name, seconds in self.parts],
            "statements": [{"query_id": number, "text": text, "seconds": round(seconds, 6)} for number, text, seconds in self.statements],
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """The load at which a station is full. `reached` in the window that begins at `second`; `from_start` where the load was never lower;
    `others`: most of it goes to others, whatever the load; `extrapolated` from the highest load, as servers by the time that each
    request holds one. `sign` is what says so where the servers did not.
    """

    how: Full | Literal["extrapolated"]
    requests_per_s: float
    iterations_per_s: float | None = None
    second: int | None = None
    sign: str = ""

    def as_dict(self) -> dict[str, Any]:
        iterations = None if self.iterations_per_s is None else round(self.iterations_per_s, 3)
        return {
            "how": self.how,
            "requests_per_s": round(self.requests_per_s, 3),
            "iterations_per_s": iterations,
            "second": self.second,
            "sign": self.sign,
        }


@dataclass(frozen=True, slots=True)
class Station:
    """Something with `servers` of which requests hold some for a time: connections, cores, a lock. All is as at the highest load.

    `busy`: the share of the servers in use; `hold_s`: how long a request holds one, on average; `hold_low_s`: at low load, where the
    load grew; `grew`: by more than noise, so that the cause lies upstream; `capacity_per_s`: requests per second, servers / hold;
    `requests_per_s`: how many there were.
    """

    id: str
    title: str
    unit: str
    servers: float
    busy: float
    hold_s: float | None
    hold_low_s: float | None
    grew: bool | None
    capacity_per_s: float | None
    limit: Limit | None
    requests_per_s: float

    @property
    def is_full(self) -> bool:
        """Whether its limit was reached in this run."""
        return self.limit is not None and self.limit.how != "extrapolated"

    @property
    def full_since_s(self) -> int:
        """When it was reached, in seconds of the load; 0 where that was from the start."""
        return self.limit.second or 0 if self.limit and self.limit.how == "reached" else 0

    def as_dict(self) -> dict[str, Any]:
        held, held_low, capacity = (
            None if value is None else round(value, 6) for value in (self.hold_s, self.hold_low_s, self.capacity_per_s)
        )
        return {
            "id": self.id,
            "title": self.title,
            "servers": round(self.servers, 3),
            "unit": self.unit,
            "busy": round(self.busy, 4),
            "hold_s": held,
            "hold_low_s": held_low,
            "grew": self.grew,
            "capacity_per_s": capacity,
            "requests_per_s": round(self.requests_per_s, 3),
            "limit": None if self.limit is None else self.limit.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measures of one thing, by name, and whether they agree. `others`: they differ by what somebody else does."""

    id: str
    result: Agreement
    text: str
    measures: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        measures = {name: round(value, 4) for name, value in self.measures.items()}
        return {"id": self.id, "result": self.result, "text": self.text, "measures": measures}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer: `verdict`, one sentence, the findings by rank, where the time went, what was fine, what could not be seen, whether
    what was measured in several ways agrees, the stations by what breaks first, the stretch of the load that the evidence is from, and
    where the time of each request name went.
    """

    verdict: Answer
    reason: str
    findings: tuple[Finding, ...]
    parts: tuple[Part, ...]
    fine: tuple[str, ...]
    unseen: tuple[str, ...]
    validity: tuple[Comparison, ...] = ()
    ladder: tuple[Station, ...] = ()
    stretch: Stretch = WHOLE
    decomposition: tuple[Decomposed, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As in `--json` and `findings.json`."""
        whole = sum(part.at_a_time for part in self.parts)
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "findings": [finding.as_dict() for finding in self.findings],
            "parts": [part.as_dict(whole) for part in self.parts],
            "fine": list(self.fine),
            "unseen": list(self.unseen),
            "validity": [comparison.as_dict() for comparison in self.validity],
            "ladder": [station.as_dict() for station in self.ladder],
            "stretch": self.stretch._asdict(),
            "decomposition": [each.as_dict() for each in self.decomposition],
        }
