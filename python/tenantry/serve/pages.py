"""The pages as HTML: templates that escape everything, with the figures as the report prints them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.report.html import ICONS, STATIC
from tenantry.report.numbers import duration, per_second, plain, printable, share

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
ASSETS = {
    "report.css": (STATIC / "report.css", "text/css"),
    "serve.css": (HERE / "assets" / "serve.css", "text/css"),
    "live.js": (HERE / "assets" / "live.js", "text/javascript"),
}


def page(template: str, **values: object) -> str:
    """A page, from a template and what it shows."""
    return _environment().get_template(f"{template}.html.j2").render(version=__version__, icons=ICONS, **values)


def clean(text: object) -> str:
    """Text from outside without characters that could disturb what stands around it."""
    return str(printable("" if text is None else str(text)[:600]))


def moment(text: object) -> str:
    """`2026-11-23 21:54:07` of an RFC 3339 time in UTC."""
    return clean(text)[:19].replace("T", " ")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "clean": clean,
        "moment": moment,
        "duration": duration,
        "per_second": per_second,
        "plain": plain,
        "share": share,
    }
    return made
