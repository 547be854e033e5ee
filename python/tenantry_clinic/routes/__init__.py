"""Endpoints by area; each module lists its own as `routes`."""
