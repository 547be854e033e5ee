"""What Python itself costs per call of the scenario API, with an engine that does nothing."""

from __future__ import annotations

from timeit import repeat
from typing import Any

from tenantry import Vu


class _Idle:
    """A session that answers nothing."""

    def request(self, *positional: object, **named: object) -> None:
        return None

    def check(self, *positional: object) -> None:
        return None

    def pause(self, seconds: float) -> None:
        return None


def overhead_ns(calls: int = 100_000) -> dict[str, float]:
    """Nanoseconds per call, the best of seven series: the call of the scenario API less a bare call of the session."""
    session: Any = _Idle()
    vu = Vu(session)
    cases = {
        'vu.get("/item")': (lambda: vu.get("/item"), lambda: session.request("GET", "/item")),
        'vu.get("/items/{id}", id=7)': (lambda: vu.get("/items/{id}", id=7), lambda: session.request("GET", "/items/7", name="x")),
        'vu.post("/items", json={...})': (lambda: vu.post("/items", json={"id": 7}), lambda: session.request("POST", "/items", body=b"")),
        'vu.check("name", True)': (lambda: vu.check("name", True), lambda: session.check("name", True)),
    }
    best = {name: [min(repeat(call, number=calls, repeat=7)) for call in pair] for name, pair in cases.items()}
    return {name: 1e9 * (with_api - bare) / calls for name, (with_api, bare) in best.items()}


def table(found: dict[str, float]) -> str:
    """Lines for people."""
    return "\n".join(f"  {name:<32}{ns:>8.0f} ns" for name, ns in found.items())
