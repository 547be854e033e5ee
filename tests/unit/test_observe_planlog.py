"""Plans in a server's log, as Postgres writes them."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tenantry.observe.planlog import LONGEST_ENTRY, is_on, logged, shape
from tenantry.observe.plantext import plan_of_text

TEXT = """\
Query Text: SELECT p.id
FROM "Pets" p JOIN public.owners o ON o.id = p.owner WHERE p.name = $1
Query Parameters: $1 = 'Rex (cost=1'
Hash Join  (cost=1.09..2.19 rows=4 width=8) (actual time=0.031..0.035 rows=3 loops=1)
  Hash Cond: (o.id = p.owner)
  ->  Parallel Seq Scan on public.owners o  (cost=0.00..1.04 rows=4 width=4) (actual rows=4.00 loops=2)
        Filter: (NOT gone)
        Rows Removed by Filter: 2
  ->  Hash  (cost=1.04..1.04 rows=4 width=8)
        Buckets: 1024
        ->  Bitmap Heap Scan on "Pets" p  (cost=0.00..1.04 rows=4 width=8)
              Recheck Cond: (name = $1)
              ->  Bitmap Index Scan on pets_name_idx  (cost=0.00..1.04 rows=4 width=0)
                    Index Cond: (name = $1)
  ->  Index Only Scan Backward using pets_pkey on "Pets"  (cost=0.00..1.04 rows=4 width=8)
JIT:
  Functions: 3
