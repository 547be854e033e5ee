"""Which change tries the remedy of a finding, and why there is none for the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tenantry.datasets.database import Link, literal, quoted, relation
from tenantry.diagnose.model import Finding
from tenantry.experiment.bypass import bypass_policies
from tenantry.experiment.ledger import SCHEMA
from tenantry.experiment.model import Change, NotTried, Site
from tenantry.load import population_of
from tenantry.plan.tenants import UNIFORM, Evenly, Without
from tenantry.prepare import Prepared, cores, shared_out

INDEX = "tenantry_experiment"
_CREATE = re.compile(r"CREATE INDEX CONCURRENTLY (?:\w+ )?ON ([\w.]+) (\([^()]+\))")
_SET = re.compile(r"ALTER SYSTEM SET (\w+) = '?([^';]+)'?")


def change_for(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The change that tries the remedy of a finding, the first that there can be; raises NotTried with the reason why there is none."""
    reason = NotTried(REASONS.get(finding.id, OTHERWISE))
    for make in CHANGES.get(finding.id, ()):
        try:
            return make(finding, link, site, base)
        except NotTried as why:
            reason = why
    raise reason


def create_index(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The index that the finding asks for, under a name of our own."""
    found = _CREATE.fullmatch(finding.fix.statement)
    if found is None:
        raise NotTried("the finding does not say which index to create")
    table, columns = found.groups()
    table = table if "." in table else f"public.{table}"
    schema = table.rpartition(".")[0]
    return Change(
        kind="create_index",
        title="CREATE INDEX",
        statement=finding.fix.statement,
        do=(f"CREATE INDEX {INDEX} ON {table} {columns}",),
        undo=(f"DROP INDEX IF EXISTS {schema}.{INDEX}",),
    )


def analyze(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """Statistics of now, and afterwards those of before: rows of catalogs, which only a superuser may write."""
    table = finding.subject.get("table", "")
    if not _is_superuser(link):
        raise NotTried("only a superuser can put the old statistics of a table back")
    number = link.texts(f"SELECT oid FROM pg_class WHERE oid = to_regclass({literal(relation(table))}) AND relkind = 'r'")
    if not number:
        raise NotTried(f"{table} is no plain table")
    if link.texts(f"SELECT oid FROM pg_statistic_ext WHERE stxrelid = {number[0]}"):
        raise NotTried(f"{table} has extended statistics, which could not be put back")
    kept, sizes = f"{SCHEMA}.kept_statistics", f"{SCHEMA}.kept_sizes"
    both = f"oid = {number[0]} OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = {number[0]})"
    return Change(
        kind="analyze",
        title="ANALYZE",
        statement=f"ANALYZE {table}",
        do=(
            # A table with columns of the type anyarray, which pg_statistic has, is one of a catalog.
            "SET allow_system_table_mods = on",
            f"CREATE TABLE {kept} AS SELECT * FROM pg_statistic WHERE starelid = {number[0]}",
            "RESET allow_system_table_mods",
            f"CREATE TABLE {sizes} AS SELECT oid, relpages, reltuples, relallvisible FROM pg_class WHERE {both}",
            f"ANALYZE {relation(table)}",
        ),
        undo=(_put_back(number[0], kept, sizes),),
    )


def _put_back(table: str, kept: str, sizes: str) -> str:
    """One statement, so that it is all done or nothing; without harm where nothing was kept."""
    return f"""DO $$ BEGIN
IF to_regclass('{kept}') IS NOT NULL AND to_regclass('{sizes}') IS NOT NULL THEN
    DELETE FROM pg_statistic WHERE starelid = {table};
    INSERT INTO pg_statistic SELECT * FROM {kept};
    UPDATE pg_class c SET relpages = s.relpages, reltuples = s.reltuples, relallvisible = s.relallvisible
        FROM {sizes} s WHERE c.oid = s.oid;
END IF;
DROP TABLE IF EXISTS {kept}, {sizes};
END $$"""


def wrap_policy(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The function that the policies call for every row, called once per statement: `(SELECT f())`."""
    table, function = finding.subject.get("table", ""), finding.subject.get("function", "")
    call = re.compile(rf"(?<![\w.])(?<!SELECT )(?:\w+\.)?{re.escape(function)}\(\)")
    do, undo = [], []
    for row in link.database.records(
        "SELECT polname, pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS check FROM pg_policy"
        f" WHERE polrelid = to_regclass({literal(relation(table))})"
    ):
        wrapped = {part: call.sub(r"(SELECT \g<0>)", row[part] or "") for part in ("using", "check")}
        if wrapped != {part: row[part] or "" for part in wrapped}:
            alter = f"ALTER POLICY {quoted(str(row['polname']))} ON {relation(table)}"
            do.append(alter + _conditions(wrapped))
            undo.append(alter + _conditions({part: row[part] or "" for part in wrapped}))
    if not do:
        raise NotTried(f"no policy of {table} calls {function}() without arguments, so it may depend on the row")
    return Change(
        kind="wrap_policy",
        title=f"(SELECT {function}()) in the policy of {table}",
        statement="; ".join(do),
        do=tuple(do),
        undo=tuple(undo),
    )


def _conditions(parts: dict[str, str]) -> str:
    using = f" USING ({parts['using']})" if parts["using"] else ""
    return using + (f" WITH CHECK ({parts['check']})" if parts["check"] else "")


def server_setting(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """What the finding sets for the whole server."""
    wanted = dict(_SET.findall(finding.fix.statement))
    if not wanted:
        raise NotTried("the finding does not say which settings to change")
    return _settings(link, wanted)


def spread_tenants(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The load with all its tenants alike, where one tenant's own key is hot: whether it is hot by this tenant's part of the load."""
    if "tenant" not in finding.subject:
        raise NotTried("it is not known to be one tenant's own key that is waited for")
    if base.plan.tenant_choice == UNIFORM or population_of(base.workload, base.plan) is None:
        raise NotTried("the load draws its tenants evenly, or not from a dataset")
    return Change(
        kind="spread_tenants",
        title="The load spread evenly over its tenants (a test, not a remedy)",
        statement="every tenant as often as any other",
        load=lambda prepared: replace(prepared, plan=replace(prepared.plan, tenant_choice=Evenly(prepared.plan.tenant_choice))),
        refutes=False,
    )


def asynchronous_commit(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """Commits that do not wait for the disk: whether locks are held for that wait. Other reasons to hold them remain, if it is not."""
    name = "synchronous_commit"
    if link.texts(f"SHOW {name}") == ["off"]:
        raise NotTried(f"{name} is off, so no lock is held for the disk")
    own = f"SELECT 1 FROM pg_db_role_setting, unnest(setconfig) AS part WHERE part LIKE '{name}=%'"
    if link.texts(own):
        raise NotTried(f"{name} is set for a database or a role, so that a setting of the server would not be followed")
    return replace(_settings(link, {name: "off"}), title=f"{name} = off (a test, not a remedy)", refutes=False)


def _settings(link: Link, wanted: dict[str, str]) -> Change:
    """Settings of the server, which sessions that are there follow as well; afterwards what postgresql.auto.conf had before."""
    if not _is_superuser(link):
        raise NotTried("only a superuser can change settings of the server")
    others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname <> current_database()"
    if link.texts(others):
        raise NotTried("other databases of this server are in use, and its settings are theirs as well")
    do, undo = [], []
    for name, value in wanted.items():
        where = f"name = {literal(name)}"
        if link.texts(f"SELECT 1 FROM pg_settings WHERE {where} AND (context = 'postmaster' OR source = 'command line')"):
            raise NotTried(f"{name} cannot be changed without starting the server anew")
        # What ALTER SYSTEM wrote comes last, and wins.
        before = link.texts(f"SELECT setting FROM pg_file_settings WHERE {where} AND sourcefile LIKE '%/postgresql.auto.conf'")
        do.append(f"ALTER SYSTEM SET {name} = {literal(value)}")
        undo.append(f"ALTER SYSTEM SET {name} = {literal(before[-1])}" if before else f"ALTER SYSTEM RESET {name}")
    reload = "SELECT pg_reload_conf()"
    told = ", ".join(f"{name} = {value}" for name, value in wanted.items())
    first, value = next(iter(wanted.items()))
    return Change(
        kind="setting",
        title=told,
        statement="; ".join([*do, reload]),
        do=(*do, reload),
        undo=(*undo, reload),
        settles=f"SELECT current_setting({literal(first)}) = {literal(value)}",
    )


def pool_size(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """Twice as many connections in the pool of an app that we started."""
    if site.restart is None:
        raise NotTried("the size of the app's pool is set where the app is started, and only `tenantry demo` starts it itself")
    size = site.restart.pool
    return Change(kind="pool_size", title=f"A pool of {size}", statement=f"{size} connections in the app's pool", pool=size)


def another_process(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """One more load process. Where it does not help, the machine may be what is missing."""
    count = base.plan.share[1] + 1
    if count > min(cores(), base.plan.max_vus):
        raise NotTried(f"there is no core, or no virtual user, for a load process number {count}")
    title = f"{count} load processes"
    return Change(
        kind="another_process",
        title=title,
        statement=f"--processes {count}",
        load=lambda prepared: shared_out(prepared, count),
        refutes=False,
    )


def pause_tenant(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The load without this tenant: how the others fare without it. What it does beside our load goes on."""
    key, population = finding.subject.get("tenant", ""), population_of(base.workload, base.plan)
    if population is None:
        raise NotTried("the load does not draw its tenants from a dataset")
    column = population.dataset.owner_column(population.dataset.tenant_table)
    number = next((number for number in range(population.tenants) if str(getattr(population.tenant(number), column)) == key), None)
    if number is None or population.tenants == 1:
        raise NotTried(f"{key} is no tenant that the load could leave out")
    return Change(
        kind="pause_tenant",
        title=f"A load without tenant {key}",
        statement=f"no requests of tenant {key}",
        load=lambda prepared: replace(prepared, plan=replace(prepared.plan, tenant_choice=Without(prepared.plan.tenant_choice, number))),
        refutes=False,
    )


def _is_superuser(link: Link) -> bool:
    return link.texts("SHOW is_superuser") == ["on"]


CHANGES: dict[str, tuple[Callable[[Finding, Link, Site, Prepared], Change], ...]] = {
    "missing_index": (create_index,),
    "unindexed_fk": (create_index,),
    "stale_statistics": (analyze,),
    "rls_per_row_function": (wrap_policy,),
    "rls_non_leakproof": (bypass_policies,),
    "wal_checkpoints": (server_setting,),
    "hot_row_lock": (spread_tenants, asynchronous_commit),
    "advisory_lock": (spread_tenants, asynchronous_commit),
    "app_pool_small": (pool_size,),
    "generator": (another_process,),
    "noisy_tenant": (pause_tenant,),
}
OTHERWISE = "its remedy is in the code or the surroundings of the app, which an experiment cannot change"
_SESSIONS = "the setting belongs to the app's sessions, which would have to begin anew"
REASONS = {
    "sort_spill": _SESSIONS,
    "generic_plan_skew": _SESSIONS,
    "small_shared_buffers": "shared_buffers takes a start of the server",
    "bloat": "a VACUUM cannot be undone",
    "pooler_pool_small": "the pooler's configuration is not ours to change",
    "database_cpu": "it says what is exhausted, not by what",
    "machine_cpu": "it says what is exhausted, not by what",
    "failing_requests": "it says that requests fail, not why",
}
