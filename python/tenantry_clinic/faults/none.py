"""The healthy app."""

from tenantry_clinic.faults._model import Fault, Show

fault = Fault(
    summary="nothing is wrong",
    symptom="none",
    remedy="nothing to remove",
    shown=Show("mixed", "60/s"),
)
