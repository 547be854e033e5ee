"""The error tree of tenantry and the one table of exit codes.

    TenantryError
    ├── UsageError          2   a flag, a configuration value or a scenario file is wrong
    │   └── UnsafeTarget    2   a host that the safety rules do not allow
    ├── TargetError        13   the app under test is unreachable, unhealthy, or its setup failed: no load was sent
    ├── EnvironmentFault    2   the machine lacks something: a Postgres, disk space, a port
    ├── PopulationError     2   the database does not take the dataset, or does not hold it
    └── Interrupted       130   the user pressed Ctrl-C

    AppFailure (CheckFailed, RequestFailed) is not a TenantryError: it is the app's, raised inside a scenario,
    and ends that iteration as failed, not as an error of the script. OutOfData ends a virtual user.

Only `tenantry.cli` turns an error into an exit code.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    PASS = 0
    INTERNAL = 1
    USAGE = 2
    THRESHOLD = 10
    REGRESSION = 11
    INVALID = 12
    TARGET = 13
    ABORTED = 14
    NO_DATA = 15
    INTERRUPTED = 130


class TenantryError(Exception):
    """A fault that a user can act on: what is wrong, where (file, line, key, host), and what to do."""

    exit = Exit.USAGE

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  help: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{remedy}"


class UsageError(TenantryError):
    """A flag, a configuration value or a scenario file is wrong."""


class UsageErrors(UsageError):
    """Several faults of one configuration, reported together."""

    def __init__(self, faults: list[UsageError]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class UnsafeTarget(UsageError):
    """A host that the safety rules do not allow."""


class EnvironmentFault(TenantryError):
    """The machine lacks something: a Postgres, disk space, a port."""


class PopulationError(TenantryError):
    """The database does not take the dataset, or does not hold what it should."""


class TargetError(TenantryError):
    """The app under test is unreachable, unhealthy, or its setup failed: no load was sent."""

    exit = Exit.TARGET


class Interrupted(TenantryError):
    """The user pressed Ctrl-C."""

    exit = Exit.INTERRUPTED


class OutOfData(Exception):
    """A feeder with `on_end="stop"` has no more rows: the virtual user that asked ends, and so does its iteration, uncounted."""


class AppFailure(Exception):
    """The app failed inside a scenario; the iteration ends as failed, not as an error of the script."""


class CheckFailed(AppFailure):
    """`Response.expect` was not met."""


class RequestFailed(AppFailure):
    """The content of a response was asked for, but the request failed."""
