"""Endpoints by area; each module has its own as `area`."""
