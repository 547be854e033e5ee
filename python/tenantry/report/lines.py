"""Lines and columns of text that fit a terminal: nothing wraps by itself, and nothing from outside can steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
_LONGEST = 2000
_ASCII = str.maketrans({"≈": "~", "±": "~", "✔": "+", "✘": "x", "µ": "u", "…": "~", "\u2013": "-", "\u2019": "'"})


class Line:
    """Pieces of text, each plain or with a style; cut at the width of the terminal unless `whole`."""

    def __init__(self, *pieces: str | tuple[str, str], whole: bool = False) -> None:
        self.pieces = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
        self.whole = whole

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.pieces)


class Cells(NamedTuple):
    """A row of a table: one style for all of it, or for the cell number `styled` alone; `spans` gives its text the whole width."""

    texts: tuple[str, ...]
    style: str = ""
    styled: int | None = None
    spans: bool = False


def clean(text: object) -> str:
    """Text from outside on one line: control characters, and with them escape sequences, become spaces."""
    if text is None:
        return ""
    return "".join(sign if sign.isprintable() else " " for sign in str(text)[:_LONGEST]).strip()


def columns(
    titles: Sequence[str], rows: Iterable[Cells], *, width: int, least: Sequence[int], left: Sequence[int] = (), colour: str = ""
) -> Iterator[Line]:
    """A table in which the first column gives way when `width` is short; columns numbered in `left` are cut as well, others never."""
    rows = list(rows)
    widths = _widths(titles, rows, width=width, least=least, left=left)
    yield Line((_row(titles, widths, left), f"bold {colour}".strip()))
    for row in rows:
        if row.spans:
            yield Line((_fit(row.texts[0], width), row.style))
        elif row.styled is None:
            yield Line((_row(row.texts, widths, left), row.style))
        else:
            whole = _row(row.texts, widths, left)
            yield Line(whole) if not row.style else _with_styled_cell(row, widths, left)


def printed(lines: Iterable[Line], console: Console) -> None:
    """Print lines to a console, in ASCII where its encoding has no more."""
    from rich.text import Text

    is_ascii = not console.encoding.lower().startswith("utf")
    for line in lines:
        pieces = [(_to_ascii(text), style) if is_ascii else (text, style) for text, style in line.pieces]
        text = Text.assemble(*pieces)
        text.rstrip()
        console.print(text, no_wrap=True, overflow="ignore" if line.whole else "ellipsis", crop=not line.whole, soft_wrap=line.whole)


def _to_ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _widths(titles: Sequence[str], rows: list[Cells], *, width: int, least: Sequence[int], left: Sequence[int]) -> list[int]:
    from rich.cells import cell_len

    table = [titles, *(row.texts for row in rows if not row.spans)]
    natural = [max(cell_len(row[column]) for row in table) for column in range(len(titles))]
    natural = [max(found, needed) for found, needed in zip(natural, least, strict=True)]
    gaps = _GAP * (len(titles) - 1)
    fixed = sum(size for column, size in enumerate(natural) if column and column not in left)
    room = max(width - fixed - gaps, 10)
    flexible = [0, *left]
    share = _shares([natural[column] for column in flexible], room)
    for column, size in zip(flexible, share, strict=True):
        natural[column] = size
    return natural


def _shares(wanted: list[int], room: int) -> list[int]:
    """Room for each: what it wants when all fit, else the smaller ones first and the rest in equal parts."""
    given = [0] * len(wanted)
    for left_over, place in enumerate(sorted(range(len(wanted)), key=lambda place: wanted[place])):
        given[place] = min(wanted[place], (room - sum(given)) // (len(wanted) - left_over))
    return given


def _fit(text: str, width: int) -> str:
    """The text in at most `width` cells of the terminal."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def _cut_inside(text: str, width: int) -> str:
    """The same, but what is left out is in the middle: paths differ at their ends."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    tail = max(width - 1, 0) // 2
    return f"{set_cell_size(text, max(width - 1, 0) - tail).rstrip()}…{set_cell_size(text[::-1], tail)[::-1].lstrip()}"


def _cell(text: str, width: int, *, to_left: bool) -> str:
    from rich.cells import cell_len

    text = _cut_inside(text, width)
    padding = " " * (width - cell_len(text))
    return text + padding if to_left else padding + text


def _row(texts: Sequence[str], widths: Sequence[int], left: Sequence[int]) -> str:
    cells = (
        _cell(text, width, to_left=column == 0 or column in left) for column, (text, width) in enumerate(zip(texts, widths, strict=True))
    )
    return (" " * _GAP).join(cells)


def _with_styled_cell(row: Cells, widths: Sequence[int], left: Sequence[int]) -> Line:
    pieces: list[tuple[str, str]] = []
    for column, (text, width) in enumerate(zip(row.texts, widths, strict=True)):
        gap = " " * _GAP if column else ""
        pieces += [(gap, ""), (_cell(text, width, to_left=column == 0 or column in left), row.style if column == row.styled else "")]
    return Line(*pieces)
