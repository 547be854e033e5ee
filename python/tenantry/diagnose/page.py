"""All findings as a page of the documentation: `python -m tenantry.diagnose.page > docs/findings.md`."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules import rules


def page() -> str:
    """The Markdown."""
    return "\n".join(["# Findings", "", _HEAD, *(line for rule in rules().values() for line in _section(rule))])


_HEAD = """What a [diagnosis](diagnosis.md) can name. `tenantry explain ID` shows the same. Where the [reference app](clinic.md) has a
[fault](faults.md) of that kind, both have the same name: `tenantry demo --fault ID` shows it.

A finding that another one explains is told as its symptom. `[observe] silent = ["ID"]`, or `--silent ID` of `tenantry diagnose`, leaves
one out.
"""


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.id}\n"
    yield f"{rule.title}.\n"
    yield f"- **Signals:** {rule.signals}"
    yield f"- **What looks alike:** {rule.confounders}"
    yield f"- **What helps:** {rule.remedy}"
    if rule.explains:
        yield f"- **Makes a symptom of:** {', '.join(f'[{name}](#{name})' for name in rule.explains)}"
    yield ""


if __name__ == "__main__":
    print(page(), end="")
