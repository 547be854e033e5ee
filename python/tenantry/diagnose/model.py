"""What a diagnosis consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["problem", "symptom"]
Agreement = Literal["agree", "others", "differ", "contradict"]
Answer = Literal["bottleneck", "none", "cannot_tell", "invalid"]


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, and the statement or setting where there is one; empty where it depends on the app's code."""

    text: str
    statement: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"text": self.text, "statement": self.statement}


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. `share` is the part of all request time that it explains, or of all requests that fail by it, from 0 to 1.

    `confidence` says how much of what would prove it was seen, from 0 to 1. `subject` names what it is about: a statement, a table.
    """

    id: str
    share: float
    confidence: float
    summary: str
    evidence: tuple[str, ...]
    fix: Fix
    against: tuple[str, ...] = ()
    subject: dict[str, str] = field(default_factory=dict)
    kind: Kind = "problem"
    rank: int = 0
    explained_by: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As in `--json` (docs/diagnosis.md)."""
        return {
            "id": self.id,
            "rank": self.rank,
            "kind": self.kind,
            "explained_by": self.explained_by or None,
            "confidence": round(self.confidence, 3),
            "share": round(self.share, 3),
            "summary": self.summary,
            "subject": self.subject,
            "evidence": list(self.evidence),
            "against": list(self.against),
            "fix": self.fix.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Part:
    """Where request time went: seconds of it per second of the load, which is how many requests were there at a time."""

    name: str
    at_a_time: float

    def as_dict(self, whole: float) -> dict[str, Any]:
        return {"name": self.name, "requests": round(self.at_a_time, 4), "share": round(self.at_a_time / whole, 4) if whole else 0.0}


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
    """The answer: `verdict`, one sentence, the findings by rank, where the time went, what was fine, what could not be seen, and whether
    what was measured in several ways agrees.
    """

    verdict: Answer
    reason: str
    findings: tuple[Finding, ...]
    parts: tuple[Part, ...]
    fine: tuple[str, ...]
    unseen: tuple[str, ...]
    validity: tuple[Comparison, ...] = ()

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
        }
