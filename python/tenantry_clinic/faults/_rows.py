"""Rows that faults add to a seeded clinic, so that it is large enough to show them; marked, so that they can be taken out again."""

from __future__ import annotations

MARK = "tenantry fault"
DROP_RECORDS = f"DELETE FROM medical_records WHERE notes LIKE '{MARK}%'"
DROP_PETS = f"DELETE FROM pets WHERE breed = '{MARK}'"
DROP_INVOICES = """
DROP INDEX IF EXISTS invoices_status_idx;
DELETE FROM invoices WHERE number LIKE 'FAULT-%';
ANALYZE invoices;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET plan_cache_mode', current_database()); END $$;
"""
_FIRST_PET = "(SELECT clinic_id, min(id) AS pet_id FROM pets GROUP BY 1) p"
_FIRST_VET = "(SELECT clinic_id, min(id) AS vet_id FROM users WHERE role = 'vet' GROUP BY 1) v USING (clinic_id)"
_EACH_PET = "(SELECT clinic_id, id, row_number() OVER (PARTITION BY clinic_id ORDER BY id) - 1 AS place FROM pets) p"


def old_records(count: float) -> str:
    """So many medical records in each clinic, all of its first patient, over the last ten years."""
    return f"""
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT clinic_id, pet_id, vet_id, timestamptz '2026-01-01' - n % 3650 * interval '1 day', 'healthy', 'none', '{MARK}', 4
FROM {_FIRST_PET} JOIN {_FIRST_VET}, generate_series(1, {count:.0f}) AS n;
ANALYZE medical_records;
"""


def long_records(count: float) -> str:
    """So many medical records with a page of notes in each clinic, no index in the order of time, and no parallel workers for them.

    The table is in that order itself, so that whoever sorts it meets long ones from the start.
    """
    return f"""
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT clinic_id, pet_id, vet_id, timestamptz '2026-01-01' - n % 1000 * interval '1 day', 'healthy', 'none', rpad('{MARK}', 1800), 4
FROM {_FIRST_PET} JOIN {_FIRST_VET}, generate_series(1, {count:.0f}) AS n;
CLUSTER medical_records USING medical_records_time_idx;
DROP INDEX medical_records_time_idx;
ALTER TABLE medical_records SET (parallel_workers = 0);
ANALYZE medical_records;
"""


def scattered_records(count: float) -> str:
    """So many medical records of the last ten months in each clinic; no page has two of the same one."""
    return f"""
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT clinic_id, pet_id, vet_id, timestamptz '2026-01-01' - n % 300 * interval '1 day', 'healthy', 'none', rpad('{MARK}', 1200), 4
FROM {_FIRST_PET} JOIN {_FIRST_VET}, generate_series(1, {count:.0f}) AS n ORDER BY n, clinic_id;
ANALYZE medical_records;
"""


def more_pets(count: float) -> str:
    """So many patients in each clinic whose names nobody looks for."""
    return f"""
INSERT INTO pets (clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
SELECT clinic_id, owner_id, 'Zz' || md5(n::text), 'cat', '{MARK}', 'female', '2020-01-01', 4
FROM (SELECT clinic_id, min(id) AS owner_id FROM users GROUP BY 1) o, generate_series(1, {count:.0f}) AS n;
ANALYZE pets;
"""


def paid_invoices(count: float, status: str = "paid", clinics: str = "ALL") -> str:
    """So many invoices in so many clinics, all later than the seeded ones."""
    return f"""
INSERT INTO invoices (clinic_id, owner_id, number, status, issued_on, due_on, total)
SELECT clinic_id, owner_id, 'FAULT-' || n, '{status}', date '2026-01-05' + n % 30, '2026-03-01', 10
FROM (SELECT clinic_id, min(id) AS owner_id FROM users GROUP BY 1 ORDER BY 1 LIMIT {clinics}) o, generate_series(1, {count:.0f}) AS n;
ANALYZE invoices;
"""


def invoices_by_status(count: float, status: str = "paid", clinics: str = "ALL") -> str:
    """The same beside an index by status, and plans that follow the statistics."""
    return f"""
CREATE INDEX invoices_status_idx ON invoices (clinic_id, status);
{paid_invoices(count, status, clinics)}
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_custom_plan', current_database()); END $$;
"""
