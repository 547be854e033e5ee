"""Conditions on metrics: their grammar and their evaluation against a run."""
