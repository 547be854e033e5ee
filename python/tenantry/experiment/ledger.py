"""Changes of a database that are undone whatever happens: what undoes each is written down in that database before it is made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tenantry.datasets.database import Link, connect, literal, told
from tenantry.engine import DatabaseError
from tenantry.errors import EnvironmentFault, UsageError
from tenantry.experiment.model import Change, NotTried, Site
from tenantry.interrupts import Interrupts

SCHEMA = "tenantry_experiment"
# Held for as long as an experiment goes on: what is written down while nobody holds it was left behind.
_LOCK = "SELECT pg_try_advisory_lock(hashtext('tenantry'), hashtext('experiment'))"
# Names in what the catalog tells are complete then, whoever reads it later.
_SESSION = "SET search_path = pg_catalog; SET lock_timeout = '10s'; SET statement_timeout = '5min'"
_LEFT = f"SELECT statement FROM {SCHEMA}.undo ORDER BY number"
_SETTLE_S = 5.0


@contextmanager
def opened(site: Site) -> Iterator[Ledger]:
    """The database of a site, for one experiment at a time; what an earlier one has left in it is undone first.

    Raises UsageError when another experiment is at work there, UnsafeTarget, PopulationError when the server refuses.
    """
    with connect(site.dsn, allow=site.allow) as link:
        link.execute(_SESSION)
        if link.texts(_LOCK) != ["t"]:
            raise UsageError("another experiment is at work in this database", where=link.place, hint="wait for it to end")
        ledger = Ledger(link)
        ledger.undo_what_is_left()
        yield ledger


class Ledger:
    """Makes changes and undoes them."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.was_left: list[str] = []

    def undo_what_is_left(self) -> None:
        """Undo what an experiment that was killed has left; `was_left` says what was carried out."""
        if self._is_there():
            self.was_left = self.link.texts(_LEFT)
            self._undo(self.was_left)

    @contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        """The change for the length of the block. Raises NotTried when the database refuses it, with nothing changed."""
        if not change.do:
            yield
            return
        try:
            try:
                self._write_down(change)
                for statement in change.do:
                    self.link.execute(statement)
                self._settle(change)
            except DatabaseError as error:
                raise NotTried(f"Postgres refuses it: {told(error, self.link.place).what}") from None
            yield
        finally:
            # Neither Ctrl-C nor SIGTERM disturbs the undoing.
            with Interrupts() as interrupts:
                self._undo(list(change.undo))
            if interrupts.came:
                raise KeyboardInterrupt

    def _write_down(self, change: Change) -> None:
        rows = ", ".join(f"({number}, {literal(statement)})" for number, statement in enumerate(change.undo))
        table = f"CREATE TABLE {SCHEMA}.undo (number int PRIMARY KEY, statement text NOT NULL)"
        # Several statements in one message are one transaction.
        self.link.execute(f"CREATE SCHEMA {SCHEMA}; {table}; INSERT INTO {SCHEMA}.undo VALUES {rows}")

    def _settle(self, change: Change) -> None:
        """Return once the change is in effect: the server hears of new settings a moment later."""
        give_up = time.monotonic() + _SETTLE_S
        while change.settles and self.link.texts(change.settles) != ["t"]:
            if time.monotonic() > give_up:
                raise NotTried("the server does not follow the new setting")
            time.sleep(0.05)

    def _undo(self, statements: list[str]) -> None:
        """Carry out what undoes a change, then forget it; what is refused stays written down, for another attempt."""
        try:
            for statement in statements:
                self.link.execute(statement)
            self.link.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        except DatabaseError as error:
            what = f"what an experiment has changed could not be undone: {told(error, self.link.place).what}"
            hint = "`tenantry diagnose RUN --undo` tries again; the statements: " + "; ".join(statements)
            raise EnvironmentFault(what, where=self.link.place, hint=hint) from None

    def _is_there(self) -> bool:
        return self.link.texts(f"SELECT to_regclass('{SCHEMA}.undo')") != []
