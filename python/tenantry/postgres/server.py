"""A throwaway Postgres: a server of our own in a temporary folder, on a free port of the loopback address."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tenantry.errors import EnvironmentFault
from tenantry.postgres.find import Source
from tenantry.processes import Account, Child, Guard, accepts_tcp, free_port, run_as, start, tail, undisturbed

FREE_BYTES = 300_000_000
SUPERUSER = "postgres"
# Speed in place of durability: nothing here outlives the run. Sized for a laptop, not for a server.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "track_io_timing": "on",
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}
# The superuser can run programs as the server's account, so it has a password; any other role reaches generated data alone.
_ACCESS = f"host all {SUPERUSER} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server: the superuser's `dsn`, and where it came from. `folder` and `pid` are None for a server of the user's."""

    dsn: str = field(repr=False)
    source: Source
    folder: Path | None = None
    pid: int | None = None


@contextlib.contextmanager
def start_postgres(
    source: Source,
    *,
    max_connections: int = 100,
    settings: Mapping[str, str] | None = None,
    parent: Path | None = None,
) -> Iterator[Postgres]:
    """Run a server for the length of the `with` block; its process and folder are gone afterwards, even if we are killed.

    With a DSN as source nothing is started. Raises EnvironmentFault, with the end of the server's log, when it does not start.
    """
    if source.kind == "dsn":
        yield Postgres(source.dsn, source)
        return
    account = _account()
    guard = undisturbed(lambda: Guard(folder=_folder(account, parent), stop_signal=signal.SIGQUIT), Guard.release)
    try:
        folder = guard.folder
        assert folder is not None
        binaries = _reachable_binaries(source, folder, account)
        password = secrets.token_urlsafe(18)
        _initialise(binaries, folder, account, password, guard)
        preload = {"shared_preload_libraries": "'pg_stat_statements'"} if source.has_pg_stat_statements else {}
        _configure(folder, {**SETTINGS, "max_connections": str(max_connections), **preload, **(settings or {})})
        server, port = _serve(binaries, folder, account, guard)
        with server:
            yield Postgres(f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres", source, folder, server.process.pid)
    finally:
        guard.release()


def _account() -> Account | None:
    """Whom to run the server as: ourselves, or, since Postgres refuses root, `postgres`, `nobody` or any other account."""
    if os.geteuid() != 0:
        return None
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    rank = {"postgres": 0, "nobody": 1}
    others.sort(key=lambda entry: (rank.get(entry.pw_name, 2), -entry.pw_uid))
    if not others:
        raise EnvironmentFault("Postgres does not run as root and there is no other account", hint="useradd --system postgres")
    return Account(others[0].pw_name, others[0].pw_uid, others[0].pw_gid)


def _folder(account: Account | None, parent: Path | None) -> Path:
    """A new folder, owned by the account, in the first temporary place that the account can reach."""
    places = [parent] if parent else [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    place = next((place for place in places if place.is_dir() and _may_enter(place, account)), None)
    if place is None:
        whom = account.name if account else "this user"
        raise EnvironmentFault(f"no temporary folder that {whom} can enter: {', '.join(map(str, places))}", hint="set TMPDIR")
    free = shutil.disk_usage(place).free
    if free < FREE_BYTES:
        raise EnvironmentFault(
            f"{free // 1_000_000} MB free, a throwaway Postgres needs {FREE_BYTES // 1_000_000} MB",
            where=str(place),
            hint="free some disk space, or point TMPDIR to another disk",
        )
    folder = Path(tempfile.mkdtemp(prefix="tenantry-pg-", dir=place))
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _may_enter(place: Path, account: Account | None) -> bool:
    return _runs(["/bin/sh", "-c", 'cd "$1"', "sh", str(place)], account)


def _runs(command: list[str], account: Account | None) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, **run_as(account)).returncode == 0
    except PermissionError as error:
        if account is not None and error.errno == errno.EPERM:
            what = f"Postgres does not run as root, and this root may not start a process as {account.name}"
            raise EnvironmentFault(what, hint="run as an ordinary user, or name a running server with --dsn") from error
        return False


def _reachable_binaries(source: Source, folder: Path, account: Account | None) -> Path:
    """The folder of binaries, or a copy of the wheel's where the account cannot reach them (a virtual environment in root's home)."""
    if _runs([str(source.bin / "postgres"), "--version"], account):
        return source.bin
    if source.kind != "wheel":
        whom = account.name if account else "this user"
        raise EnvironmentFault(f"{whom} cannot run the server", where=str(source.bin), hint="install Postgres where every user can run it")
    installation, package = source.bin.parent, source.bin.parents[1]
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"


def _environment() -> dict[str, str]:
    """Ours, without what would point Postgres elsewhere or translate its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _initialise(binaries: Path, folder: Path, account: Account | None, password: str, guard: Guard) -> None:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if account is not None:
        os.chown(secret, account.uid, account.gid)
    options = [f"--username={SUPERUSER}", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(binaries / "initdb"), f"--pgdata={folder / 'data'}", *options]
    # A process group of its own: interrupted, initdb leaves servers behind that go on writing.
    made = start(command, name="initdb", log=folder / "initdb.log", env=_environment(), account=account, guard=guard)
    with made:
        failed = made.process.wait() != 0
    secret.unlink()
    if failed:
        raise _fault("initdb failed", made.tail(10), folder)


def _configure(folder: Path, settings: Mapping[str, str]) -> None:
    data = folder / "data"
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in settings.items())
    (data / "pg_hba.conf").write_text(_ACCESS)


def _serve(binaries: Path, folder: Path, account: Account | None, guard: Guard) -> tuple[Child, int]:
    """The server, ready, and its port; another port when somebody took the free one meanwhile."""
    log = folder / "postgres.log"
    for turns_left in (2, 1, 0):
        port = free_port()
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        log.unlink(missing_ok=True)
        server = start(command, name="Postgres", log=log, env=_environment(), account=account, guard=guard, stop_signal=signal.SIGQUIT)
        try:
            server.wait_until(partial(_is_ready, folder, port), timeout_s=60)
        except EnvironmentFault as fault:
            server.stop()
            if turns_left and "could not bind" in fault.what:
                continue
            raise _fault("Postgres did not start", tail(log), folder) from fault
        except BaseException:
            server.stop()
            raise
        return server, port
    raise AssertionError("the last turn returns or raises")


def _is_ready(folder: Path, port: int) -> bool:
    """The eighth line of postmaster.pid is the server's own word; the connect proves that the port is its."""
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and accepts_tcp(port)


def _fault(what: str, lines: str, folder: Path) -> EnvironmentFault:
    if any(words in lines for words in ("No space left on device", "Check free disk space")):
        return EnvironmentFault(f"{what}: the disk is full\n{lines}", where=str(folder.parent), hint="free some space, or set TMPDIR")
    return EnvironmentFault(f"{what}\n{lines}", where=str(folder.parent))
