"""`tenantry plan FILE:WORKLOAD`."""

from __future__ import annotations

import re
import sys

import click

from tenantry.errors import UsageError


@click.command()
@click.argument("workload", required=False)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as rate=200/s.")
@click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]")
@click.option("--share", metavar="I/N", help="Only the I-th of N equal shares, from 1/N to N/N.")
@click.option("--starts", is_flag=True, help="With --json: when each iteration starts, and how many virtual users there are.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON document on stdout.")
def command(workload: str | None, settings: tuple[str, ...], tenants: int | None, share: str | None, starts: bool, as_json: bool) -> None:
    """Show what WORKLOAD (FILE.py:NAME or MODULE:NAME) would send, and when. Nothing is sent."""
    from dataclasses import replace

    from tenantry.config import load_config
    from tenantry.prepare import prepare_plan
    from tenantry.report.plan import plan_document, print_plan, starts_document

    if starts and not as_json:
        raise UsageError("--starts prints only JSON", hint="add --json")
    config = load_config({"workload": workload, "run.set": settings})
    if config.workload is None:
        raise UsageError("there is no workload", hint="give FILE.py:WORKLOAD, for example clinic.py:mixed")
    plan = replace(prepare_plan(config.workload, overrides=config.overrides, tenants=tenants).plan, share=_share(share))
    if starts:
        sys.stdout.writelines(starts_document(plan))
        sys.stdout.flush()
    elif as_json:
        import msgspec

        click.echo(msgspec.json.encode(plan_document(plan)))
    else:
        from tenantry.report.text import console

        print_plan(plan, console())


def _share(text: str | None) -> tuple[int, int]:
    if text is None:
        return (0, 1)
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--share {text} is no share", hint="write --share 1/4 for the first of four")
    return int(found[1]) - 1, int(found[2])
