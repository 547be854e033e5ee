"""Load testing for multi-tenant web apps on Postgres."""

__version__ = "0.1.0"
