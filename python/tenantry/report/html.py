"""The report as one HTML file that asks nobody for anything: a pure function of the report's JSON."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.errors import EnvironmentFault
from tenantry.report import breakdown, captions, charts, decomposed, findings, grades, header, ladder, metrics, singles, svg, tables
from tenantry.report.numbers import Document, duration, finite, part, plain, printable, share, size
from tenantry.report.payload import fitted, payload
from tenantry.report.public import is_public
from tenantry.report.spread import spreads
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
# Of the two megabytes of a page: the rest is script, style, tables and still charts.
MOST_DATA_BYTES = 1_640_000
_NUMBERS_ONLY = ("slices", "heat")


def render(document: Document) -> str:
    """The page of one run, from the report's JSON (`schema` 1); any value in it may be null.

    With `slices` and `heat` (`tenantry.report.document.page_document`), tables follow the part of the run that the reader chooses.
    Raises EnvironmentFault when the page's script and style have not been built.
    """
    numbers = {key: document[key] for key in _NUMBERS_ONLY if document.get(key)}
    document = printable({key: value for key, value in document.items() if key not in numbers}) | numbers
    script, style = _asset("report.js"), _asset("report.css")
    listed = _tables(document)
    drawn = charts.charts(document)
    readings = charts.readings(document)
    with ThreadPoolExecutor(1) as packer:
        # To compress takes as long as all the rest, and needs no interpreter.
        data = packer.submit(fitted, payload(document, [*drawn, *readings], listed.values()), MOST_DATA_BYTES)
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
                findings=findings.shown(document),
                diagnosis=part(document, "diagnosis"),
                beside=findings.beside(document),
                decomposed=decomposed.rows(part(document, "diagnosis")),
                decomposed_titles=decomposed.TITLES,
                decomposed_title=decomposed.TITLE,
                ladder=ladder.rows(part(document, "diagnosis")),
                ladder_titles=ladder.TITLES,
                ladder_notes=ladder.notes(part(document, "diagnosis")),
                identity=header.identity(document),
                charts=drawn,
                readings=readings,
                spreads=spreads(document),
                still=lambda chart: svg.drawing(chart, document),
                points_note=captions.points_note(document),
                tables=listed,
                samples=singles.samples(document),
                generator=_generator(document),
                tenants=_tenants(document),
                public=is_public(document),
                policy=_policy(script, style),
                script=script,
                style=style,
                data=data.result,
            )
        )


def _tables(document: Document) -> dict[str, tables.Table]:
    made = [
        grades.table(document),
        tables.series(document),
        breakdown.scenarios(document),
        breakdown.statuses(document),
        tables.tenants(document, "worst"),
        tables.tenants(document, "best"),
        tables.distributions(document),
        singles.failures(document),
        singles.errors(document),
        singles.slowest(document),
        breakdown.iterations(document),
        tables.checks(document),
        metrics.table(document),
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
    rows = [
        ("Tenants seen", plain(tenants.get("seen"))),
        ("Ranked, with 20 requests or more", plain(tenants.get("ranked")) if finite(tenants.get("ranked")) is not None else None),
        ("Requests of the median tenant", None if median is None else f"{median:,g}"),
        ("p95 of the worst over that of the median", plain(tenants.get("p95_ratio"))),
        ("Fairness index of their p95 (1: all the same)", plain(tenants["fairness"]) if finite(tenants.get("fairness")) else None),
        ("Highest share of failed requests of a tenant", share(tenants.get("failures_worst"))),
    ]
    return [(title, text) for title, text in rows if text is not None]


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
