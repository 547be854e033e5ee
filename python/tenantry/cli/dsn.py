"""Which database a command works on."""

from __future__ import annotations

from urllib.parse import urlsplit

from tenantry.config import Config, load_config
from tenantry.errors import UsageError


def named_dsn(flag: str | None) -> tuple[str | None, Config]:
    """The DSN of the flag or the environment, if there is one; raises UsageError for a password in the flag."""
    config = load_config()
    if flag is not None and urlsplit(flag).password is not None:
        name = config.values["dsn_env"].value
        raise UsageError("everybody on this machine can read a password in a flag", where="--dsn", hint=f"export {name}=... in place of it")
    return flag or config.dsn, config


def find_dsn(flag: str | None) -> tuple[str, tuple[str, ...]]:
    """The DSN of the flag or the environment, and the hosts that configuration allows; raises UsageError when there is no DSN."""
    dsn, config = named_dsn(flag)
    if not dsn:
        name = config.values["dsn_env"].value
        raise UsageError(
            "there is no database", where=name, hint=f"export {name}=postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or give --dsn"
        )
    return dsn, config.allow
