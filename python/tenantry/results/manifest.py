"""What `run.json` and `errors.json` of a run folder say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tenantry.errors import UsageError
from tenantry.units import NS

SCHEMA = 1
MANIFEST = "run.json"
ERRORS = "errors.json"


class StoredVerdict(msgspec.Struct, frozen=True):
    """The verdict as it was when the run ended."""

    verdict: str = ""
    reason: str = ""
    exit: int = 0


class ScriptError(msgspec.Struct, frozen=True):
    """An exception of a scenario: each kind once, with how often it came and the seconds of the first and the last one."""

    scenario: str = ""
    message: str = ""
    location: str = ""
    count: int = 0
    first_second: int | None = None
    last_second: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The manifest of a run. `elapsed_ns` is the length of the load; a run that goes on, or was killed, has neither that nor an `end`."""

    schema: int
    name: str = ""
    folder: str = ""
    tool_version: str = ""
    git: str | None = None
    branch: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    elapsed_ns: int | None = None
    end: str | None = None
    target: str = ""
    plan: dict[str, Any] = {}
    dataset: dict[str, Any] | None = None
    rng_seed: int | None = None
    machine: dict[str, Any] | None = None
    command: list[str] | None = None
    source: dict[str, Any] | None = None
    verdict: StoredVerdict | None = None
    grades: dict[str, Any] | None = None

    @property
    def branch_name(self) -> str | None:
        """The branch: as a tag says (`--tag branch=NAME`), or else as git said."""
        tags = self.plan.get("tags")
        tag = tags.get("branch") if isinstance(tags, dict) else None
        return str(tag) if tag else self.branch

    @property
    def streams(self) -> list[dict[str, Any]]:
        """The streams of the plan, as plain JSON."""
        return [stream for stream in self.plan.get("streams") or [] if isinstance(stream, dict)]

    @property
    def open_streams(self) -> list[str]:
        """Names of the streams whose load profile is open."""
        return [str(stream.get("name")) for stream in self.streams if _is_open(stream)]

    @property
    def open_scenarios(self) -> frozenset[str]:
        """Names of the scenarios that an open stream runs."""
        return frozenset(str(pair[0]) for stream in self.streams if _is_open(stream) for pair in stream.get("scenarios") or [])

    @property
    def elapsed_s(self) -> float | None:
        return self.elapsed_ns / NS if self.elapsed_ns is not None else None


def _is_open(stream: dict[str, Any]) -> bool:
    return str((stream.get("profile") or {}).get("kind", "")).endswith("_rate")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder; raises UsageError when it is not one, is damaged, or was written by a newer tenantry."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), hint="`tenantry runs list` shows the runs that are there")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        steps = sorted(step.parent.name for step in folder.glob(f"*/{MANIFEST}"))
        hint = "`tenantry runs list` shows the runs"
        if steps:
            hint = f"it holds the steps of a search: name one, such as {folder}/{steps[0]}"
        raise UsageError(f"not a run folder: it has no {MANIFEST}", where=str(folder), hint=hint) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), hint="check the permissions of the folder") from None
    try:
        schema = msgspec.json.decode(raw, type=dict[str, Any]).get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            newer = f"was written by a newer tenantry (schema {schema}; this one reads up to {SCHEMA})"
            raise UsageError(newer, where=str(folder), hint="upgrade tenantry to read this run")
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise UsageError(f"is damaged: {error}", where=str(path), hint="restore the file, or remove the run") from None


def read_errors(folder: Path) -> tuple[list[ScriptError], str | None]:
    """The script errors of a run, and a warning when the file is damaged."""
    try:
        return msgspec.json.decode((folder / ERRORS).read_bytes(), type=list[ScriptError]), None
    except FileNotFoundError:
        return [], None
    except (OSError, msgspec.MsgspecError) as error:
        return [], f"{ERRORS} was skipped: {error}"


def merged_errors(found: Iterable[ScriptError]) -> list[ScriptError]:
    """Those of several processes together, the most frequent first."""
    kinds: dict[tuple[str, str, str], ScriptError] = {}
    for error in found:
        kind = (error.scenario, error.message, error.location)
        before = kinds.get(kind, msgspec.structs.replace(error, count=0))
        first = min((second for second in (before.first_second, error.first_second) if second is not None), default=None)
        last = max((second for second in (before.last_second, error.last_second) if second is not None), default=None)
        kinds[kind] = msgspec.structs.replace(error, count=before.count + error.count, first_second=first, last_second=last)
    return sorted(kinds.values(), key=lambda error: -error.count)
