"""The words of a threshold, each with its place in the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from tenantry.errors import UsageError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>\d[\w.]*(?:\s*%|\s*/\s*\w+|\s*(?:ns|us|ms|s|m|h)\b)?)
    | (?P<word>[^\W\d][\w.-]*)
    | (?P<op><=|>=|==|!=|=~|[<>=])
    | (?P<mark>[{}(),])
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """`kind` is string, number, word, op, mark or end; `start` and `stop` are columns."""

    kind: str
    text: str
    start: int
    stop: int


def tokenize(text: str) -> list[Token]:
    """All tokens and an end token; raises UsageError at a character that starts none."""
    tokens: list[Token] = []
    position, length = 0, len(text.rstrip())
    while position < length:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise fault(text, _Place(start, start + 1), *_odd(text[start:]))
        kind = match.lastgroup or ""
        tokens.append(Token(kind, match[kind], match.start(kind), match.end(kind)))
        position = match.end()
    return [*tokens, Token("end", "the end", length, length + 1)]


class _Place(NamedTuple):
    start: int
    stop: int


def fault(text: str, place: Token | _Place, what: str, hint: str) -> UsageError:
    """What is wrong, the text, and carets under the place."""
    line = text.replace("\n", " ").replace("\t", " ")
    return UsageError(f"threshold: {what}\n    {line}\n    {' ' * place.start}{'^' * max(place.stop - place.start, 1)}", hint=hint)


def _odd(rest: str) -> tuple[str, str]:
    if rest.startswith('"'):
        return "a quote is not closed", 'write {name="GET /api/dashboard"}'
    if rest.startswith("-"):
        return "a limit cannot be negative", "give a limit of zero or more"
    return f"{rest[0]!r} is not understood", "write METRIC STAT OP VALUE, for example response_time p95 < 500ms"
