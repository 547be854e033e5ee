"""The border to Postgres: where a DSN may lead, and the server's refusals in our own words."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenantry.engine import Database, DatabaseError
from tenantry.errors import PopulationError, TenantryError, UsageError
from tenantry.safety import check_host

OnProgress = Callable[[str, int, int], None]
"""Told a title, how much of it is done, and how much there is (0: nobody knows)."""

_HINTS = {
    "08P01": "a pooler on the way must keep a transaction on one connection: pool_mode session or transaction",
    "28P01": "give the right password in the DSN or in PGPASSWORD",
    "28000": "give a user that may connect from here (pg_hba.conf), or sslmode=require if the server wants TLS",
    "3D000": "create it: CREATE DATABASE ..., or correct the DSN",
    "53100": "free disk space on the server, then try again",
    "53300": "close other connections or raise max_connections",
    "42501": "connect as the owner of the tables, or GRANT the role what it lacks",
    "57014": "raise statement_timeout or lock_timeout for this role",
    "55P03": "another session holds a lock on the table; try again when it is done",
    "57P01": "somebody ended the connection, or the server stops: what was not complete is undone; try again",
    "57P03": "the server is starting or stopping; try again",
}
_CONNECTION_HINTS = {
    "08P01": "a pooler on the way must keep a transaction on one connection: pool_mode session or transaction",
    "UnknownIssuer": "name the authority of the server's certificate in the DSN: sslrootcert=FILE",
    "certificate not valid for name": "connect by a name that the certificate is for, or give sslmode=verify-ca",
    "does not support TLS": "switch it on at the server (ssl = on), or give sslmode=prefer where nobody listens on the way",
    "connection closed": "it was lost on the way: what was not complete is undone; try again",
    "": "is the server running, and is the address right?",
}


def quiet(title: str, done: int, total: int) -> None:
    """An `OnProgress` that shows nothing."""


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def relation(name: str) -> str:
    """The name of a table, such as `pets` or `auth.users`, as SQL."""
    return ".".join(map(quoted, name.split(".")))


def literal(text: str) -> str:
    """Text as an SQL string."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection and where it leads."""

    database: Database
    place: str

    def execute(self, sql: str) -> None:
        """Run statements."""
        self.database.execute(sql)

    def rows(self, sql: str) -> list[list[str | None]]:
        """The rows of statements; every value is text."""
        return self.database.query(sql)

    def texts(self, sql: str) -> list[str]:
        """The first column, without nulls."""
        return [row[0] for row in self.rows(sql) if row[0] is not None]

    def number(self, sql: str) -> int:
        """The one whole number that a query returns."""
        return int(self.rows(sql)[0][0] or 0)


@contextmanager
def connect(dsn: str, *, allow: Collection[str] = (), confirm: str | None = None) -> Iterator[Link]:
    """An open connection for the length of the `with` block, to a database that the safety rules allow.

    Every refusal of the server in the block leaves it as PopulationError. Raises UsageError for a DSN that cannot be read, UnsafeTarget.
    """
    with _readable():
        hosts, place = Database.hosts(dsn), Database.place(dsn)
    for host in hosts:
        check_host(host, allow=allow, what="database", confirm=confirm, names={"database": place.rpartition("/")[2]})
    try:
        with _readable():
            database = Database(dsn, password=os.environ.get("PGPASSWORD"))
        try:
            yield Link(database, place)
        finally:
            database.close()
    except DatabaseError as error:
        raise told(error, place) from None


def place_of(dsn: str) -> str:
    """`HOST:PORT/DATABASE`; raises UsageError for a DSN that cannot be read."""
    with _readable():
        return Database.place(dsn)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        hint = "write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        raise UsageError(f"the DSN cannot be read: {error}", where="DATABASE_URL", hint=hint) from None


@contextmanager
def transaction(link: Link, begin: str = "BEGIN") -> Iterator[None]:
    """All or nothing: what is done in the block becomes visible at its end, and not at all if it is left by an exception."""
    link.execute(begin)
    try:
        yield
        link.execute("COMMIT")
    except BaseException:
        # A lost connection cannot roll back, and need not: the server does.
        _try(link, "ROLLBACK")
        raise


def lock(link: Link) -> None:
    """Keep other loads and cleanings out until the transaction ends; raise PopulationError when one is at work."""
    if link.texts("SELECT pg_try_advisory_xact_lock(hashtext('tenantry'), hashtext('population'))") != ["t"]:
        what = "another `tenantry seed` or `tenantry clean` is at work on this database"
        raise PopulationError(what, where=link.place, hint="wait for it to end")


def told(error: DatabaseError, place: str) -> TenantryError:
    """The server's refusal as one message: what, where, what to do."""
    code, message, detail, hint, table, constraint = (str(part) for part in error.args)
    if not code:
        what = message[0].lower() + message[1:] if message else "no connection"
        remedy = next((remedy for sign, remedy in _CONNECTION_HINTS.items() if sign in message), _CONNECTION_HINTS[""])
        return PopulationError(f"no connection to Postgres: {what}", where=place, hint=remedy)
    if code == "23505":
        what = f"rows of the dataset are there already: {table}, {constraint}; {detail or message}"
        return PopulationError(what, where=place, hint="remove them first with `tenantry clean`")
    if code.startswith("23"):
        what = f"a constraint of {table} refuses the rows: {message}"
        return PopulationError(f"{what}; {detail}" if detail else what, where=place, hint=f"correct the dataset so that {constraint} holds")
    what = f"{message}; {detail}" if detail else message
    return PopulationError(f"{what} (SQLSTATE {code})", where=place, hint=_HINTS.get(code, hint))


def in_list(names: Iterable[str]) -> str:
    """Names as the inside of an SQL `IN (...)`; never empty."""
    return ", ".join(literal(name) for name in names) or "NULL"


def _try(link: Link, sql: str) -> None:
    try:
        link.execute(sql)
    except DatabaseError:
        return
