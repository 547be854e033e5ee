"""The forms in which a run's document leaves tenantry: what each is called, where it goes by default, and who makes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from io import StringIO
from typing import NamedTuple

from tenantry.report.numbers import Document


class Form(NamedTuple):
    """One form: the name of its file in a folder, and where the function is that makes its text of a document."""

    file: str
    maker: str

    def load(self) -> Callable[[Document], str]:
        """The function, with all that it needs."""
        module, _, name = self.maker.partition(":")
        maker: Callable[[Document], str] = getattr(importlib.import_module(module), name)
        return maker


FORMS: dict[str, Form] = {
    "html": Form("report.html", "tenantry.report.html:render"),
    "json": Form("result.json", "tenantry.report.numbers:as_json"),
    "text": Form("summary.txt", "tenantry.report.formats:as_text"),
    "md": Form("summary.md", "tenantry.report.markdown:render"),
    "junit": Form("junit.xml", "tenantry.report.junit:render"),
    "csv": Form("series.csv", "tenantry.report.sheet:render"),
    "k6-json": Form("load-performance.json", "tenantry.report.k6:render"),
    "github-benchmark": Form("benchmark.json", "tenantry.report.benchmark:render"),
}


def as_text(document: Document) -> str:
    """The summary of the terminal, without colours."""
    from rich.console import Console

    from tenantry.report.text import PLAIN_WIDTH, print_summary

    page = StringIO()
    print_summary(document, to=Console(file=page, highlight=False, width=PLAIN_WIDTH, no_color=True))
    return page.getvalue()
