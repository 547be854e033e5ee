"""What is watched during a run, and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field

ACTIVITY_HZ = 10.0
COUNTERS_S = 5.0


@dataclass(frozen=True, slots=True)
class Observing:
    """The places that probes read; what is not named is not watched.

    `postgres` is the DSN of a role that may see all sessions (`pg_monitor`), on a direct connection; `pgbouncer` that of the pooler's
    console. `metrics` are addresses in Prometheus' text format. The processes of the app are those that listen on the port of `target`, if
    that is on this machine, and `app_pids`. Statements are explained as `app_role` with `tenant_setting` set, by default the role that most
    sessions have and the setting that the policies read. `silent` names the findings that nobody wants to hear of;
    `loads`: the process that starts the observer puts load on the target.
    """

    postgres: str | None = field(default=None, repr=False)
    pgbouncer: str | None = field(default=None, repr=False)
    metrics: tuple[str, ...] = ()
    target: str = ""
    app_pids: tuple[int, ...] = ()
    app_role: str | None = None
    tenant_setting: str | None = None
    silent: tuple[str, ...] = ()
    activity_hz: float = ACTIVITY_HZ
    counters_s: float = COUNTERS_S
    loads: bool = True
