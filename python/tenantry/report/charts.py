"""The charts of the page as data: which lines each has, in which unit, with which limits. Script and static drawing are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenantry.report import captions, timeline
from tenantry.report.captions import Figure
from tenantry.report.numbers import Document, finite, items, part
from tenantry.validity import MOST_BUSY

Column = list[float | None]

STACK = ("--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7")
_PHASE_COLOURS = {"blocked": "--c5", "dns": "--c7", "connect": "--c2", "tls": "--c4", "send": "--c6", "wait": "--c1", "receive": "--c3"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: one value for each point of the time line. `short` is written beside its end; `right`: against the right axis."""

    key: str
    label: str
    values: Sequence[float | None]
    colour: str = "--c1"
    short: str = ""
    width: float = 1.5
    dash: tuple[int, ...] = ()
    stepped: bool = False
    bars: bool = False
    right: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line across a chart."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart on the common axis of time. `unit`: `s`, `per_s`, `bytes`, `bytes_per_s`, `share`, `count`.

    `scale` is `linear` or `log` where the reader may switch between them; `stacked` is `bars` or `areas`; `right_unit` that of lines on the
    right axis. `heat` draws the heatmap of the run below its lines. One without lines shows its heading and caption alone.
    """

    id: str
    title: str
    caption: str
    unit: str = "count"
    lines: tuple[Line, ...] = ()
    limits: tuple[Limit, ...] = ()
    scale: str = ""
    stacked: str = ""
    right_unit: str = "per_s"
    wide: bool = False
    heat: bool = False

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.lines)


@dataclass(frozen=True)
class _Columns:
    """The columns of a document's time line, as they are drawn."""

    document: Document
    drawable: Mapping[str, Any] = field(default_factory=dict)

    def line(self, key: str, label: str, **looks: Any) -> tuple[Line, ...]:
        """The line of a column; none where the column has no value."""
        values = self.drawable.get(key)
        if not isinstance(values, list) or all(value is None for value in values):
            return ()
        return (Line(key, label, values, **looks),)

    def moving(self, key: str, label: str, **looks: Any) -> tuple[Line, ...]:
        """The same, but none where the column is all zero."""
        return self.line(key, label, **looks) if any(self.drawable.get(key) or []) else ()

    def bands(self, key: str, colours: Mapping[str, str] = {}) -> tuple[Line, ...]:
        """The biggest bands by sum, in the order of the document; the rest added up as one."""
        columns = {name: values for name, values in (self.drawable.get(key) or {}).items() if any(values)}
        most = len(STACK) if len(columns) <= len(STACK) else len(STACK) - 1
        kept = sorted(columns, key=lambda name: -sum(value or 0 for value in columns[name]))[:most]
        shown = {name: values for name, values in columns.items() if name in kept}
        rest = [values for name, values in columns.items() if name not in kept]
        if rest:
            shown[f"{len(rest)} others"] = [sum(value or 0 for value in values) for values in zip(*rest, strict=True)]
        return tuple(
            Line(name, name.replace("_", " ")[:60], values, colours.get(name, colour))
            for (name, values), colour in zip(shown.items(), STACK, strict=False)
        )


def charts(document: Document, readings: Sequence[Chart] = ()) -> list[Chart]:
    """The charts in the order of the page; `readings` of probes come last, on the same axis."""
    columns = _Columns(document, timeline.drawable(document))
    made = [chart for figure in captions.figures(document) if (chart := _chart(figure, columns))]
    return [*made, *readings]


def as_payload(chart: Chart) -> dict[str, Any]:
    """What the page's script needs of a chart."""
    lines = [{key: value for key, value in _told(line).items() if value not in ("", (), False)} for line in chart.lines]
    told = {
        "id": chart.id,
        "unit": chart.unit,
        "rightUnit": chart.right_unit,
        "lines": lines,
        "limits": [_told(one) for one in chart.limits],
    }
    return told | {key: value for key in ("scale", "stacked", "heat") if (value := getattr(chart, key))}


