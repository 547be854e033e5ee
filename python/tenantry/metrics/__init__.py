"""What a run measures: one list of metrics with kind, unit and tags."""
