"""Putting the report beside the data it was made of."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tenantry.errors import EnvironmentFault
from tenantry.report.document import page_document
from tenantry.report.html import render
from tenantry.results import open_run

REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Make `report.html` of a run folder, from nothing but the folder; raises EnvironmentFault when it cannot be written."""
    with open_run(folder) as run:
        return write_page(page_document(run), folder)


def write_page(told: dict[str, Any], folder: Path) -> Path:
    """Write the page of a run's document into its folder: the old page stays until the new one is complete."""
    return write_whole(render(told), folder / REPORT)


def write_whole(page: str, path: Path) -> Path:
    """Write a report: the old one stays until the new one is complete; raises EnvironmentFault when it cannot be written."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(page, encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise EnvironmentFault(f"the report cannot be written: {reason}", where=str(path), hint="make room or check permissions") from error
    return path
