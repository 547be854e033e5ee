"""A webhook: the alert as JSON, signed, so that the receiver knows whom it comes from and that it is no old one.

`Tenantry-Signature: v1=HEX` is the HMAC-SHA256, with the shared secret, of the time stamp of `Tenantry-Timestamp` (seconds since 1970), a
full stop, and the body as it was sent.
"""

from __future__ import annotations

import hmac
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tenantry import __version__
from tenantry.alerts.model import Alert, NotDelivered

TIMEOUT_S = 10.0
_TRY_AGAIN = (408, 425, 429)


class Webhook:
    """A channel that POSTs to an address over HTTP; redirects are not followed, for the signature is meant for this address."""

    def __init__(self, address: str, secret: str, *, clock: Callable[[], float], timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it holds no address that begins with https://")
        self.name = f"webhook at {parts.hostname}"
        self._address, self._secret, self._clock, self._timeout_s = address, secret.encode(), clock, timeout_s
        self._opener = urllib.request.build_opener(_Stay)

    def send(self, alert: Alert) -> None:
        """Raises NotDelivered unless the answer is 2xx."""
        body = msgspec.json.encode(alert)
        request = urllib.request.Request(self._address, data=body, headers=self._headers(alert, body), method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise NotDelivered(f"it answered {error.code}", again=error.code >= 500 or error.code in _TRY_AGAIN) from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise NotDelivered(f"it cannot be reached: {_plain(reason)}", again=True) from None

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        moment = str(int(self._clock()))
        signature = hmac.new(self._secret, f"{moment}.".encode() + body, "sha256").hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": f"tenantry/{__version__}",
            "Tenantry-Event": f"{alert.kind}.{alert.status}",
            "Tenantry-Timestamp": moment,
            "Tenantry-Signature": f"v1={signature}",
        }


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect is an answer that is not 2xx."""
        return


def _plain(reason: object) -> str:
    """The system's own words; never the address, which may hold a secret."""
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__
