"""The error breaker: when so many requests fail for so long that going on would only repeat it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.errors import UsageError
from tenantry.plan.faults import portion
from tenantry.units import NS

SHARE = "90%"
WINDOW = "60s"
OFF = "off"


def breaker_share(value: object, what: str) -> float:
    """The share of failed requests from which a run stops, of `90%`, a number above 0 and up to 1, or `off` (0: it never does)."""
    if isinstance(value, str) and value.strip() == OFF:
        return 0.0
    share = portion(value)
    if share is None or not 0 < share <= 1:
        raise UsageError(f"{what} {value!r} is not a share above 0 % and up to 100 %", hint=f"write it as 90%, or {OFF} to never stop")
    return float(share)


@dataclass
class Breaker:
    """Watches the counts of a run. `share` 0 means that it never trips."""

    share: float
    window_ns: int
    _seen: deque[tuple[int, int, int]] = field(default_factory=deque)

    def trips(self, progress: Mapping[str, int]) -> str | None:
        """Why the run is to stop, from its counts so far: at least `share` of all requests of the last `window_ns` failed."""
        if not self.share:
            return None
        now, requests, failures = progress["elapsed_ns"], progress["requests"], progress["failures"]
        self._seen.append((now, requests, failures))
        while len(self._seen) > 1 and self._seen[1][0] <= now - self.window_ns:
            self._seen.popleft()
        begin, requests_before, failures_before = self._seen[0]
        made, failed = requests - requests_before, failures - failures_before
        if begin > now - self.window_ns or not made or failed < self.share * made:
            return None
        return f"{failed / made:.1%} of {made:,} requests failed in the last {self.window_ns / NS:g} s".replace("%", " %", 1)
