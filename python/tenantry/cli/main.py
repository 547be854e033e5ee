"""The `tenantry` command: a map of names to lazily imported commands, and the border where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click

COMMANDS = {
    "demo": ("tenantry.cli.demo:command", "Seed, load and judge the reference clinic app on a throwaway Postgres"),
    "doctor": ("tenantry.cli.doctor:command", "Check everything a run needs, each with the command that fixes it"),
    "init": ("tenantry.cli.init:command", "Draft a dataset from the schema of a database; write a CI job"),
    "generate": ("tenantry.cli.generate:command", "Write a dataset as Parquet files"),
    "seed": ("tenantry.cli.seed:command", "Load a dataset into Postgres and verify it"),
    "verify": ("tenantry.cli.verify:command", "Check that a database holds what was seeded"),
    "clean": ("tenantry.cli.clean:command", "Remove exactly what seeding put in (dry run by default)"),
    "plan": ("tenantry.cli.plan:command", "Show what a workload would send, and when, without sending it"),
    "run": ("tenantry.cli.run:command", "Run a workload against a target and judge it"),
    "ci": ("tenantry.cli.ci:command", "Doctor, run, comparison, reports and alerts in one command"),
    "schedule": ("tenantry.cli.schedule:command", "Write what runs `ci` by a schedule on this machine"),
    "observe": ("tenantry.cli.observe:command", "Watch Postgres, pooler, app and machine for a while, without load"),
    "quick": ("tenantry.cli.quick:command", "Put load on a URL, without a script"),
    "capacity": ("tenantry.cli.capacity:command", "Search the highest rate that still meets the thresholds"),
    "ctl": ("tenantry.cli.ctl:command", "Change the load of a run while it goes on"),
    "report": ("tenantry.cli.report:command", "Rebuild the report of a run from its folder"),
    "diagnose": ("tenantry.cli.diagnose:command", "Name what held the requests of a run up, with evidence"),
    "explain": ("tenantry.cli.explain:command", "Say what a finding means, and what helps"),
    "compare": ("tenantry.cli.compare:command", "Compare a run with a baseline, or with other runs"),
    "baseline": ("tenantry.cli.baseline:command", "Name the runs that later ones are compared with"),
    "runs": ("tenantry.cli.runs:command", "List, show, remove and prune stored runs"),
    "serve": ("tenantry.cli.serve:command", "Show the stored runs in the browser"),
}


class LazyGroup(click.Group):
    """Knows every command by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean `tenantry {near[0]}`?" if near else "`tenantry --help` lists the commands"
            ctx.fail(f"no such command: {args[0]}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="tenantry", prog_name="tenantry")
@click.option("--debug", is_flag=True, envvar="TENANTRY_DEBUG", help="Show a traceback with every error.")
def tenantry(debug: bool) -> None:
    """Put a throng of tenants on your app; see what gives way first, and why."""
    if debug:
        os.environ["TENANTRY_DEBUG"] = "1"


def main() -> None:
    """Run the command line; the only place that exits."""
    from tenantry.errors import Exit, TenantryError

    try:
        code = tenantry(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = Exit.USAGE
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"\n  help: `{context.command_path} --help` shows what it takes" if context is not None else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        code = Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = Exit.INTERRUPTED
    except TenantryError as error:
        if os.environ.get("TENANTRY_DEBUG"):
            traceback.print_exc()
        click.echo(f"error: {error}", err=True)
        code = error.exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.PASS
    except Exception as error:
        traceback.print_exc()
        click.echo(f"internal error of tenantry: {error!r}; please report it with the lines above", err=True)
        code = Exit.INTERNAL
    sys.exit(int(code or 0))
