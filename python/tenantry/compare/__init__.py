"""Runs against runs: baselines, differences that are no chance, change points of many."""

from tenantry.compare.runs import Comparison, compare

__all__ = ["Comparison", "compare"]
