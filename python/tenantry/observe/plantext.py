"""A plan as EXPLAIN writes it for people, as far as it tells which tables are read, how, and under which conditions."""

from __future__ import annotations

import re
from typing import Any

_NAME = r'(?:"(?:[^"]|"")+"|[^\s".()]+)'
_NODE = re.compile(
    rf"""(?P<indent>\ *)(?:->\ +)?(?:Parallel\ )?(?P<type>[A-Z][A-Za-z ]*?)(?:\ Backward)?(?:\ using\ (?P<index>{_NAME}))?
         (?:\ on\ (?:(?P<schema>{_NAME})\.)?(?P<name>{_NAME})(?:\ (?P<alias>{_NAME}))?)?\ \ \(cost=\S+\ rows=(?P<rows>\d+)\ width=\d+\)""",
    re.VERBOSE,
)
_ACTUAL = re.compile(r"\(actual .*?rows=([\d.]+) loops=(\d+)\)")
_ENTRY = re.compile(r" +([A-Z][A-Za-z ]*): (.*)")
_STATEMENT = "Query Text: "
_PARAMETERS = "Query Parameters: "


def plan_of_text(body: str) -> tuple[str, dict[str, Any]] | None:
    """The statement and the plan, named as in EXPLAIN's JSON; None where there is none."""
    lines = body.splitlines()
    root = next((place for place, line in enumerate(lines) if _NODE.match(line)), None)
    if root is None or not body.startswith(_STATEMENT):
        return None
    before = lines[:root]
    end = next((place for place, line in enumerate(before) if line.startswith(_PARAMETERS)), root)
    return "\n".join(before[:end]).removeprefix(_STATEMENT), _tree(lines[root:])


def _tree(lines: list[str]) -> dict[str, Any]:
    # Each node with its indent, from the root down to the one that the next line belongs to.
    path: list[tuple[int, dict[str, Any]]] = []
    root: dict[str, Any] = {}
    for line in lines:
        if found := _NODE.match(line):
            node, indent = _node(found, line), len(found["indent"])
            while path and path[-1][0] >= indent:
                path.pop()
            if path:
                path[-1][1].setdefault("Plans", []).append(node)
            elif root:
                break
            else:
                root = node
            path.append((indent, node))
        elif told := _ENTRY.match(line):
            path[-1][1].setdefault(told[1], told[2])
        elif not line.startswith(" "):
            break  # what is told of the whole: triggers, JIT, settings
    return root


def _node(found: re.Match[str], line: str) -> dict[str, Any]:
    of_index = found["type"] == "Bitmap Index Scan"
    named = {"Schema": found["schema"], "Relation Name": found["name"], "Alias": found["alias"], "Index Name": found["index"]}
    named = {"Index Name": found["name"]} if of_index else named
    node: dict[str, Any] = {"Node Type": found["type"], **{key: _plain(value) for key, value in named.items() if value is not None}}
    node["Plan Rows"] = int(found["rows"])
    if actual := _ACTUAL.search(line):
        node["Actual Rows"], node["Actual Loops"] = float(actual[1]), int(actual[2])
    return node


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
