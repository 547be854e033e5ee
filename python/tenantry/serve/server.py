"""The server itself: where it listens, its token, its end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.safety import is_loopback
from tenantry.serve.app import app
from tenantry.serve.guard import LEAST_TOKEN, App
from tenantry.serve.shelf import Shelf
from tenantry.serve.site import Site

TOKEN = "TENANTRY_SERVE_TOKEN"


def serve(runs: Path, *, host: str, port: int, token: str | None, say: Callable[[str], None]) -> None:
    """Serve the runs in `runs` until Ctrl-C or SIGTERM; `say` is told the address.

    Raises UsageError for a folder or an address that cannot be, EnvironmentFault for a port that is taken.
    """
    if not runs.is_dir():
        raise UsageError("there is no such folder", where=str(runs), hint="`tenantry run` makes it; --runs names another one")
    if token is None and not is_loopback(host):
        hint = f"set {TOKEN}, or name a file that holds the token with --token-file"
        raise UsageError(f"{host} can be reached by others, so a token is needed", where="--host", hint=hint)
    with _listen(host, port) as listener:
        shelf = Shelf(runs)
        try:
            say(_address(listener))
            _run(app(Site(shelf, token)), listener)
        finally:
            shelf.close()


def read_token(file: Path | None) -> str | None:
    """The token of a file, or else of the environment; None without either. Raises UsageError for one that is too short, or no text."""
    where = str(file) if file is not None else TOKEN
    try:
        given = file.read_text("utf-8") if file is not None else os.environ.get(TOKEN)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the token cannot be read: {error}", where=where) from None
    if given is None:
        return None
    token = given.strip()
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        hint = "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        raise UsageError(f"the token must have at least {LEAST_TOKEN} characters, ASCII and without spaces", where=where, hint=hint)
    return token


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise UsageError(f"{host} is no address of this machine: {error.strerror or error}", where="--host") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise EnvironmentFault(
                f"port {port} of {host} is taken", where="--port", hint="name another port, 0 for any free one"
            ) from None
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror or error}", where="--host and --port") from None
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class _Server(uvicorn.Server):
    """Ends at once when asked to: nobody waits for a page that is left open."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True
        self.force_exit = True


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """Whether a message tells more than that the end of the server cut off an answer."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _run(served: App, listener: socket.socket) -> None:
    config = uvicorn.Config(
        served,
        lifespan="off",
        ws="none",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
    asyncio.run(_Server(config).serve(sockets=[listener]))
