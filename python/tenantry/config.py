"""Settings of a project: flags, then `TENANTRY_*`, then `tenantry.toml` or `[tool.tenantry]` in `pyproject.toml`, then defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tenantry.errors import UsageError
from tenantry.plan.faults import raise_all
from tenantry.plan.overrides import parse_overrides
from tenantry.types import did_you_mean
from tenantry.units import NS, duration_ns

MOST_PROCESSES = 512
ALERT_KINDS = ("threshold", "regression", "invalid", "breaker", "missed")


class Key(NamedTuple):
    """One setting: its flag (if it has one), environment variable and default; `read` makes its type of what a file or variable holds."""

    flag: str
    env: str
    default: Any
    read: Callable[[object], Any]
    expected: str


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(_text(part) for part in value)


def _processes(value: object) -> int | None:
    """None is one for each core."""
    if value == "auto":
        return None
    if isinstance(value, (int, str)) and not isinstance(value, bool) and 1 <= int(value) <= MOST_PROCESSES:
        return int(value)
    raise ValueError


def _settings(value: object) -> dict[str, str]:
    if isinstance(value, str):
        return parse_overrides(_texts(value))
    if isinstance(value, (list, tuple)):
        return parse_overrides(str(part) for part in value)
    if not isinstance(value, Mapping) or not all(isinstance(part, (str, int, float)) for part in _flat(value).values()):
        raise ValueError
    return {key: str(part) for key, part in _flat(value).items()}


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """TOML reads `dashboard.rate = "5/s"` as nested tables; an override has the dotted key."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _kinds(value: object) -> tuple[str, ...]:
    found = _texts(value)
    for word in found:
        if word not in ALERT_KINDS:
            raise UsageError(f"alerts.on: {word!r} is no kind of alert", hint=did_you_mean(word, ALERT_KINDS))
    return found


def _variable(value: object) -> str:
    """The name of an environment variable. What is none may be the secret itself, so the message does not repeat it."""
    name = _text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name, re.ASCII):
        raise UsageError("this is no name of an environment variable", hint="put the secret into a variable, and write the variable's name")
    return name


def _variables(value: object) -> tuple[str, ...]:
    return tuple(_variable(part) for part in _texts(value))


def _pids(value: object) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    found = tuple(int(str(part)) for part in parts) if isinstance(parts, list | tuple) else ()
    if not found or min(found) <= 0:
        raise ValueError
    return found


def _paths(value: object) -> tuple[str, ...]:
    found = _texts(value)
    if any("://" in part for part in found):
        raise UsageError("this is an address, not a file", hint="put the address into a file, and write the file's path")
    return found


def _days(value: object) -> float:
    """Seconds of a duration above zero."""
    if not isinstance(value, str):
        raise ValueError
    seconds = duration_ns(value, what="schedule.every") / NS
    if not 0 < seconds < 1e9:
        raise ValueError
    return seconds


KEYS: dict[str, Key] = {
    "target": Key("--target", "TENANTRY_TARGET", None, _text, 'a URL such as "http://127.0.0.1:8000"'),
    "workload": Key("WORKLOAD", "TENANTRY_WORKLOAD", None, _text, 'a workload such as "clinic.py:mixed"'),
    "runs": Key("--runs", "TENANTRY_RUNS", "runs", _text, 'a folder such as "runs"'),
    "dsn_env": Key("", "TENANTRY_DSN_ENV", "DATABASE_URL", _text, 'the name of an environment variable such as "DATABASE_URL"'),
    "safety.allow": Key("", "TENANTRY_SAFETY_ALLOW", (), _texts, 'a list of hosts such as ["staging.example"]'),
    "safety.disposable": Key(
        "", "TENANTRY_SAFETY_DISPOSABLE", (), _texts, 'a list of places such as ["127.0.0.1:8000", "127.0.0.1:5432/shop"]'
    ),
    "run.processes": Key("--processes", "TENANTRY_RUN_PROCESSES", 1, _processes, 'a number of processes, or "auto" for one per core'),
    "run.set": Key("--set", "TENANTRY_RUN_SET", {}, _settings, 'a table such as {rate = "200/s", duration = "30s"}'),
    "alerts.on": Key("", "TENANTRY_ALERTS_ON", None, _kinds, 'a list such as ["threshold", "invalid"]'),
    "alerts.apprise_env": Key("", "TENANTRY_ALERTS_APPRISE_ENV", (), _variables, 'names of environment variables such as ["SLACK_URL"]'),
    "alerts.apprise_files": Key("", "TENANTRY_ALERTS_APPRISE_FILES", (), _paths, 'a list of files such as ["/run/secrets/apprise"]'),
    "alerts.webhook_env": Key(
        "", "TENANTRY_ALERTS_WEBHOOK_ENV", None, _variable, 'the name of an environment variable such as "ALERT_URL"'
    ),
    "alerts.webhook_secret_env": Key(
        "", "TENANTRY_ALERTS_WEBHOOK_SECRET_ENV", None, _variable, 'the name of an environment variable such as "ALERT_SECRET"'
    ),
    "alerts.project": Key("", "TENANTRY_ALERTS_PROJECT", None, _text, 'a name such as "shop"'),
    "observe.dsn_env": Key(
        "--dsn-env", "TENANTRY_OBSERVE_DSN_ENV", None, _variable, 'the name of an environment variable such as "OBSERVE_URL"'
    ),
    "observe.pgbouncer_env": Key(
        "", "TENANTRY_OBSERVE_PGBOUNCER_ENV", None, _variable, 'the name of an environment variable such as "PGBOUNCER_URL"'
    ),
    "observe.metrics": Key("", "TENANTRY_OBSERVE_METRICS", (), _texts, 'a list of addresses such as ["http://127.0.0.1:8000/metrics"]'),
    "observe.app_pids": Key("", "TENANTRY_OBSERVE_APP_PIDS", (), _pids, "a list of process ids such as [4711, 4712]"),
    "observe.app_role": Key("", "TENANTRY_OBSERVE_APP_ROLE", None, _text, 'the name of a role such as "app"'),
    "observe.tenant_setting": Key("", "TENANTRY_OBSERVE_TENANT_SETTING", None, _text, 'the name of a setting such as "app.tenant_id"'),
    "observe.silent": Key("", "TENANTRY_OBSERVE_SILENT", (), _texts, 'a list of findings such as ["noisy_tenant"]'),
    "schedule.every": Key("", "TENANTRY_SCHEDULE_EVERY", None, _days, 'a duration such as "7d"'),
}
_TABLES = ("safety", "run", "observe", "alerts", "schedule")
_SECRETS = ("dsn", "database_url", "password", "token", "secret")


