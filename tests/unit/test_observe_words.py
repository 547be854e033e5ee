"""Labels of sessions, texts without values, and the tenant's setting."""

from __future__ import annotations

import pytest

from tenantry.observe.labels import label
from tenantry.observe.statements import redacted, tenant_setting

LABELS = {
    "an application_name with a tenant": ("GET /api/pets clinic=7", "", ("GET /api/pets", "7")),
    "a comment as sqlcommenter writes it": ("", "/*route='%2Fapi%2Fpets',tenant='a%20b'*/", ("/api/pets", "a b")),
    "a comment before an application_name": ("uvicorn tenant=1", "/* route=list, tenant=2 */", ("list", "2")),
    "an application_name alone": ("psql", "", ("psql", "")),
    "nothing": ("", "", ("", "")),
    "other keys": ("", "/*db_driver='x',traceparent='00-1'*/", ("", "")),
    "a key in capitals": ("", "/*Tenant_ID=9*/", ("", "9")),
}


@pytest.mark.parametrize("case", list(LABELS))
def test_route_and_tenant_of_a_session(case: str) -> None:
    name, comment, expected = LABELS[case]
    assert tuple(label(name, comment)) == expected


TEXTS = {
    "strings and numbers": ("SELECT * FROM t WHERE a = 'it''s' AND b = -1.5e3", "SELECT * FROM t WHERE a = '?' AND b = ?"),
    "names with digits and parameters stay": ("SELECT t1.c2 FROM t1 WHERE x = $3", "SELECT t1.c2 FROM t1 WHERE x = $3"),
    "an escape string": (r"SELECT E'a\'secret' , 1", "SELECT '?' , ?"),
    "dollar quotes": ("SELECT $tag$ it's secret $tag$, $$secret$$", "SELECT '?', '?'"),
    "comments": ("/* tenant='secret' */ SELECT 1", "SELECT ?"),
    "a string that was cut off": ("SELECT 'secret tok", "SELECT '?'"),
    "a backslash at the end of an ordinary string": (r"SELECT 'a\', 'secret'", "SELECT '?', '?'"),
    "a quoted name with an apostrophe": ("""SELECT "it's", 'secret' FROM t""", """SELECT "it's", '?' FROM t"""),
    "a comment in a string is none": ("SELECT '/*', 'secret', '*/', a", "SELECT '?', '?', '?', a"),
    "an apostrophe in a comment opens nothing": ("SELECT 1 -- it's\n, 'secret', a", "SELECT ? , '?', a"),
    "comments nest": ("SELECT /* a /* b */ secret */ 1", "SELECT ?"),
    "spaces": ("SELECT\n   a\tFROM t", "SELECT a FROM t"),
}


@pytest.mark.parametrize("case", list(TEXTS))
def test_a_statement_is_told_without_its_values(case: str) -> None:
    text, expected = TEXTS[case]
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    ["SELECT 1 -- password secret\nFROM t", "SELECT 1 -- it's a secret", "SELECT 'a' -- 'secret", "/* cut secret", "/* a /* b */ secret"],
)
def test_no_kind_of_comment_is_told(text: str) -> None:
    assert "secret" not in redacted(text)


def test_a_huge_statement_is_cut() -> None:
    assert len(redacted(f"SELECT {', '.join(['column_name'] * 100_000)}")) == 4_000


def test_the_tenants_setting_is_the_one_that_most_policies_read() -> None:
    policies: list[dict[str, str | None]] = [
        {"qual": "(clinic_id = (current_setting('app.clinic'::text))::integer)", "with_check": None},
        {"qual": "(id = (current_setting('app.clinic'::text))::integer)", "with_check": "current_setting('app.role')"},
    ]
    assert tenant_setting(policies) == "app.clinic"
    assert tenant_setting([]) is None
