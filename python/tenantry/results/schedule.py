"""Whether the schedule was kept: what was due, what began in time, and who is to blame for the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tenantry.results.tables import Tables

# EMFILE, ENFILE and EADDRNOTAVAIL in the words of the system, which a failure's detail ends with (24, 23; 99 on Linux, 49 elsewhere).
_EXHAUSTED = {"file descriptors": re.compile(r"os error (24|23)\)"), "local ports": re.compile(r"os error (99|49)\)")}
_CONNECTING = ("dns", "refused", "connect", "connect_timeout", "tls")


class Kept(NamedTuple):
    """Iterations of the open streams: `due`; `started` while the load lasted; `back_pressure`: dropped while the scripts waited longer for
    the target than for the generator; `own`: dropped in seconds in which it was the other way round.
    """

    due: int
    started: int
    back_pressure: int
    own: int

    @property
    def achieved(self) -> float | None:
        """The share that was started, of what the target left room for; None when nothing was due."""
        room = self.due - self.back_pressure
        return self.started / room if room > 0 else None


def schedule_kept(tables: Tables, open_streams: Sequence[str], *, duration_s: float) -> Kept:
    """How the schedule of `open_streams` was kept in a load of `duration_s`."""
    rows = tables.rows(
        """WITH asked AS (SELECT second, process, sum(due) AS due, sum(dropped) AS dropped, sum(started) AS started
                          FROM iterations WHERE list_contains(?, stream) GROUP BY ALL),
                target AS (SELECT second, process, sum(service_sum_ns) AS waited FROM http GROUP BY ALL),
                own AS (SELECT second, process, sum(hand_over_sum_ns) AS waited FROM generator GROUP BY ALL),
                told AS (SELECT asked.*, coalesce(own.waited, 0) > coalesce(target.waited, 0) AS late
                         FROM asked LEFT JOIN target USING (second, process) LEFT JOIN own USING (second, process))
           SELECT sum(due), sum(started) FILTER (second < ?), sum(dropped) FILTER (NOT late), sum(dropped) FILTER (late) FROM told""",
        [list(open_streams), duration_s],
        of=("iterations", "http", "generator"),
    )
    return Kept(*(int(count or 0) for count in rows[0]))


def exhausted(tables: Tables) -> dict[str, int]:
    """What the system ran out of while connections were made, with how many kept samples of failures say so."""
    rows = tables.rows(
        "SELECT detail, count(*) FROM kept_requests WHERE kind <> '' AND list_contains(?, kind) GROUP BY detail",
        [list(_CONNECTING)],
        of=("kept_requests",),
    )
    counts = {what: sum(count for detail, count in rows if exhausted_resource(detail) == what) for what in _EXHAUSTED}
    return {what: count for what, count in counts.items() if count}


def exhausted_resource(detail: str) -> str | None:
    """`file descriptors` or `local ports` when a failure's detail says that the system has none left; the only place that knows how."""
    return next((what for what, pattern in _EXHAUSTED.items() if pattern.search(detail)), None)
