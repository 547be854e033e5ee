"""What `auto_explain` writes to the server's log during the load: plans of statements as they were carried out."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tenantry.datasets.database import literal
from tenantry.observe.plantext import plan_of_text
from tenantry.observe.postgres import MARK, Session
from tenantry.observe.statements import bare_plan, redacted

MOST_BYTES = 8 << 20
# Of one plan with its statement; a longer one is passed over.
LONGEST_ENTRY = 256 << 10
UNREADABLE = "auto_explain is on, but its plans cannot be read"
# pg_monitor has the first, and from Postgres 17 on the second.
NEEDED = ("pg_ls_logdir()", "pg_current_logfile()", "pg_read_binary_file(text, bigint, bigint, boolean)")
_CHUNK = 1 << 20
_FORMATS = ("text", "json")
_ENTRY = r"duration: (\d+\.\d+) ms  plan:\n"
# Lines after the first begin with a tab, whatever log_line_prefix is.
_OF_STDERR = re.compile(rf"{_ENTRY}((?:\t.*\n)+)")
_MESSAGE = re.compile(rf"{_ENTRY}(.+)", re.DOTALL)
_CSV_RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\n]+,)", re.MULTILINE)
_CSV_MESSAGE = 13
_ANY_VALUE = re.compile(r"'\?'|\$\d+|\b(?:true|false|null)\b", re.IGNORECASE)
_LIST = re.compile(r"\?(?:\s*,\s*\?)+")
_BEFORE_BRACKET = re.compile(r"\s+\)")


def is_on(facts: Mapping[str, Any]) -> bool:
    """Whether the catalog's settings, of the server or of a role, load auto_explain and let it log."""
    told = _settings(facts)
    loaded = any("auto_explain" in value for name, value in told if name.endswith("preload_libraries"))
    return loaded and any(not value.startswith("-") for name, value in told if name == "auto_explain.log_min_duration")


@dataclass
class PlanLog:
    """The server's log from the moment at which it was opened; `why` it cannot be read, if it cannot.

    `left_out` are bytes beyond the most that are read: the last ones count.
    """

    why: str = ""
    left_out: int = 0
    _current: PurePosixPath = field(default_factory=PurePosixPath)
    _begun: dict[str, int] = field(default_factory=dict)

    @classmethod
    def opened(cls, session: Session, facts: Mapping[str, Any]) -> PlanLog:
        """The log as it is now."""
        given = [f"has_function_privilege({literal(name)}, 'EXECUTE')" for name in NEEDED]
        told = session.rows(f"SELECT {', '.join(given)}")[0]
        lacking = [name for name, may in zip(NEEDED, told, strict=True) if may != "t"]
        if lacking:
            return cls(f"in the observed database, GRANT EXECUTE ON FUNCTION {', '.join(lacking)} TO the observing role")
        formats = {value for name, value in _settings(facts) if name == "auto_explain.log_format"}
        if unknown := sorted(formats.difference(_FORMATS)):
            return cls(f"auto_explain.log_format is {unknown[0]}; text and json are read")
        current = session.rows("SELECT pg_current_logfile()")[0][0]
        if not current:
            return cls("the server keeps no log files of its own; set logging_collector = on, and restart it")
        return cls(_current=PurePosixPath(current), _begun=dict(_files(session)))

    def plans(
        self, session: Session, texts: Mapping[str, str], wanted: Sequence[str], tables: Iterable[Mapping[str, Any]]
    ) -> Iterator[Any]:
        """The plan of the slowest execution of each wanted statement that was logged since it was opened, without values."""
        by_shape: dict[str, list[str]] = {}
        for number in wanted:
            by_shape.setdefault(shape(texts[number]), []).append(number)
        slowest: dict[str, tuple[float, dict[str, Any]]] = {}
        for duration_ms, text, plan in logged(self._read(session), self._current.suffix):
            which = shape(text)
            if which in by_shape and duration_ms > slowest.get(which, (-1.0, {}))[0]:
                slowest[which] = duration_ms, plan
        schemas = _schemas(tables)
        for which, (duration_ms, plan) in slowest.items():
            _place(plan, schemas)
            for number in by_shape[which]:
                yield {"query_id": number, "source": "auto_explain", "duration_ms": duration_ms, "plan": bare_plan(plan)}

    def _read(self, session: Session) -> str:
        """What has come since, at most the last bytes of it."""
        parts: list[bytes] = []
        room = MOST_BYTES
        for name, size in reversed(_files(session)):
            begun = self._begun.get(name, 0)
            # One that was begun anew is shorter than it was.
            grown = size - begun if size >= begun else size
            if not name.endswith(self._current.suffix) or not grown:
                continue
            taken = min(grown, room)
            self.left_out += grown - taken
            room -= taken
            parts.append(b"".join(_bytes(session, str(self._current.with_name(name)), size - taken, size)))
        return b"".join(reversed(parts)).decode("utf-8", "replace")