"""
JSON = '{\n  "Query Text": "SELECT \'a\\tb\'",\n  "Plan": {\n    "Node Type": "Result",\n    "Plan Rows": 1\n  }\n}'
ENTRIES = [(12.5, TEXT.rstrip("\n")), (0.25, JSON)]


def test_a_plan_for_people_is_read_as_one_for_programs() -> None:
    text, plan = plan_of_text(TEXT) or ("", {})
    assert text == 'SELECT p.id\nFROM "Pets" p JOIN public.owners o ON o.id = p.owner WHERE p.name = $1'
    owners, hashed, keys = plan["Plans"]
    assert (plan["Node Type"], plan["Hash Cond"], plan["Actual Rows"], plan["Actual Loops"]) == ("Hash Join", "(o.id = p.owner)", 3.0, 1)
    assert owners == {
        "Node Type": "Seq Scan",
        "Schema": "public",
        "Relation Name": "owners",
        "Alias": "o",
        "Plan Rows": 4,
        "Actual Rows": 4.0,
        "Actual Loops": 2,
        "Filter": "(NOT gone)",
        "Rows Removed by Filter": "2",
    }
    (heap,) = hashed["Plans"]
    assert (heap["Node Type"], heap["Relation Name"], heap["Recheck Cond"]) == ("Bitmap Heap Scan", "Pets", "(name = $1)")
    assert heap["Plans"] == [{"Node Type": "Bitmap Index Scan", "Index Name": "pets_name_idx", "Plan Rows": 4, "Index Cond": "(name = $1)"}]
    assert keys == {"Node Type": "Index Only Scan", "Index Name": "pets_pkey", "Relation Name": "Pets", "Plan Rows": 4}


@pytest.mark.parametrize("body", ["", "Query Text: SELECT 1", "<explain>", 'Query Text: "SELECT 1"\nPlan:\n  Node Type: "Result"'])
def test_what_is_no_plan_is_none(body: str) -> None:
    assert plan_of_text(body) is None


def in_stderr() -> str:
    entries = [f"2026-11-29 UTC [7] app@clinic LOG:  duration: {ms:.3f} ms  plan:\n{body}".replace("\n", "\n\t") for ms, body in ENTRIES]
    return "\n".join(["2026-11-29 UTC [7] LOG:  checkpoint starting", *entries, "2026-11-29 UTC [7] LOG:  duration: 3.000 ms", ""])


def in_csv() -> str:
    out = io.StringIO()
    for message in ("checkpoint starting", *(f"duration: {ms:.3f} ms  plan:\n{body}" for ms, body in ENTRIES)):
        csv.writer(out, lineterminator="\n").writerow(["2026-11-29 22:00:00.123 UTC", "app", "clinic", *[""] * 10, message, *[""] * 12])
    return out.getvalue()


def in_json() -> str:
    messages = ("checkpoint starting", *(f"duration: {ms:.3f} ms  plan:\n{body}" for ms, body in ENTRIES))
    return "".join(f"{json.dumps({'timestamp': '', 'message': message})}\n" for message in messages)


LOGS = {".log": in_stderr(), ".csv": in_csv(), ".json": in_json()}


@pytest.mark.parametrize("suffix", LOGS)
def test_plans_are_found_in_each_kind_of_log(suffix: str) -> None:
    first, second = logged(LOGS[suffix], suffix)
    assert (first[0], first[2]["Node Type"]) == (12.5, "Hash Join")
    assert second == (0.25, "SELECT 'a\tb'", {"Node Type": "Result", "Plan Rows": 1})


@pytest.mark.parametrize("suffix", LOGS)
def test_a_log_that_begins_or_ends_within_an_entry_gives_the_others(suffix: str) -> None:
    log = LOGS[suffix]
    for cut in range(0, len(log), 7):
        assert {found[0] for found in logged(log[cut:], suffix)} <= {12.5, 0.25}
        assert {found[0] for found in logged(log[:cut], suffix)} <= {12.5, 0.25}
    assert [found[0] for found in logged(log[log.index("Hash Cond") :], suffix)] == [0.25]
    assert [found[0] for found in logged(log[: log.index("Node Type")], suffix)] == [12.5]


def test_entries_that_are_too_long_and_our_own_are_passed_over() -> None:
    own = "LOG:  duration: 1.000 ms  plan:\n\tQuery Text: SELECT 1 /* tenantry observe */\n\tResult  (cost=0.00..0.01 rows=1 width=4)\n"
    assert list(logged(own, ".log")) == []
    assert len(list(logged(own.replace("tenantry observe", "an app"), ".log"))) == 1
    assert list(logged(own.replace("tenantry observe", "x" * LONGEST_ENTRY), ".log")) == []


SHAPES = {
    "values": ("SELECT a FROM t WHERE b = 'x' AND c > -1.5 AND d", "SELECT a FROM t WHERE b = $1 AND c > $2 AND d"),
    "lists": ("SELECT a FROM t WHERE b IN (1, 2, 3);", "SELECT a FROM t WHERE b IN ($1 /*, ... */)"),
    "words for values": ("SELECT true, a IS NULL FROM t", "SELECT $1, a IS NULL FROM t"),
    "comments and space": ("/* route='x' */ SELECT a\n  FROM t", "SELECT a FROM t"),
    "parameters": ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $1"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_statement_as_it_was_sent_is_known_by_its_shape(case: str) -> None:
    sent, counted = SHAPES[case]
    assert shape(sent) == shape(counted)


def test_statements_that_differ_have_different_shapes() -> None:
    texts = [
        "SELECT a FROM t WHERE b = 1",
        "SELECT a FROM t WHERE b > 1",
        "SELECT a FROM t2 WHERE b = 1",
        'SELECT "true" FROM t WHERE b = 1',
    ]
    assert len({shape(text) for text in texts}) == len(texts)


ON = {"setting": "auto_explain"}
SETTINGS = {
    "for the server": ({"session_preload_libraries": ON, "auto_explain.log_min_duration": {"setting": "0"}}, [], True),
    "for a role": ({}, ["session_preload_libraries=auto_explain", "auto_explain.log_min_duration=100ms"], True),
    "loaded, and silent": ({"shared_preload_libraries": ON, "auto_explain.log_min_duration": {"setting": "-1"}}, [], False),
    "set, and not loaded": ({"shared_preload_libraries": {"setting": ""}}, ["auto_explain.log_min_duration=0"], False),
    "nothing": ({}, [], False),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_auto_explain_is_on_when_it_is_loaded_and_logs(case: str) -> None:
    settings, roles, expected = SETTINGS[case]
    assert is_on({"settings": settings, "role_settings": [{"role": "app", "setting": setting} for setting in roles]}) is expected
