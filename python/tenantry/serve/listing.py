"""Which runs a list shows: words to search for, a workload, a verdict, a branch, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tenantry.serve.shelf import Card

PER_PAGE = 50
STATES = ("pass", "fail", "no_data", "invalid", "running", "killed", "not_judged", "unreadable")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a list was asked for; empty words ask for everything."""

    q: str = ""
    workload: str = ""
    verdict: str = ""
    branch: str = ""
    page: int = 1

    def query(self, page: int) -> str:
        """The same wish for another page, as the query of a URL."""
        given = {"q": self.q, "workload": self.workload, "verdict": self.verdict, "branch": self.branch}
        given["page"] = str(page) if page > 1 else ""
        return urlencode({key: value for key, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list: its runs, how many fit in all, and which page of how many this is."""

    cards: list[Card]
    total: int
    page: int
    pages: int


def read_wish(query: Mapping[str, str]) -> Wish:
    """The wish that the query of a URL states; a page that is no number is the first one."""
    page = query.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    words = {key: query.get(key, "")[:_LONGEST].strip() for key in ("q", "workload", "verdict", "branch")}
    return Wish(**words, page=max(number, 1))


def listed(cards: Sequence[Card], wish: Wish) -> Listed:
    """The page of `cards` that a wish means; beyond the last page, that one."""
    words = wish.q.casefold().split()
    fitting = [card for card in cards if _fits(card, wish) and all(word in _text(card) for word in words)]
    pages = max(-(-len(fitting) // PER_PAGE), 1)
    page = min(wish.page, pages)
    return Listed(fitting[(page - 1) * PER_PAGE : page * PER_PAGE], len(fitting), page, pages)


def _fits(card: Card, wish: Wish) -> bool:
    return wish.workload in ("", card.workload) and wish.verdict in ("", card.state) and wish.branch in ("", card.branch)


def _text(card: Card) -> str:
    """What a search looks at."""
    return "\n".join((card.name, card.workload, card.target, card.git, card.branch, card.grade, *card.baselines)).casefold()