def logged(log: str, suffix: str) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Milliseconds, statement and plan of each entry of auto_explain in a log: `.csv`, `.json`, or else as it goes to stderr."""
    for duration, body in _messages(log, suffix):
        if len(body) > LONGEST_ENTRY or MARK in body:
            continue
        found = _of_json(body) if body.startswith("{") else plan_of_text(body)
        if found is not None:
            yield float(duration), *found


def _messages(log: str, suffix: str) -> Iterator[tuple[str, str]]:
    match suffix:
        case ".csv":
            told = (row[_CSV_MESSAGE] for record in _CSV_RECORD.split(log) for row in _row(record) if len(row) > _CSV_MESSAGE)
        case ".json":
            told = (entry["message"] for line in log.splitlines() if isinstance(entry := _object(line), dict) and "message" in entry)
        case _:
            yield from ((duration, body.replace("\n\t", "\n")[1:]) for duration, body in _OF_STDERR.findall(log))
            return
    yield from ((found[1], found[2]) for message in told if (found := _MESSAGE.match(message)))


def _row(record: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(record)))
    except csv.Error:
        return []


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None  # cut off


def _of_json(body: str) -> tuple[str, dict[str, Any]] | None:
    found = _object(body)
    if not isinstance(found, dict) or not isinstance(found.get("Plan"), dict):
        return None
    return str(found.get("Query Text", "")), found["Plan"]


def shape(text: str) -> str:
    """What a statement as it was sent, and as pg_stat_statements tells it, have in common."""
    bare = _LIST.sub("?", _ANY_VALUE.sub("?", redacted(text)))
    return _BEFORE_BRACKET.sub(")", bare).rstrip("; ")


def _schemas(tables: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Of tables with a name of their own."""
    found: dict[str, str] = {}
    for table in tables:
        found[table["name"]] = "" if table["name"] in found else table["schema"]
    return found


def _place(plan: dict[str, Any], schemas: Mapping[str, str]) -> None:
    """Add the schemas that a plan has with `auto_explain.log_verbose` alone."""
    if schema := schemas.get(plan.get("Relation Name", "")):
        plan.setdefault("Schema", schema)
    for child in plan.get("Plans", ()):
        _place(child, schemas)


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    own = [(name, str(row["setting"])) for name, row in facts["settings"].items()]
    return own + [(name, value) for name, _, value in (str(row["setting"]).partition("=") for row in facts["role_settings"])]


def _files(session: Session) -> list[tuple[str, int]]:
    """Names and sizes of the log's files, the newest last."""
    return [(str(name), int(size or 0)) for name, size in session.rows("SELECT name, size FROM pg_ls_logdir() ORDER BY modification, name")]


def _bytes(session: Session, path: str, start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, _CHUNK):
        length = min(_CHUNK, stop - at)
        ((part,),) = session.rows(f"SELECT encode(pg_read_binary_file({literal(path)}, {at}, {length}, true), 'base64')")
        yield base64.b64decode(part or "")
