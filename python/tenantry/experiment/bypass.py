"""Tables without their policies, and with what these say in the statement: views that the app finds before the tables."""

from __future__ import annotations

from tenantry.datasets.database import Link, literal, quoted, relation
from tenantry.diagnose.model import Finding
from tenantry.experiment.model import Change, NotTried, Site
from tenantry.prepare import Prepared

# Not that of the ledger, whose own tables would be found before the app's.
SCHEMA = "tenantry_bypass"


def bypass_policies(finding: Finding, link: Link, site: Site, base: Prepared) -> Change:
    """The same rows by an explicit predicate, for all tables of a statement: the policy of one keeps the conditions on others waiting too.

    A view that is no security barrier reads its table as its owner, whom no policy binds, so the planner may put the conditions of a
    statement and the predicate into one index scan. The app's role finds the views before the tables; all others, and functions that work
    as another role, find the tables. So every statement has the answer that it had before, or fails.
    """
    tables = finding.subject["tables"].split(", ")
    if finding.subject["table"] not in tables:
        raise NotTried(f"its statement does not name {finding.subject['table']}, or with its schema, so that a view would not be found")
    for table in tables:
        _check_readers(link, table)
    views = [_view(link, table) for table in tables]
    role = _role(link, tables)
    database = link.texts("SELECT quote_ident(current_database())")[0]
    own, path = link.rows(_PATH.format(role=literal(role)))[0]
    alter, told = f"ALTER ROLE {quoted(role)} IN DATABASE {database}", ", ".join(tables)
    return Change(
        kind="bypass_policies",
        title=f"The policies of {told} as conditions (a test, not a remedy)",
        statement=f"the policies of {told} bypassed, and what they say in each statement",
        do=(
            f"CREATE SCHEMA {SCHEMA}; GRANT USAGE ON SCHEMA {SCHEMA} TO {quoted(role)}",
            *views,
            f"{alter} SET search_path = {SCHEMA}, {path}",
            # Sessions have the path from their beginning, and keep plans that were chosen for what they cost under the policies.
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = {literal(role)}",
        ),
        undo=(
            f"{alter} SET search_path = {path}" if own == "t" else f"{alter} RESET search_path",
            f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
        ),
        refutes=False,
    )


# The search path of sessions that begin, and whether it is the role's own in this database.
_PATH = """SELECT own, path FROM (
    SELECT setrole <> 0 AND setdatabase <> 0 AS own, substr(setting, length('search_path=') + 1) AS path, setrole <> 0 AS of_role
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setting LIKE 'search_path=%' AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = {role}))
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    UNION ALL SELECT false, reset_val, NULL FROM pg_settings WHERE name = 'search_path'
) AS paths ORDER BY own DESC, of_role DESC NULLS LAST LIMIT 1"""


def _role(link: Link, tables: list[str]) -> str:
    """The one role at work in the database that policies of all the tables bind."""
    numbers = ", ".join(_number(table) for table in tables)
    bound = (
        "SELECT FROM pg_policy JOIN pg_class c ON c.oid = polrelid, unnest(polroles) AS named"
        " WHERE polrelid = one AND (named = 0 OR pg_has_role(r.oid, named, 'USAGE')) AND NOT pg_has_role(r.oid, relowner, 'USAGE')"
    )
    roles = link.texts(
        "SELECT DISTINCT rolname FROM pg_stat_activity JOIN pg_roles r ON r.oid = usesysid"
        " WHERE backend_type = 'client backend' AND datname = current_database() AND NOT rolsuper AND NOT rolbypassrls"
        f" AND NOT EXISTS (SELECT FROM unnest(ARRAY[{numbers}]) AS one WHERE NOT EXISTS ({bound})) ORDER BY 1"
    )
    if len(roles) != 1:
        raise NotTried(f"it takes one role at work in the database that the policies bind, and there are {len(roles)}")
    return roles[0]


def _view(link: Link, table: str) -> str:
    """The statements that make the view of a table, with what the table's policies say, and with the table's privileges."""
    name, number = table.rpartition(".")[2], _number(table)
    column = f"attrelid = {number} AND attnum > 0 AND NOT attisdropped"
    columns = ", ".join(map(quoted, link.texts(f"SELECT attname FROM pg_attribute WHERE {column} ORDER BY attnum")))
    view = f"{SCHEMA}.{quoted(name)}"
    query = f"SELECT {columns} FROM {relation(table)} AS {quoted(name)} WHERE {_predicate(link, table)}"
    grants = f"""SELECT format('GRANT %s%s ON %s TO %s', privilege_type, columns, {literal(view)},
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM (
        SELECT '' AS columns, (aclexplode(relacl)).* FROM pg_class WHERE oid = {number}
        UNION ALL SELECT format(' (%I)', attname), (aclexplode(attacl)).* FROM pg_attribute WHERE {column}
    ) AS granted
    WHERE privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"""
    return "; ".join((f"CREATE VIEW {view} AS {query} WITH CASCADED CHECK OPTION", *link.texts(grants)))


def _check_readers(link: Link, table: str) -> None:
    """Whom policies bind sees what the predicate says. A view of ours must see all, and whoever else does must not find the view."""
    if link.texts(f"SELECT row_security_active({_number(table)})") != ["f"]:
        raise NotTried(f"the policies of {table} bind the role of the experiment as well")
    name = table.rpartition(".")[2]
    definers = link.texts(
        "SELECT proname FROM pg_proc WHERE prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) AS own WHERE own LIKE 'search_path=%')"
        rf" AND prosrc ~ ('\m' || {literal(name)} || '\M') ORDER BY 1"
    )
    if definers:
        raise NotTried(f"{', '.join(definers)} works as another role and has no search_path, so it would read the view of {table}")


def _predicate(link: Link, table: str) -> str:
    """What the policies of a table say, where it is the same whatever is done with its rows, and by whoever."""
    policies = link.database.records(
        "SELECT polpermissive AS permissive, '(' || pg_get_expr(polqual, polrelid) || ')' AS condition,"
        " polcmd = '*' AND polqual IS NOT NULL AND polroles = min(polroles) OVER ()"
        " AND coalesce(pg_get_expr(polwithcheck, polrelid) = pg_get_expr(polqual, polrelid), true) AS alike,"
        " EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid"
        " AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> polrelid) AS reads_others"
        f" FROM pg_policy p WHERE polrelid = {_number(table)} ORDER BY polname"
    )
    if any(policy["alike"] == "f" for policy in policies):
        raise NotTried(f"the policies of {table} differ by what is done, or by who does it")
    if any(policy["reads_others"] == "t" for policy in policies):
        raise NotTried(f"a policy of {table} reads other tables, which have policies of their own")
    allowed = " OR ".join(policy["condition"] or "" for policy in policies if policy["permissive"] == "t")
    if not allowed:
        raise NotTried(f"no policy of {table} lets anybody see a row")
    return " AND ".join((f"({allowed})", *(policy["condition"] or "" for policy in policies if policy["permissive"] == "f")))


def _number(table: str) -> str:
    return f"{literal(relation(table))}::regclass::oid"
