"""Check constraints of live tables, on some rows of a population, before the tables get any."""

from __future__ import annotations

from tenantry.datasets.database import Link, literal, quoted, relation
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError

_ROWS = 200


def check_sample(link: Link, population: Population, first: int = 0) -> None:
    """Hold the first rows of each table, from tenant number `first` on, and its last ones against its check constraints.

    Raises PopulationError with all constraints that refuse any. Works inside a transaction, in temporary tables that it removes again; a
    role that may make none learns of such rows when they are loaded.
    """
    if link.texts("SELECT has_database_privilege(current_database(), 'TEMP')") != ["t"]:
        return
    faults = [fault for table in population.tables() for fault in _faults(link, population, table, first)]
    if faults:
        hint = "correct the dataset so that the constraints hold; nothing was written"
        raise PopulationError("check constraints refuse rows of the dataset:\n  " + "\n  ".join(faults), where=link.place, hint=hint)


def _faults(link: Link, population: Population, table: str, first: int) -> list[str]:
    checks = link.rows(
        "SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint"
        f" WHERE contype = 'c' AND conrelid = to_regclass({literal(relation(table))}) ORDER BY conname"
    )
    if not checks:
        return []
    copied = "INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING IDENTITY"
    link.execute(f"CREATE TEMPORARY TABLE tenantry_sample (LIKE {relation(table)} {copied}) ON COMMIT DROP")
    start, stop = population.start(table, first), population.count(table)
    statement = f"COPY tenantry_sample ({', '.join(map(quoted, population.columns(table)))}) FROM STDIN (FORMAT binary)"
    for low, high in ((start, min(start + _ROWS, stop)), (max(start + _ROWS, stop - _ROWS), stop)):
        if low < high:
            link.database.copy(population, table, statement, start=low, stop=high, progress=lambda _: None)
    faults = []
    for name, condition in checks:
        refused = link.rows(f"SELECT count(*), min(left(s::text, 200)) FROM tenantry_sample s WHERE NOT ({condition})")
        count, row = refused[0]
        if count != "0":
            faults.append(f"{table}: {name} refuses {count} of {min(2 * _ROWS, stop - start)} rows, such as {row}: CHECK ({condition})")
    link.execute("DROP TABLE tenantry_sample")
    return faults
