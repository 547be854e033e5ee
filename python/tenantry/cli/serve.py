"""`tenantry serve`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.cli import options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; beyond this machine only with a token.")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any free one.")
@click.option("--token-file", metavar="FILE", type=click.Path(path_type=Path), help="File that holds the token.")
@options.runs
def command(host: str, port: int, token_file: Path | None, runs: Path | None) -> None:
    """Show the stored runs in the browser, until Ctrl-C.

    The token that others need comes from TENANTRY_SERVE_TOKEN or a file, never from a flag.
    """
    from tenantry.errors import EnvironmentFault

    try:
        import starlette as starlette
        import uvicorn as uvicorn
    except ImportError as error:
        raise EnvironmentFault(f"serving needs {error.name}, which is not installed", hint="pip install 'tenantry[serve]'") from None
    from tenantry.serve.server import read_token, serve

    place = options.runs_folder(runs)

    def say(address: str) -> None:
        click.echo(f"the runs in {place} are shown at {address}; Ctrl-C ends it", err=True)

    serve(place, host=host, port=port, token=read_token(token_file), say=say)
