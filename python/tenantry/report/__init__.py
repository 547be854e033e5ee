"""What a run is turned into for people: one offline page."""

from tenantry.report.html import render

__all__ = ["render"]
