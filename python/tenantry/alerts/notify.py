"""Everything that Apprise reaches: Slack, Teams, mail, PagerDuty and so on. The extra `notify` brings it."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from tenantry.alerts.model import Alert, NotDelivered, told

TIMEOUT_S = 20.0
_TYPES = {"critical": "failure", "warning": "warning", "info": "success"}


class Apprise:
    """A channel to one Apprise address; raises ValueError when Apprise does not understand it, ImportError without the extra."""

    def __init__(self, address: str, name: str) -> None:
        # What Apprise logs can hold the address.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._service: Any = import_module("apprise").Apprise()
        if not self._service.add(address):
            raise ValueError("it holds an address that Apprise does not understand")
        self.name = f"apprise {address.partition('://')[0]} ({name})"

    def send(self, alert: Alert) -> None:
        """Raises NotDelivered when Apprise says that it was not taken."""
        try:
            taken = self._service.notify(title=alert.title, body=told(alert), notify_type=_TYPES[alert.severity], timeout=TIMEOUT_S)
        except Exception as error:
            # More than a hundred plug-ins of others, and what any of them raises must not end a run. Its text may hold the address.
            raise NotDelivered(f"{type(error).__name__} in Apprise", again=False) from None
        if not taken:
            raise NotDelivered("it was not taken", again=True)