class Value(NamedTuple):
    """A setting and where it comes from: a flag, an environment variable, a file with line, or `default`."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """`[alerts]`: kinds, names of variables and files that hold the secrets, and the project that the alerts are about."""

    on: tuple[str, ...]
    apprise_env: tuple[str, ...]
    apprise_files: tuple[str, ...]
    webhook_env: str | None
    webhook_secret_env: str | None
    project: str


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of this invocation; `values` has all of `KEYS`, each with its origin.

    `dsn` is the connection string from the environment variable that `dsn_env` names, None when that is not set.
    """

    values: Mapping[str, Value]
    file: Path | None
    dsn: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str | None:
        value: str | None = self.values["target"].value
        return value

    @property
    def workload(self) -> str | None:
        """`FILE.py:NAME`; a path in a configuration file is relative to that file."""
        value: str | None = self.values["workload"].value
        return value

    @property
    def runs(self) -> Path:
        """The folder of the run folders; in a configuration file relative to that file."""
        return Path(self.values["runs"].value)

    @property
    def allow(self) -> tuple[str, ...]:
        """Hosts other than this machine that may be put under load."""
        value: tuple[str, ...] = self.values["safety.allow"].value
        return value

    @property
    def disposable(self) -> tuple[str, ...]:
        """Places, `HOST:PORT` of apps and `HOST:PORT/DATABASE`, in which experiments may change something."""
        value: tuple[str, ...] = self.values["safety.disposable"].value
        return value

    @property
    def processes(self) -> int | None:
        """How many load processes; None is one for each core."""
        value: int | None = self.values["run.processes"].value
        return value

    @property
    def alerts(self) -> Alerts:
        """Which alerts are sent, and where to."""
        value = {key.removeprefix("alerts."): found.value for key, found in self.values.items() if key.startswith("alerts.")}
        place = self.file.parent if self.file is not None else Path.cwd()
        project = value.pop("project") or place.resolve().name or "tenantry"
        return Alerts(**{**value, "on": ALERT_KINDS if value["on"] is None else value["on"]}, project=project)

    @property
    def schedule_s(self) -> float | None:
        """Seconds from one scheduled run to the next; None without a schedule."""
        value: float | None = self.values["schedule.every"].value
        return value

    @property
    def overrides(self) -> dict[str, str]:
        """`--set` and its like, merged key by key."""
        return dict(self.values["run.set"].value)


