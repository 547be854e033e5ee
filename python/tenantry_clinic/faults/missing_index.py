"""The index that finds a patient's medical records is gone."""

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.faults._rows import DROP_RECORDS, old_records

CREATE = "CREATE INDEX IF NOT EXISTS medical_records_pet_idx ON medical_records (clinic_id, pet_id, visited_at DESC)"

fault = Fault(
    summary="medical_records has no index by patient",
    parameter="medical records of each clinic, beside those that are seeded",
    default=20_000,
    most=1_000_000,
    symptom="medical records are slow, the slower the more of them a clinic has; one statement reads far more blocks than it returns rows",
    remedy=CREATE,
    shown=Show("medical_records", "60/s", tenants=10),
    scene=old_records,
    lay=lambda value: f"DROP INDEX IF EXISTS medical_records_pet_idx; {old_records(value)}",
    mend=f"{DROP_RECORDS}; {CREATE}",
)
