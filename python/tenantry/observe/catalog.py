"""What does not change during a run: the server's settings, and what the schema says of tables, indexes, policies and foreign keys."""

from __future__ import annotations

from typing import Any

from tenantry.engine import DatabaseError
from tenantry.observe.postgres import NEWEST, Session, is_refused
from tenantry.observe.probe import said

_SETTINGS = """
    server_version_num max_connections superuser_reserved_connections reserved_connections shared_buffers work_mem effective_cache_size
    max_wal_size checkpoint_timeout checkpoint_completion_target synchronous_commit fsync full_page_writes commit_delay random_page_cost
    autovacuum jit plan_cache_mode statement_timeout lock_timeout idle_in_transaction_session_timeout deadlock_timeout track_io_timing
    track_functions compute_query_id track_activity_query_size shared_preload_libraries max_worker_processes
    max_parallel_workers_per_gather default_statistics_target huge_pages pg_stat_statements.track pg_stat_statements.max
    session_preload_libraries local_preload_libraries auto_explain.log_min_duration auto_explain.log_format
"""
_OF_EXTENSIONS = ("auto_explain.", "pg_stat_statements.")
_MOST = 2_000
_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'"
_QUERIES = {
    "settings": "SELECT name, setting, unit FROM pg_settings WHERE name IN ({})".format(
        ", ".join(f"'{name}'" for name in _SETTINGS.split())
    ),
    "tables": f"""
        SELECT n.nspname AS schema, c.relname AS name, c.reltuples::bigint AS rows, c.relpages AS pages,
               pg_table_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS index_bytes, c.relrowsecurity AS secured,
               c.relforcerowsecurity AS forced, array_to_string(c.reloptions, ', ') AS options, s.n_live_tup, s.n_dead_tup,
               s.n_mod_since_analyze, greatest(s.last_analyze, s.last_autoanalyze)::text AS analyzed,
               greatest(s.last_vacuum, s.last_autovacuum)::text AS vacuumed
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
        WHERE c.relkind IN ('r', 'p', 'm') AND {_OURS} ORDER BY c.relpages DESC LIMIT {_MOST}""",
    "indexes": f"""
        SELECT n.nspname AS schema, t.relname AS table, c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition,
               i.indisunique AS unique, i.indisvalid AS valid, pg_relation_size(c.oid) AS bytes,
               ARRAY(SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY k(attnum, place)
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place) AS columns
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace WHERE {_OURS} ORDER BY c.relpages DESC LIMIT {_MOST}""",
    "policies": """
        SELECT schemaname AS schema, tablename AS table, policyname AS name, permissive, roles::text[] AS roles, cmd, qual, with_check
        FROM pg_policies ORDER BY 1, 2, 3""",
    "foreign_keys": f"""
        SELECT n.nspname AS schema, t.relname AS table, k.conname AS name, r.relname AS references,
               ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY c(attnum, place)
                     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum ORDER BY c.place) AS columns,
               EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
                       AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey) AS indexed
        FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace WHERE k.contype = 'f' AND {_OURS} ORDER BY 1, 2, 3""",
    "functions": f"""
        SELECT n.nspname AS schema, p.proname AS name, l.lanname AS language, p.provolatile AS volatility, p.proleakproof AS leakproof,
               p.prosecdef AS definer
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE {_OURS} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1, 2 LIMIT {_MOST}""",
    "role_settings": """
        SELECT coalesce(r.rolname, '') AS role, unnest(s.setconfig) AS setting
        FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))""",
    "extensions": "SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY 1",
}


def catalog(session: Session) -> tuple[dict[str, Any], list[str]]:
    """Facts by kind, each a list of objects; `settings` and `role` are one each. And what this role, or this version, does not tell."""
    found: dict[str, Any] = {
        "role": session.value("SELECT to_json(current_user)"),
        "database": session.value("SELECT to_json(current_database())"),
    }
    version = session.version
    unread = [f"Postgres {version} is newer than {NEWEST}, the last one that is known: it is read alike"] if version > NEWEST else []
    for kind, query in _QUERIES.items():
        try:
            found[kind] = session.objects(f"({query})")
        except DatabaseError as error:
            if not is_refused(error):
                raise
            found[kind] = []
            unread.append(f"{kind.replace('_', ' ')} of the database cannot be read: {said(error)}")
    found["settings"] = {row["name"]: row for row in found["settings"]}
    found["role_settings"] = [{**row, "setting": _told(row["setting"])} for row in found["role_settings"]]
    return found, unread


def _told(setting: str) -> str:
    """`name=value`; what an app keeps in a setting of its own may be a secret."""
    name = setting.partition("=")[0]
    return f"{name}=?" if "." in name and not name.startswith(_OF_EXTENSIONS) else setting


def may_see_all(session: Session) -> bool:
    """Whether the role sees what the sessions of others do."""
    return bool(
        session.value("SELECT to_json(rolsuper OR pg_has_role('pg_read_all_stats', 'USAGE')) FROM pg_roles WHERE rolname = current_user")
    )
