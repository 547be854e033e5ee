"""What a rule is: how one class of bottleneck is recognised, what it is confused with, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding


@dataclass(frozen=True, slots=True)
class Rule:
    """One class. `find` yields what it sees of it; `explains` names the classes that are only symptoms where this one is seen.

    `signals` is what it looks at, `confounders` what looks alike and how it is told apart, `remedy` what helps; all for people. A `general`
    rule says what is exhausted rather than by what: every other problem goes before it.
    """

    id: str
    title: str
    signals: str
    confounders: str
    remedy: str
    find: Callable[[Evidence], Iterator[Finding]]
    explains: tuple[str, ...] = ()
    general: bool = False
