"""The channels that the configuration names, with the secrets of the environment and of files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tenantry.alerts.model import Channel
from tenantry.alerts.notify import Apprise
from tenantry.alerts.webhook import Webhook
from tenantry.config import Alerts

Note = Callable[[str], None]


def channels(settings: Alerts, environ: Mapping[str, str], note: Note, *, clock: Callable[[], float] = time.time) -> list[Channel]:
    """All channels that can be made; `note` gets a sentence on each that cannot, without its secret."""
    found: list[Channel] = []
    if settings.webhook_env is not None:
        found += _made(settings.webhook_env, note, partial(_webhook, settings, environ, clock))
    for name, addresses in _apprise(settings, environ, note):
        for address in addresses:
            found += _made(name, note, partial(Apprise, address, name))
    return found


def _made(name: str, note: Note, make: Callable[[], Channel]) -> list[Channel]:
    try:
        return [make()]
    except ValueError as fault:
        note(f"no alerts by {name}: {fault}")
    except ImportError:
        note(f"no alerts by {name}: Apprise is not installed; pip install 'tenantry[notify]'")
    return []


def _webhook(settings: Alerts, environ: Mapping[str, str], clock: Callable[[], float]) -> Webhook:
    address, secret = (environ.get(name or "", "").strip() for name in (settings.webhook_env, settings.webhook_secret_env))
    if not address:
        raise ValueError("the environment variable is not set")
    if not secret:
        raise ValueError(f"the environment variable {settings.webhook_secret_env} is not set, so nothing could be signed")
    return Webhook(address, secret, clock=clock)


def _apprise(settings: Alerts, environ: Mapping[str, str], note: Note) -> Iterator[tuple[str, list[str]]]:
    """The addresses by the name of what holds them; a file has one on each line, and lines that begin with # are none."""
    for name in settings.apprise_env:
        if not (found := environ.get(name, "").split()):
            note(f"no alerts by {name}: the environment variable is not set")
        yield name, found
    for path in settings.apprise_files:
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            note(f"no alerts by {path}: it cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}")
            continue
        yield path, [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
