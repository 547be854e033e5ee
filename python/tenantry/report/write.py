"""Putting the report beside the data it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tenantry.errors import EnvironmentFault
from tenantry.files import write_whole
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
    return write_text(render(told), folder / REPORT)


def write_text(text: str, path: Path) -> Path:
    """Write a report: the old one stays until the new one is complete; raises EnvironmentFault when it cannot be written."""
    try:
        write_whole(path, text.encode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentFault(f"the report cannot be written: {reason}", where=str(path), hint="make room or check permissions") from error
    return path
