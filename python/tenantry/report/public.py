"""A report that may be shown to strangers: what names the target, the machine, the data or a tenant is taken out of the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tenantry.report.numbers import Document, items, part

PUBLIC = "public"
FILE = "report-public.html"
# What the page must not tell, by its place in `about`.
_ABOUT = ("name", "target", "command", "machine", "python", "git", "dataset", "rng_seed")
_HIDDEN = "(left out)"
_ADDRESS = re.compile(r"\b(?:https?://|wss?://|postgres(?:ql)?://)[^\s'\"<>]+", re.IGNORECASE)
_SERVER = re.compile(r"\b[a-z]+://[^\s/'\"<>]+", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.])(?:/[\w.@+-]+){2,}")
_HOST = re.compile(r"\b(?:\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::\d+)?\b", re.IGNORECASE)


def is_public(document: Document) -> bool:
    """Whether something was taken out."""
    return bool(document.get(PUBLIC))


def public(document: Document) -> dict[str, Any]:
    """The document without what strangers must not see; names of requests, scenarios, checks and metrics stay."""
    about = {key: value for key, value in part(document, "about").items() if key not in _ABOUT}
    hidden = _names(document)
    told = dict(document) | {PUBLIC: True, "about": about | {"name": about.get("workload")}, "run": None}
    told["reason"] = _clean(document.get("reason"), hidden)
    told["failures"] = [dict(row) | {"detail": _of(row.get("detail"))} | _without_sample() for row in items(document, "failures")]
    told["errors"] = [dict(row) | {"message": _kind(row.get("message")), "location": ""} for row in items(document, "errors")]
    told["slowest"] = [dict(row) | {"tenant": None, "trace_id": ""} for row in items(document, "slowest")]
    told["events"] = [dict(row) | {"text": _clean(row.get("text"), hidden)} for row in items(document, "events")]
    told["warnings"] = [_HIDDEN for _ in document.get("warnings") or []][:1]
    told["tenants"] = _tenants(part(document, "tenants"))
    told["findings"], told["diagnosis"] = [], None
    told.pop("comparison", None)
    scrubbed: dict[str, Any] = _scrubbed(told, hidden)
    return scrubbed


def _scrubbed(value: Any, hidden: list[str]) -> Any:
    """The same JSON without addresses and hidden words in any of its texts, keys of slices included."""
    if isinstance(value, str):
        for word in hidden:
            value = value.replace(word, _HIDDEN)
        return _SERVER.sub(_HIDDEN, value)
    if isinstance(value, Mapping):
        return {key: _scrubbed(item, hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        numbers = all(item is None or type(item) in (int, float) for item in value)
        return value if numbers else [_scrubbed(item, hidden) for item in value]
    return value


def _names(document: Document) -> list[str]:
    """Words that must not stand in sentences either."""
    about = part(document, "about")
    host = re.sub(r"^\w+://|[:/].*$", "", str(about.get("target") or ""))
    return [
        word
        for word in (str(about.get("target") or ""), host, str(document.get("run") or ""), str(about.get("name") or ""))
        if len(word) > 2
    ]


def _clean(text: object, hidden: list[str]) -> str:
    found = str(text or "")
    for word in hidden:
        found = found.replace(word, _HIDDEN)
    for pattern in (_ADDRESS, _HOST, _PATH):
        found = pattern.sub(_HIDDEN, found)
    return found


def _of(detail: object) -> str:
    """Of a failure's detail, which may quote the answer, only the status."""
    status = re.match(r"\d{3}\b", str(detail or ""))
    return f"status {status[0]}" if status else ""


def _kind(message: object) -> str:
    """Of an exception only its type."""
    found = re.match(r"[A-Za-z_][\w.]*(?=:|$)", str(message or ""))
    return found[0] if found else _HIDDEN


def _without_sample() -> dict[str, str]:
    return dict.fromkeys(("trace_id", "request", "response"), "")


def _tenants(tenants: Document) -> dict[str, Any]:
    def ranked(end: str) -> list[Mapping[str, Any]]:
        return [dict(row) | {"tenant": f"{end} {at}"} for at, row in enumerate(items(tenants, end), 1)]

    return dict(tenants) | {end: ranked(end) for end in ("worst", "best") if tenants.get(end)}
