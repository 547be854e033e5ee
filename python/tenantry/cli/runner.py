"""What `run` and `ci` do alike: prepare a workload, carry it out, and send its alerts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenantry.errors import UsageError

if TYPE_CHECKING:
    from tenantry.alerts.alerter import Alerter
    from tenantry.config import Config
    from tenantry.observe.settings import Observing
    from tenantry.prepare import Prepared
    from tenantry.run import Finished


def prepared(config: Config, *, tenants: int | None, confirm: str | None, tags: Mapping[str, str]) -> Prepared:
    """The workload of the configuration with its plan, checked; nothing is sent."""
    from tenantry.cli.seeded import check_seeded
    from tenantry.prepare import prepare, shared_out

    if config.workload is None:
        raise UsageError("there is no workload", hint="give FILE.py:WORKLOAD, for example clinic.py:mixed")
    found = prepare(
        config.workload,
        target=config.target,
        overrides=config.overrides,
        tenants=tenants,
        allow=config.allow,
        confirm=confirm,
        environment={name: os.environ[name] for name in ("APP_ENV", "ENVIRONMENT") if name in os.environ},
        tags=tags,
    )
    found = shared_out(found, config.processes)
    check_seeded(found, config)
    return found


def carry_out(ready: Prepared, config: Config, alerts: Alerter | None, *, quiet: bool) -> Finished:
    """The run itself, with a live view on stderr."""
    from tenantry.report.live import LiveView
    from tenantry.run import run_workload

    on_breach = alerts.breach if alerts is not None else None
    watched = observing(config, ready.plan.target)
    with LiveView(quiet=quiet) as view:
        return run_workload(
            ready,
            runs=config.runs,
            command=sys.argv,
            on_progress=view.show,
            on_note=view.note,
            on_breach=on_breach,
            observing=watched,
        )


def observing(config: Config, target: str) -> Observing | None:
    """What `[observe]` names; None when it names nothing. Raises UsageError for a variable that is not set."""
    from tenantry.observe.settings import Observing

    postgres, pgbouncer = (_secret(config, key) for key in ("observe.dsn_env", "observe.pgbouncer_env"))
    metrics = config.values["observe.metrics"].value
    if not (postgres or pgbouncer or metrics):
        return None
    role, setting, pids, silent = (config.values[f"observe.{key}"].value for key in ("app_role", "tenant_setting", "app_pids", "silent"))
    return Observing(postgres, pgbouncer, metrics, target, app_pids=pids, app_role=role, tenant_setting=setting, silent=silent)


def _secret(config: Config, key: str) -> str | None:
    name, origin = config.values[key]
    if name is not None and not os.environ.get(name):
        raise UsageError(f"the environment variable {name} is not set", where=f"{origin}: {key}", hint=f"export {name}=postgresql://...")
    return os.environ[name] if name is not None else None
