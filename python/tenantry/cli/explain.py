"""`tenantry explain ID`."""

from __future__ import annotations

from textwrap import fill

import click

from tenantry.cli import options


@click.command()
@click.argument("finding", required=False)
@options.json
def command(finding: str | None, as_json: bool) -> None:
    """Say what FINDING means, how it is recognised, what looks alike, and what helps; without one, list all."""
    from tenantry.diagnose.rules import rules
    from tenantry.errors import UsageError
    from tenantry.types import did_you_mean

    known = rules()
    if finding is not None and finding not in known:
        raise UsageError(f"there is no finding {finding!r}", hint=did_you_mean(finding, list(known)))
    chosen = [known[finding]] if finding is not None else list(known.values())
    if as_json:
        import msgspec

        keys = ("id", "title", "signals", "confounders", "remedy", "explains")
        click.echo(msgspec.json.encode([{key: getattr(rule, key) for key in keys} for rule in chosen]))
    elif finding is None:
        for rule in chosen:
            click.echo(f"{rule.id:34} {rule.title}")
    else:
        rule = chosen[0]
        told = {"How it is recognised": rule.signals, "What looks alike": rule.confounders, "What helps": rule.remedy}
        if rule.explains:
            told["What it makes a mere symptom"] = ", ".join(rule.explains)
        told["How to silence it"] = f'[observe] silent = ["{rule.id}"], or `tenantry diagnose RUN --silent {rule.id}`'
        click.echo(f"{rule.id}: {rule.title}")
        for title, text in told.items():
            click.echo(f"\n{title}\n{fill(text, 78, initial_indent='  ', subsequent_indent='  ')}")
