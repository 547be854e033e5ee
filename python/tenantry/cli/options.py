"""Options that several commands share."""

from __future__ import annotations

import click

processes = click.option("--processes", metavar="N|auto", help="Load processes; auto is one per core.  [default: 1]")
