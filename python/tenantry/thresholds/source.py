"""What a threshold asks of a run; `tenantry.results` answers for a stored run, the run loop for a running one.

`metric` is a name of `tenantry.metrics.builtin.METRICS` or one that the workload declares, `tags` pick by tags that this metric has (none:
everything). `start_s` (included) and `end_s` (excluded, None: to the end) are whole seconds since the run's start; a sample belongs to the
second that its row in the run folder carries. Sliding windows ask once per second of the run: answers should come from memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tenantry.metrics.selector import Selectors


class Trend(Protocol):
    """The distribution of a trend metric over a span of time; values in seconds. There is at least one sample."""

    @property
    def n(self) -> int: ...

    @property
    def avg(self) -> float: ...

    @property
    def max(self) -> float: ...

    def quantile(self, q: float, /) -> float:
        """The quantile `q`, 0 < q <= 1 (0.95 for p95), from the merged histogram."""
        ...

    def at_rank(self, rank: int, /) -> float:
        """The value of a rank, from 1 to `n`, from the merged histogram."""
        ...


class Source(Protocol):
    """The measured values of one run."""

    @property
    def duration_s(self) -> float:
        """Seconds of load so far, or of the whole run: what rates per second are divided by."""
        ...

    def trend(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> Trend | None:
        """`response_time`, `service_time`, `start_delay`, `iteration_duration` or `hand_over`; None without a sample."""
        ...

    def share(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> tuple[int, int]:
        """`failures`: (failed requests, requests); `checks`: (checks that held, checks). (0, 0) without a sample."""
        ...

    def count(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> float | None:
        """How many events of a counter metric fell in the span.

        `throughput`: requests without failure; `started_rate`: iterations begun. 0 when there were none although the series is there;
        None when the whole run has nothing that fits the tags (a `name` that was never requested).
        """
        ...

    def value(self, metric: str, tags: Selectors, /) -> float | None:
        """A gauge over the whole run (`tenant_p95_ratio`); None when the run cannot tell."""
        ...

    def steady_span(self) -> tuple[int, int] | str:
        """The whole seconds of the steady state, from (included) and to (excluded), or why there is none."""
        ...

    def stage_span(self, number: int, runs: Callable[[str], bool], /) -> tuple[int, int] | str:
        """The whole seconds of stage `number` (from 1) of the streams with a scenario that `runs`, or why there are none."""
        ...
