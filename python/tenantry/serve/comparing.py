"""Runs side by side: the first one against each of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tenantry.compare import Comparison, compare
from tenantry.errors import TenantryError
from tenantry.report import comparison
from tenantry.results import open_run
from tenantry.serve.shelf import Card
from tenantry.serve.site import Site

MOST_RUNS = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One run as the base of the first one: what was found, or the sentences that say why they cannot be compared.

    `damage` are the files of both that could not be read, and are missing in what was found.
    """

    base: Card
    found: Comparison | None
    reasons: Sequence[str] = ()
    damage: Sequence[str] = ()


def side_by_side(site: Site, request: Request) -> Response:
    """The comparison that the query names."""
    names = list(dict.fromkeys(request.query_params.getlist("run")))
    if not 2 <= len(names) <= MOST_RUNS:
        raise HTTPException(400, f"Name two to {MOST_RUNS} runs to compare: tick them in the list.")
    new, *bases = [site.card(name) for name in names]
    with site.heavy():
        pairs = [_pair(site, new, base) for base in bases]
    return site.show("compare", new=new, cards=[new, *bases], pairs=pairs, tell=comparison)


def _pair(site: Site, new: Card, base: Card) -> Pair:
    try:
        with open_run(site.shelf.folder(new)) as ours, open_run(site.shelf.folder(base)) as theirs:
            found = compare(ours, [theirs])
            return Pair(base, found, damage=[f"{run.name}: {warning}" for run in (ours, theirs) for warning in run.warnings])
    except TenantryError as error:
        return Pair(base, None, [line.strip() for line in error.what.splitlines()])
