"""A policy of row-level security that calls a function for every row."""

from __future__ import annotations

from tenantry_clinic.faults._model import Fault, Show

TENANT = "(SELECT nullif(current_setting('app.clinic_id', true), '')::bigint)"
CALL = "clinic_of_session()"
_FUNCTION = """
CREATE FUNCTION clinic_of_session() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN nullif(current_setting('app.clinic_id', true), '')::bigint;
END
$$;
"""


def _alter(tenant: str) -> str:
    return f"ALTER POLICY tenant ON pets USING (clinic_id = {tenant}) WITH CHECK (clinic_id = {tenant});"


def _policies(value: float) -> str:
    more = (f"CREATE POLICY tenant_{number} ON pets TO clinic_app USING (clinic_id = {CALL});" for number in range(2, int(value) + 1))
    return _FUNCTION + _alter(CALL) + "".join(more)


_MEND = rf"""
DO $$
DECLARE
    another text;
BEGIN
    FOR another IN SELECT policyname FROM pg_policies WHERE tablename = 'pets' AND policyname LIKE 'tenant\_%' LOOP
        EXECUTE format('DROP POLICY %I ON pets', another);
    END LOOP;
END
$$;
{_alter(TENANT)}
DROP FUNCTION IF EXISTS clinic_of_session();
"""

fault = Fault(
    summary="the policy of pets calls a volatile plpgsql function: what counts them calls it for every row of all clinics",
    parameter="policies that each call it",
    default=1,
    least=1,
    most=20,
    symptom="whatever reads patients is slow, the slower the more clinics there are; the function is called for rows, not for statements",
    remedy=f"ALTER POLICY tenant ON pets USING (clinic_id = {TENANT})",
    shown=Show("dashboard", "20/s"),
    lay=_policies,
    mend=_MEND,
)
