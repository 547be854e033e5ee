"""Stored runs: open a run folder and ask it questions, from Python or a notebook."""

from tenantry.results.run import Run, open_run

__all__ = ["Run", "open_run"]
