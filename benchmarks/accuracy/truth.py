"""What the server saw, as quantiles, and how far what a tool reported is from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

NS = 1_000_000_000
STATS = {"p50": Fraction(1, 2), "p90": Fraction(9, 10), "p95": Fraction(19, 20), "p99": Fraction(99, 100), "p99.9": Fraction(999, 1000)}
NAMES = (*STATS, "max")
# A tool is right when it is within 1 % or 50 microseconds of what the server knows, and of what the system takes between the two.
ALLOWED_S = 50e-6
ALLOWED_SHARE = 0.01


class Request(NamedTuple):
    """One request as the server saw it: its number, when its last byte was read, when the first byte of its answer was about to be sent."""

    number: int
    arrival_ns: int
    sent_ns: int


class Error(NamedTuple):
    """One quantile in seconds: the truth, what was reported, and what the system itself takes between server and client."""

    stat: str
    truth_s: float
    reported_s: float
    system_s: float = 0.0

    @property
    def error_s(self) -> float:
        """Reported beyond the truth and the system's part."""
        return self.reported_s - self.truth_s - self.system_s

    @property
    def is_within(self) -> bool:
        """Whether that is at most 1 % or 50 microseconds."""
        return abs(self.error_s) <= max(ALLOWED_S, ALLOWED_SHARE * self.truth_s)


def parse(text: str) -> list[Request]:
    """The lines of the server's `/truth`."""
    return [Request(*map(int, line.split())) for line in text.splitlines()]


def quantiles(values_ns: Sequence[int]) -> dict[str, float]:
    """Seconds by stat: the value of rank `ceil(q n)` of the sorted values, and the largest."""
    values = sorted(values_ns)
    found = {name: values[ceil(q * len(values)) - 1] / NS for name, q in STATS.items()}
    return {**found, "max": values[-1] / NS}


def epoch_ns(seen: Sequence[Request], rate: int) -> int:
    """When number 0 was intended, on the server's clock: number k was intended k / rate later, and the request that came soonest after that
    is taken to have needed no time at all. So the shortest way from the schedule to the server counts as zero."""
    return min(request.arrival_ns - intended_ns(request.number, rate) for request in seen)


def intended_ns(number: int, rate: int) -> int:
    """After the start, exactly, rounded down."""
    return number * NS // rate


def service_ns(seen: Sequence[Request]) -> list[int]:
    """How long the server kept each request."""
    return [request.sent_ns - request.arrival_ns for request in seen]


def response_ns(seen: Sequence[Request], rate: int) -> list[int]:
    """From the intended start to the answer, on the server's clock."""
    epoch = epoch_ns(seen, rate)
    return [request.sent_ns - epoch - intended_ns(request.number, rate) for request in seen]


def start_delay_ns(seen: Sequence[Request], rate: int) -> list[int]:
    """From the intended start to the arrival, on the server's clock."""
    epoch = epoch_ns(seen, rate)
    return [request.arrival_ns - epoch - intended_ns(request.number, rate) for request in seen]


def errors(truth_s: Mapping[str, float], reported_s: Mapping[str, float], *, system_s: float = 0.0) -> list[Error]:
    """All of them, stat by stat."""
    return [Error(name, truth_s[name], reported_s[name], system_s) for name in NAMES]
