"""The index that finds a patient's medical records is gone."""

from tenantry_clinic.faults._model import Fault, Show

CREATE = "CREATE INDEX IF NOT EXISTS medical_records_pet_idx ON medical_records (clinic_id, pet_id, visited_at DESC)"

fault = Fault(
    summary="medical_records has no index by patient",
    symptom="medical records are slow, and slower the more of them a clinic has; one statement reads far more blocks than it returns rows",
    remedy=CREATE,
    shown=Show("medical_records", "100/s"),
    lay="DROP INDEX IF EXISTS medical_records_pet_idx",
    mend=CREATE,
)
