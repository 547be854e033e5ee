"""Sending: again and again with growing pauses while a channel may yet take it, and never a word of it to the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tenantry.alerts.model import Alert, Channel, NotDelivered

PAUSES_S = (1.0, 2.0, 4.0)


class Sender:
    """Sends alerts to all channels in turn. A channel that failed for good is not tried again, so that a dead one costs its time once."""

    def __init__(self, channels: Sequence[Channel], note: Callable[[str], None], *, sleep: Callable[[float], None]) -> None:
        self._channels, self._note, self._sleep = list(channels), note, sleep
        self._gone: set[int] = set()

    def send(self, alert: Alert) -> bool:
        """Whether any channel took it; each that did not is noted."""
        taken = [self._to(number, channel, alert) for number, channel in enumerate(self._channels)]
        return any(taken)

    def _to(self, number: int, channel: Channel, alert: Alert) -> bool:
        if number in self._gone:
            self._note(f"an alert was not sent by {channel.name}, which failed before: {alert.title}")
            return False
        for pause_s in (*PAUSES_S, None):
            try:
                channel.send(alert)
            except NotDelivered as fault:
                if fault.again and pause_s is not None:
                    self._sleep(pause_s)
                    continue
                self._gone.add(number)
                self._note(f"an alert was not sent by {channel.name}: {fault}: {alert.title}")
                return False
            return True
        return False