def _told(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def _chart(figure: Figure, columns: _Columns) -> Chart:
    looks = _LOOKS[figure.id](columns) if figure.drawn else {}
    return Chart(figure.id, figure.title, figure.caption, wide=figure.wide, **looks)


def _response(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("response_p50", "p50", short="p50", colour="--c3"),
        *columns.line("response_p95", "p95", short="p95", colour="--c1", width=2),
        *columns.line("response_p99", "p99", short="p99", colour="--c4", dash=(6, 3)),
    )
    return {"unit": "s", "scale": "linear", "limits": latency_limits(columns.document), "lines": lines}


def _heat(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("response_p50", "p50", short="p50", colour="--ink", width=1),
        *columns.line("response_p99", "p99", short="p99", colour="--ink", width=1, dash=(6, 3)),
    )
    return {"unit": "s", "scale": "log", "heat": True, "lines": lines}


def _service(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("service_p50", "p50", short="p50", colour="--c3"),
        *columns.line("service_p95", "p95", short="p95", colour="--c1", width=2),
        *columns.line("service_p99", "p99", short="p99", colour="--c4", dash=(6, 3)),
    )
    return {"unit": "s", "scale": "linear", "lines": lines}


def _iterations(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.moving("offered", "offered", short="offered", colour="--c5", width=4, stepped=True),
        *columns.line("started", "started", short="started", colour="--c1", width=1.75, stepped=True),
        *columns.line("completed", "completed", short="completed", colour="--c2", dash=(5, 3)),
    )
    return {"unit": "per_s", "lines": lines}


def _requests(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("requests", "ended", short="ended", colour="--c5", width=4),
        *columns.line("throughput", "throughput (without failure)", short="throughput", colour="--c3", width=1.75),
    )
    return {"unit": "per_s", "lines": lines}


def _failures(columns: _Columns) -> dict[str, Any]:
    return {"unit": "per_s", "stacked": "bars", "lines": columns.bands("failure_kinds")}


def _delay(columns: _Columns) -> dict[str, Any]:
    limit = captions.start_delay_limit_s(columns.document)
    lines = (
        *columns.line("start_delay_p50", "p50", short="p50", colour="--c3"),
        *columns.line("start_delay_p99", "p99", short="p99", colour="--c1", width=2),
        *columns.line("start_delay_max", "max", short="max", colour="--c4", width=1.25, dash=(6, 3)),
    )
    limits = (Limit("p99 invalid above", limit),) if limit else ()
    return {"unit": "s", "scale": "log", "limits": limits, "lines": lines}


def _vus(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.moving("dropped", "dropped iterations (right axis)", colour="--c2", bars=True, right=True),
        *columns.line("vus", "busy VUs", colour="--c1", width=1.75, stepped=True),
    )
    return {"unit": "count", "lines": lines}


def _phases(columns: _Columns) -> dict[str, Any]:
    return {"unit": "s", "stacked": "areas", "lines": columns.bands("phases_s", _PHASE_COLOURS)}


def _bytes(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("bytes_received", "received", short="received", colour="--c1", width=1.75),
        *columns.line("bytes_sent", "sent", short="sent", colour="--c2", dash=(5, 3)),
    )
    return {"unit": "bytes_per_s", "lines": lines}


def _generator(columns: _Columns) -> dict[str, Any]:
    lines = (
        *columns.line("rss_bytes", "memory (right axis)", colour="--c5", right=True, dash=(5, 3)),
        *columns.line("busy_share", "busiest thread", colour="--c1", width=1.75),
    )
    return {"unit": "share", "right_unit": "bytes", "limits": (Limit("invalid above", MOST_BUSY),), "lines": lines}


_LOOKS = {
    "heat": _heat,
    "response": _response,
    "service": _service,
    "iterations": _iterations,
    "requests": _requests,
    "failures": _failures,
    "delay": _delay,
    "vus": _vus,
    "phases": _phases,
    "bytes": _bytes,
    "generator": _generator,
}


def latency_limits(document: Document) -> tuple[Limit, ...]:
    """Limits that hold for all requests together, and so can be drawn into their chart."""
    return tuple(
        Limit(f"limit {row.get('stat')}", limit)
        for row in items(document, "thresholds")
        if row.get("metric") == "response_time" and (limit := finite(row.get("limit"))) is not None and "{" not in str(row.get("text"))
    )


def readings(document: Document) -> list[Chart]:
    """A chart for each group of probe readings of the document; none when the run has none.

    The document's `readings` are objects with `id`, `title`, `unit`, `caption`, `limits` (`label`, `value`) and `lines` (`label`, and
    `values`, one for each point of the time line).
    """
    found = []
    length = len(part(document, "timeline").get("second") or [])
    for at, group in enumerate(items(document, "readings")):
        lines = tuple(
            Line(f"line-{place}", str(line.get("label"))[:60], timeline.fitted(line.get("values"), length), colour)
            for place, (line, colour) in enumerate(zip(items(group, "lines"), STACK, strict=False))
        )
        limits = tuple(
            Limit(str(row.get("label"))[:60], value) for row in items(group, "limits") if (value := finite(row.get("value"))) is not None
        )
        title, caption = str(group.get("title") or "Readings")[:120], str(group.get("caption") or "")[:400]
        found.append(Chart(f"reading-{at}", title, caption, str(group.get("unit") or "count"), lines, limits))
    return [chart for chart in found if chart.drawn]
