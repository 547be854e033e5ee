"""What a run will do, as plain data: load profiles, streams, the plan."""
