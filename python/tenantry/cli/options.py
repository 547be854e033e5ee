"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

processes = click.option("--processes", metavar="N|auto", help="Load processes; auto is one per core.  [default: 1]")
runs = click.option("--runs", type=click.Path(path_type=Path), help="Folder of the run folders.  [default: runs]")
result_json = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def runs_folder(given: Path | None) -> Path:
    """The folder of the run folders: the flag's, or that of the configuration."""
    from tenantry.config import load_config

    return load_config({"runs": str(given) if given else None}).runs