def load_config(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Config:
    """The settings for `folder` (default: the working directory); a flag of None was not given. Raises all faults together."""
    file = find_file(folder or Path.cwd())
    faults: list[UsageError] = []
    in_file = _read_file(file, faults) if file else {}
    environ = os.environ if environ is None else environ
    layers = [
        {key: Value(value, KEYS[key].flag) for key, value in (flags or {}).items() if value is not None and value != ()},
        {key: Value(environ[entry.env], entry.env) for key, entry in KEYS.items() if environ.get(entry.env)},
        in_file,
        {key: Value(entry.default, "default") for key, entry in KEYS.items()},
    ]
    values = {key: resolve(key, layers, faults) for key in KEYS}
    _check_webhook(values, faults)
    raise_all(faults)
    final = {key: _relative(key, value, file) for key, value in values.items()}
    return Config(final, file, environ.get(final["dsn_env"].value))


def _check_webhook(values: Mapping[str, Value], faults: list[UsageError]) -> None:
    """A webhook is signed, always: whoever gets the alerts has to know whom they come from."""
    address, secret = values["alerts.webhook_env"], values["alerts.webhook_secret_env"]
    if address.value is not None and secret.value is None and secret.origin == "default":
        hint = 'name the variable that holds the secret, for example webhook_secret_env = "ALERT_SECRET"'
        faults.append(UsageError("alerts.webhook_env is there without alerts.webhook_secret_env", where=address.origin, hint=hint))


def resolve(key: str, layers: list[dict[str, Value]], faults: list[UsageError]) -> Value:
    """The value of the first layer that has the key; tables are merged key by key, the first layer winning."""
    given = [_parsed(key, layer[key], faults) for layer in layers if key in layer]
    if key != "run.set":
        return given[0]
    merged: dict[str, str] = {}
    for value in reversed(given):
        merged |= value.value
    return Value(merged, ", ".join(value.origin for value in given if value.value) or "default")


def find_file(folder: Path) -> Path | None:
    """The nearest `tenantry.toml`, or `pyproject.toml` with `[tool.tenantry]`, in `folder` or above it."""
    for place in (folder.resolve(), *folder.resolve().parents):
        if (own := place / "tenantry.toml").is_file():
            return own
        shared = place / "pyproject.toml"
        if shared.is_file() and re.search(r"^\s*\[\s*tool\s*\.\s*tenantry\b", shared.read_text("utf-8", "replace"), re.MULTILINE):
            return shared
    return None


def _parsed(key: str, value: Value, faults: list[UsageError]) -> Value:
    entry = KEYS[key]
    if value.origin == "default":
        return value
    try:
        return Value(entry.read(value.value), value.origin)
    except ValueError:
        faults.append(UsageError(f"{key} is {value.value!r}", where=value.origin, hint=f"give it {entry.expected}"))
    except UsageError as fault:
        where = fault.where if fault.where.startswith(value.origin) else ": ".join(filter(None, [value.origin, fault.where]))
        faults.append(UsageError(fault.what, where=where, hint=fault.hint))
    return Value(entry.default, "default")


def _read_file(file: Path, faults: list[UsageError]) -> dict[str, Value]:
    """The known keys of a configuration file, each with file and line; notes the unknown ones."""
    import tomllib

    text = file.read_text("utf-8", "replace")
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{file}:{line[1]}" if line else str(file)
        raise UsageError(f"this is not TOML: {error}", where=where, hint="repair that line") from None
    if file.name == "pyproject.toml":
        table = table["tool"]["tenantry"]
    found: dict[str, Value] = {}
    for key, value in _entries(table, file, text, faults):
        where = f"{file}:{_line(text, key)}"
        if key in KEYS:
            found[key] = Value(value, where)
        else:
            faults.append(UsageError(f"unknown key {key!r}", where=where, hint=_suggest(key)))
    return found


def _entries(table: Mapping[str, object], file: Path, text: str, faults: list[UsageError]) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    for key, value in table.items():
        if key in _TABLES and isinstance(value, Mapping):
            entries += [(f"{key}.{inner}", part) for inner, part in value.items()]
        elif key in _TABLES:
            where = f"{file}:{_line(text, key)}"
            faults.append(UsageError(f"{key} is {value!r}, not a table", where=where, hint=f"write [{key}] on a line of its own"))
        else:
            entries.append((key, value))
    return entries


def _suggest(key: str) -> str:
    near = did_you_mean(key, list(KEYS))
    if not any(word in key.lower() for word in _SECRETS):
        return near
    told = 'secrets come from the environment: name the variable, for example dsn_env = "DATABASE_URL"'
    return f"{told}; {near}" if near.startswith("did you mean") else told


def _line(text: str, key: str) -> int:
    """The line that gives a key, as well as can be told without a parser that knows lines."""
    name = re.escape(key.rpartition(".")[2])
    match = re.search(rf"^\s*(?:\[[^\]]*\b{name}\s*\]|(?:[\w.]+\.)?[\"']?{name}[\"']?\s*=)", text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 1


def _relative(key: str, value: Value, file: Path | None) -> Value:
    """Paths in a configuration file count from the file's folder."""
    from_file = file is not None and value.origin.startswith(f"{file}:")
    if not from_file or file is None:
        return value
    if key == "alerts.apprise_files":
        return Value(tuple(str(file.parent / path) for path in value.value), value.origin)
    if not (key == "runs" or (key == "workload" and ".py" in value.value)):
        return value
    return Value(str(file.parent / value.value), value.origin)
