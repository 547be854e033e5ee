"""Which database a command works on."""

from __future__ import annotations

from tenantry.config import load_config
from tenantry.errors import UsageError


def find_dsn(flag: str | None) -> tuple[str, tuple[str, ...]]:
    """The DSN of the flag or the environment, and the hosts that configuration allows; raises UsageError when there is no DSN."""
    config = load_config()
    dsn = flag or config.dsn
    if not dsn:
        name = config.values["dsn_env"].value
        raise UsageError(
            "there is no database", where=name, hint=f"export {name}=postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or give --dsn"
        )
    return dsn, config.allow
