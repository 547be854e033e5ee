"""Tags: text by name, for workloads, scenarios, groups and single requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tenantry.errors import UsageError

# Columns of the run folder that a selector names like tags.
RESERVED = ("name", "scenario", "group", "stream", "stage")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


def checked_tags(tags: object, what: str = "tags") -> dict[str, str]:
    """The tags, a mapping, as a dict; raises UsageError for a name that no selector could hold, and for a value that is no text."""
    if not isinstance(tags, Mapping):
        raise UsageError(f"{what}: {tags!r} is no mapping", hint='write tags={"kind": "write"}')
    for name, value in tags.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(
                f"{what}: {name!r} is no name for a tag", hint='write letters, digits and _, for example tags={"kind": "write"}'
            )
        if name in RESERVED:
            raise UsageError(f"{what}: {name} is kept for every series anyway", hint="give the tag another name")
        if not isinstance(value, str):
            raise UsageError(f"{what}: the value of {name} is {value!r}, not text", hint=f'write tags={{"{name}": "{value}"}}')
    return dict(tags)


def parse_tags(pairs: Iterable[str]) -> dict[str, str]:
    """`["build=42"]` as a dict; raises UsageError for a pair without `=`, a name twice, or a wrong name."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError("a tag needs a name and a value", where=f"--tag {pair}", hint="write --tag build=42")
        if name in found:
            raise UsageError(f"{name} is given twice", where=f"--tag {pair}", hint="keep one of them")
        found[name] = value
    return checked_tags(found, "--tag")
