"""What experiments have shown of the findings of a run: kept in its folder, attached to the findings, and counted in their confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from tenantry.diagnose.model import Finding
from tenantry.diagnose.rule import Rule

EXPERIMENTS = "experiments.json"

Outcome = Literal["better", "worse", "no effect", "cannot tell", "not tried"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure without the change (`first` and `last` are the blocks before and after it) and with it.

    Times in seconds, throughput in requests per second, failures as a share. `change` is relative, in points for failures; `low` to
    `high` is its 95 % interval. None where there is too little to say.
    """

    figure: str
    without: float | None = None
    with_: float | None = msgspec.field(default=None, name="with")
    first: float | None = None
    last: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one request name; of all requests where it is empty."""

    name: str
    figures: tuple[Figure, ...]


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed for a finding, and what came of it. `blocks` are run folders: without the change, with it, without it.

    `decided_by` is the figure that the outcome and the sentence are about. `refutes`: the change is the remedy of the finding itself, so
    that it speaks against the finding when it does not help.
    """

    finding: str
    outcome: Outcome
    sentence: str
    change: str = ""
    statement: str = ""
    why: str = ""
    decided_by: str = ""
    refutes: bool = False
    series: tuple[Series, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def speaks_against(self) -> bool:
        return self.refutes and self.outcome in ("no effect", "worse")


class Experiments(msgspec.Struct, frozen=True, kw_only=True):
    """The experiments of a run; `block_s` is how long each block was, of which the first `after_s` seconds do not count."""

    schema: int = 1
    block_s: float
    after_s: int
    experiments: tuple[Experiment, ...]


def read_experiments(folder: Path) -> tuple[dict[str, Experiment], str | None]:
    """The experiments of a run folder by finding, and a warning when the file is damaged."""
    try:
        found = msgspec.json.decode((folder / EXPERIMENTS).read_bytes(), type=Experiments)
    except FileNotFoundError:
        return {}, None
    except (OSError, msgspec.MsgspecError) as error:
        return {}, f"{EXPERIMENTS} was skipped: {error}"
    return {each.finding: each for each in found.experiments}, None


def after_trial(findings: Iterable[Finding], tried: Mapping[str, Experiment], known: Mapping[str, Rule]) -> list[Finding]:
    """The findings with what was tried, ranked anew.

    A change that helped takes half of the doubt away, one that should have helped and did not takes half of the confidence; a problem that
    was spoken against comes after all others.
    """
    told = [_told(finding, tried[finding.id]) if finding.id in tried else finding for finding in findings]
    problems = [finding for finding in told if finding.kind == "problem"]
    if tried:
        problems.sort(key=lambda finding: (finding.refuted, known[finding.id].general, -finding.weight))
    rest = [finding for finding in told if finding.kind != "problem"]
    return [replace(finding, rank=place) for place, finding in enumerate([*problems, *rest], 1)]


def _told(finding: Finding, tried: Experiment) -> Finding:
    before = finding.confidence
    after = (1 + before) / 2 if tried.outcome == "better" else before / 2 if tried.speaks_against else before
    told = msgspec.to_builtins(tried) | {"confidence_before": round(before, 3)}
    del told["finding"]
    return replace(finding, confidence=after, experiment=told, refuted=tried.speaks_against)
