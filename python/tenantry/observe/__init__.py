"""Watches Postgres, the app, its pooler and the machine while a load runs, from a process of its own, and writes what it reads."""
