"""The cookies of a virtual user, as its browser would keep them."""

from __future__ import annotations

from tenantry.errors import UsageError
from tenantry.scenario.session import Session


class Cookies:
    """`vu.cookies`: responses set them, requests carry them, each to its host and path until it expires."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self, url: str = "/") -> dict[str, str]:
        """Those that a request to `url` would carry."""
        return dict(self._session.cookies(url))

    def get(self, name: str, url: str = "/") -> str | None:
        """The value of one of them."""
        return self.all(url).get(name)

    def set(self, name: str, value: str, url: str = "/") -> None:
        """Set one for the whole host of `url`. Raises UsageError when the workload keeps no cookies, or it cannot be one."""
        if not self._session.set_cookie(name, value, url):
            raise UsageError(f"the cookie {name!r} cannot be set", hint="its value must be one, and the workload must keep cookies")

    def clear(self) -> None:
        """Forget all: a new visitor."""
        self._session.clear_cookies()
