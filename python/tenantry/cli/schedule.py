"""`tenantry schedule --systemd`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from tenantry.errors import EnvironmentFault, UsageError

WEEK_S, DAY_S = 604_800, 86_400


@click.command()
@click.option("--systemd", is_flag=True, help="Write a service and a timer for systemd.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="here", help="Folder to write to.")
@click.option("--force", is_flag=True, help="Also over files that are there.")
def command(systemd: bool, out: Path, force: bool) -> None:
    """Write what runs `tenantry ci` by a schedule on this machine: every `schedule.every` of the configuration, or every week."""
    from tenantry.config import load_config

    if not systemd:
        raise UsageError("it is not said for what", where="schedule", hint="give --systemd; `tenantry init --ci` is for GitHub and GitLab")
    config = load_config()
    place = (config.file.parent if config.file is not None else Path.cwd()).resolve()
    name = "tenantry-" + (re.sub(r"[^A-Za-z0-9_.-]+", "-", config.alerts.project).strip("-") or "ci")
    files = {f"{name}.service": service(place, name), f"{name}.timer": timer(place, config.schedule_s or WEEK_S)}
    there = [str(out / file) for file in files if (out / file).exists() and not force]
    if there:
        raise UsageError(f"{' and '.join(there)}: there already, and left alone", hint="give another folder with --out, or --force")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (out / file).write_text(text, encoding="utf-8")
            click.echo(str(out / file))
    except OSError as error:
        raise EnvironmentFault(f"it cannot be written: {error.strerror}", where=str(out), hint="give another folder with --out") from None
    click.echo(f"next: secrets into ~/.config/tenantry/{name}.env, then", err=True)
    unit = out.resolve() / name
    click.echo(f"  systemctl --user link {unit}.service && systemctl --user enable --now {unit}.timer", err=True)
    click.echo("  loginctl enable-linger, so that it runs while you are logged out", err=True)


def service(place: Path, name: str) -> str:
    """The unit that runs `tenantry ci` once, in the folder of the project."""
    return f"""\
[Unit]
Description=Load test of {_literal(place.name)}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={_literal(str(place))}
EnvironmentFile=-%h/.config/tenantry/{name}.env
ExecStart={_quoted(sys.executable)} -m tenantry ci --scheduled --quiet
"""


def timer(place: Path, every_s: float) -> str:
    """The unit that starts it: a week and a day by the calendar, so that it is always the same hour; else so long after the last time."""
    calendar = {WEEK_S: "Mon *-*-* 04:37:00", DAY_S: "*-*-* 04:37:00"}.get(int(every_s))
    when = f"OnCalendar={calendar}\nPersistent=true" if calendar else f"OnBootSec=5min\nOnUnitActiveSec={every_s:.0f}s"
    return f"""\
[Unit]
Description=Load test of {_literal(place.name)} by schedule

[Timer]
{when}
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
"""


def _literal(text: str) -> str:
    """A value in which nothing is a specifier, on one line."""
    return " ".join(text.split("\n")).replace("%", "%%")


def _quoted(path: str) -> str:
    """A word of a command line: no specifier, no variable, no escape."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
