"""A Postgres to work with: the one the user names, or a throwaway server from what the machine has."""

from tenantry.postgres.find import Source, find_postgres, installed
from tenantry.postgres.server import Postgres, start_postgres

__all__ = ["Postgres", "Source", "find_postgres", "installed", "start_postgres"]
