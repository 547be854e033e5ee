"""What breaks first: for each station how busy it is at the highest load, and the load at which it is full.

By the utilisation law U = X s / m, with X requests per second, s the mean time that each holds one of m servers (Denning and Buzen, The
operational analysis of queueing network models, ACM Computing Surveys 10, 1978), a station is full at X = m / s. Where s itself grew with
the load, what holds the servers longer lies upstream, and more of them only move the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Full, Limit, Station
from tenantry.diagnose.stations import Seen, stations
from tenantry.diagnose.windows import Windows

GROWN, GROWN_ALONE = 1.3, 2.0
_ERRORS = 2.0
_UNSEEN = 3
# What is hardly touched says nothing of how much it can do.
_LEAST_BUSY = 0.05


def ladder(evidence: Evidence) -> list[Station]:
    """The stations: those that were full in the order in which they became so, those that would be, the others by how busy they were."""
    windows = evidence.windows
    found = [station for seen in stations(evidence, windows) if (station := _station(seen, windows)) is not None]
    return sorted(found, key=_place)


def _place(station: Station) -> tuple[float, float, float]:
    limit = station.limit
    if limit is None:
        return 3, 0.0, -station.busy
    if limit.how == "extrapolated":
        return 2, limit.requests_per_s, -station.busy
    # What others fill does not break as the load grows.
    return int(limit.how == "others"), station.full_since_s, -station.busy


def _station(seen: Seen, windows: Windows) -> Station | None:
    busy, held = windows.mean(seen.busy, windows.high), windows.mean(seen.held, windows.high)
    if busy is None or held is None:
        return None
    requests = windows.mean(windows.requests, windows.high) or 0.0
    hold = held / requests if requests and seen.scales else None
    low = _holds(seen, windows, windows.low) if seen.scales and seen.compares else []
    # What no look met cannot be told from what one of them would have met.
    least = 1 / (seen.looks_per_s * windows.width_s * sum(windows.requests[at] for at in windows.low)) if low else 0.0
    hold_low = fmean(low) if low and fmean(low) > least else None
    grew = _grew(low, _holds(seen, windows, windows.high), least) if low else None
    capacity = max(seen.servers - seen.others, 0.0) / hold if hold and held >= _LEAST_BUSY * seen.servers else None
    limit = _limit(seen, windows, capacity, requests)
    return Station(seen.id, seen.title, seen.unit, seen.servers, busy / seen.servers, hold, hold_low, grew, capacity, limit, requests)


def _holds(seen: Seen, windows: Windows, some: Sequence[int]) -> list[float]:
    """How long a request held a server, in each of some windows."""
    return [held / windows.requests[at] for at in some if (held := seen.held[at]) is not None and windows.requests[at]]


def _grew(low: Sequence[float], high: Sequence[float], least: float) -> bool:
    """Whether the mean of the times at high load is larger by a third, and by two standard errors; of single windows, twice as large.

    What no look met may be up to three of them (the rule of three: with 95 % confidence, by Poisson's law).
    """
    if not high:
        return False
    before, after = fmean(low) + _UNSEEN * least, fmean(high)
    if min(len(low), len(high)) < 2:
        return after >= GROWN_ALONE * before
    error = math.sqrt(sum(variance(some) / len(some) for some in (low, high)))
    return after >= GROWN * before and after - before > _ERRORS * error


def _limit(seen: Seen, windows: Windows, capacity: float | None, requests: float) -> Limit | None:
    first = _first_full(seen, windows)
    if first is not None:
        # Where the load was never lower, it is too late to say at which it became full.
        how: Full = "reached" if first > (0 if windows.grows else 1) else "from_start"
        sign = seen.signs.get(first, "")
        if seen.others >= seen.servers / 2:
            how, sign = "others", f"{seen.others:.2g} of them go to others"
        return Limit(how, windows.requests[first], windows.iterations[first], windows.start_s(first), sign)
    if capacity is None:
        return None
    iterations = windows.mean(windows.iterations, windows.high)
    return Limit("extrapolated", capacity, iterations * capacity / requests if iterations and requests else None)


def _first_full(seen: Seen, windows: Windows) -> int | None:
    """The first full window, if the next one is full, too, and half of what follows at the highest load: else it was a moment."""
    full = [_is_full(seen, at) for at in range(windows.count)]
    for first in range(windows.count):
        after = [full[at] for at in windows.high if at >= first]
        if all(full[first : first + 2]) and after and sum(after) >= len(after) / 2:
            return first
    return None


def _is_full(seen: Seen, at: int) -> bool:
    busy = seen.busy[at]
    return at in seen.signs or (busy is not None and busy >= seen.full * seen.servers)
