"""The report as one HTML file that asks nobody for anything: a pure function of the report's JSON."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry.errors import EnvironmentFault
from tenantry.report import captions, grades, header, metrics, tables, timeline
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, part, plain, printable, share, size
from tenantry.validity import MOST_BUSY

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STATIC = HERE / "static"
ICONS = {
    "pass": "m3 8.5 3.2 3.2L13 4.5",
    "fail": "m4 4 8 8m0-8-8 8",
    "no_data": "M3.5 8h9",
    "invalid": "M8 2 14.8 14H1.2zM8 6.6v3.2m0 2v.1",
}


def render(document: Document) -> str:
    """The page of one run, from the report's JSON (`schema` 1); any value in it may be null.

    Raises EnvironmentFault when the page's script and style have not been built.
    """
    document = printable(document)
    script, style = _asset("report.js"), _asset("report.css")
    listed = _tables(document)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            run=part(document, "about"),
            verdict=header.verdict(document),
            headline=header.headline(document),
            icons=ICONS,
            warnings=[str(warning)[:600] for warning in document.get("warnings") or []],
            reason=str(document.get("reason") or "")[:2000],
            subtitle=header.subtitle(document),
            tiles=header.tiles(document),
            thresholds=header.thresholds(document),
            overall=grades.overall(document),
            identity=header.identity(document),
            figures=captions.figures(document),
            points_note=captions.points_note(document),
            tables=listed,
            generator=_generator(document),
            tenants=_tenants(document),
            most_rows=tables.MOST_ROWS,
            policy=_policy(script, style),
            script=script,
            style=style,
            data=_packed(_payload(document, listed)),
        )
    )


def _tables(document: Document) -> dict[str, tables.Table]:
    made = [tables.series(document), tables.distributions(document), tables.failures(document), tables.checks(document)]
    made += [
        grades.table(document),
        metrics.table(document),
        tables.errors(document),
        tables.tenants(document, "worst"),
        tables.tenants(document, "best"),
        tables.events(document),
    ]
    return {table.id: table for table in made}


def _generator(document: Document) -> list[tuple[str, str]]:
    generator, limit = part(document, "generator"), captions.start_delay_limit_s(document)
    delay = duration(part(generator, "start_delay_s").get("p99"))
    return [
        ("Start delay, p99", f"{delay}; invalid above {duration(limit)}" if limit else delay),
        ("Hand-over, p99", duration(part(generator, "hand_over_s").get("p99"))),
        ("Busy, highest 10 s", f"{share(generator.get('busy_share'))} of a core{_busiest(generator)}; invalid above {share(MOST_BUSY)}"),
        ("CPU time", duration(generator.get("cpu_s"))),
        ("Memory", size(generator.get("rss_bytes"))),
    ]


def _busiest(generator: Document) -> str:
    part_of = {"scripts": "the thread that runs the scripts", "engine": "the thread that sends requests", "process": "the whole process"}
    return f", {part_of[generator['busiest']]}" if generator.get("busiest") in part_of else ""


def _tenants(document: Document) -> list[tuple[str, str]]:
    tenants = part(document, "tenants")
    if not finite(tenants.get("seen")):
        return []
    median = finite(tenants.get("requests_p50"))
    return [
        ("Tenants seen", plain(tenants.get("seen"))),
        ("Requests of the median tenant", NOTHING if median is None else f"{median:,g}"),
        ("p95 of the worst over that of the median", plain(tenants.get("p95_ratio"))),
    ]


def _payload(document: Document, listed: dict[str, tables.Table]) -> dict[str, Any]:
    limit = captions.start_delay_limit_s(document)
    return {
        "timeline": timeline.drawable(document),
        "step_s": timeline.step_s(document),
        "load_s": finite(part(document, "about").get("duration_s")),
        "limits": {
            "response": [{"label": f"limit {row['stat']}", "value": row["limit"]} for row in _latency_limits(document)],
            "start_delay": [{"label": "p99 invalid above", "value": limit}] if limit else [],
        },
        "marks": timeline.marks(document),
        "more_rows": {table.id: table.rows[tables.MOST_ROWS :] for table in listed.values() if len(table.rows) > tables.MOST_ROWS},
    }


def _latency_limits(document: Document) -> list[Document]:
    """Limits that hold for all requests together, and so can be drawn into their chart."""
    return [
        row
        for row in items(document, "thresholds")
        if row.get("metric") == "response_time" and finite(row.get("limit")) is not None and "{" not in str(row.get("text"))
    ]


def _packed(payload: dict[str, Any]) -> str:
    text = json.dumps(payload, separators=(",", ":"), default=str)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _policy(script: str, style: str) -> str:
    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {allowed(script)}; style-src {allowed(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@cache
def _asset(name: str) -> str:
    """A built file as it may stand inside its element: with nothing in it that would end the element."""
    path = STATIC / name
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault("the report's script and style have not been built", where=str(path), hint="run `make web`") from error
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("</style", "<\\/style")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
