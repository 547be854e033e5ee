"""Load without a script: the same request again and again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What virtual users send when no script does: one request an iteration, the URLs in turn.

    `urls` are absolute, each with the name of its series; `expect` are the statuses that are no failure (none: 200 to 399).
    """

    method: str
    urls: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    expect: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for the manifest of the run; without what may be secret: queries, values of headers, the body."""
        return {
            "method": self.method,
            "urls": [url.partition("?")[0] for url, _ in self.urls],
            "headers": [name for name, _ in self.headers],
            "body_bytes": len(self.body),
            "expect": list(self.expect),
        }

    def for_engine(self) -> dict[str, object]:
        """As the engine reads it."""
        body = list(self.body)
        return {"method": self.method, "urls": self.urls, "headers": self.headers, "body": body, "expect": self.expect}
