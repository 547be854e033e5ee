"""`tenantry quick URL...`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from tenantry.cli import options


@click.command()
@click.argument("urls", metavar="URL...", nargs=-1)
@click.option("--rate", "-q", metavar="RATE", help="Requests started per time, such as 500/s, whatever the answers (open).")
@click.option(
    "--vus", "-c", metavar="N", help="Virtual users, each sending its next request after the last answer (closed).  [default: 50]"
)
@click.option("--duration", "-z", metavar="TIME", help="How long.  [default: 10s]")
@click.option("--requests", "-n", metavar="N", help="How many requests in all; at most as long as --duration.")
@click.option("--max-vus", metavar="N", help="With --rate: how many requests may wait for an answer at once.  [default: 1000]")
@click.option("--method", "-m", metavar="NAME", help="Method.  [default: GET, with a body POST]")
@click.option("--body", "-d", metavar="TEXT|@FILE", help="What is sent with each request.")
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'|@FILE", help="A header; @FILE has one a line.")
@click.option("--expect", metavar="STATUS,...", help="Statuses that are no failure.  [default: 200 to 399]")
@click.option("--threshold", "thresholds", multiple=True, metavar="TEXT", help="Such as 'response_time p95 < 200ms'.")
@click.option("--timeout", "-t", metavar="TIME", default="60s", show_default=True, help="Longest time for one request.")
@click.option("--redirects", metavar="N|none", default="none", show_default=True, help="How many redirects are followed.")
@click.option("--http1.1", "http1", is_flag=True, help="Speak HTTP/1.1, even where a TLS server offers HTTP/2.")
@click.option("--http2", is_flag=True, help="Speak HTTP/2, without TLS as well.")
@click.option("--insecure", "-k", is_flag=True, help="Trust every certificate.")
@click.option("--no-keep-alive", is_flag=True, help="Make a connection for each request.")
@options.processes
@click.option("--name", metavar="NAME", default="quick", show_default=True, help="Name of the run.")
@click.option("--rng-seed", metavar="N", default="1", show_default=True, help="Stored with the run.")
@options.runs
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    runs: Path | None, yes_production: str | None, as_json: bool, quiet: bool, no_keep_alive: bool, processes: str | None, **wishes: Any
) -> int:
    """Put load on one URL, or on several in turn, without a script.

    \b
    tenantry quick http://127.0.0.1:8000/ --rate 500/s --duration 30s
    tenantry quick http://127.0.0.1:8000/ --vus 50 --requests 10000

    \b
    Exit code: 0 pass, 2 wrong usage, 10 a threshold failed, 12 the run is
    invalid, 13 the target is unreachable, 14 stopped early, 15 no data,
    130 interrupted.
    """
    from tenantry.cli.result import show
    from tenantry.config import load_config
    from tenantry.prepare import shared_out
    from tenantry.quick import Wish, prepare_quick, without_secrets
    from tenantry.report.live import LiveView
    from tenantry.run import run_workload

    wish = Wish(**wishes, keep_alive=not no_keep_alive)
    config = load_config({"runs": str(runs) if runs else None, "run.processes": processes})
    prepared = prepare_quick(
        wish,
        allow=config.allow,
        confirm=yes_production,
        environment={name: os.environ[name] for name in ("APP_ENV", "ENVIRONMENT") if name in os.environ},
    )
    prepared = shared_out(prepared, config.processes)
    command = without_secrets(sys.argv, wish)
    with LiveView(quiet=quiet) as view:
        finished = run_workload(prepared, runs=config.runs, command=command, on_progress=view.show, on_note=view.note)
    return show(finished, as_json=as_json)
