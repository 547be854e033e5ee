"""What a round cost the server, and how much of both cores went to programs that are no part of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.machine import Cores, busy_s
from benchmarks.nginx import Nginx


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Requests that the server answered, CPU seconds of its worker, and the larger share of a core that others took."""

    served: int
    server_cpu_s: float
    others: float


class Watch:
    """Counters at the start of a round."""

    def __init__(self, server: Nginx, cores: Cores) -> None:
        self._server, self._cores = server, cores
        self._served = server.served()
        self._cpu_s, self._waited_s, self._busy_s = server.cpu_s(), server.waited_s(), busy_s(cores.generator)
        self._begun = time.monotonic()

    def stop(self, generator_cpu_s: float) -> Surroundings:
        """What has happened since, while the generator used that many CPU seconds."""
        lasted = time.monotonic() - self._begun
        waited = self._server.waited_s() - self._waited_s
        foreign = busy_s(self._cores.generator) - self._busy_s - generator_cpu_s
        cpu_s = self._server.cpu_s() - self._cpu_s
        # This second question is itself one of the requests that the server has counted.
        served = self._server.served() - self._served - 1
        return Surroundings(served, cpu_s, max(waited, foreign, 0.0) / lasted)
