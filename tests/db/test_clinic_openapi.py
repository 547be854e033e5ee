"""Schemathesis calls a running app by its OpenAPI document: whatever it sends, the answers are those of the document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families
from running_clinic import form

from tenantry_clinic.app import AREAS

if TYPE_CHECKING:
    from running_clinic import Clinic

# Rows that exist, so that not everything is a 404.
KNOWN = """
headers = {{ Authorization = "Bearer {token}" }}

[generation]
deterministic = true
database = "none"

[dictionaries]
ids = {{ values = [1, 2, 3, 4] }}
vets = {{ values = [8, 9] }}
records = {{ values = [1, 26] }}
starts = {{ values = ["2026-02-02T09:00:00Z", "2026-02-03T17:30:00Z", "2026-02-04T09:00:00+01:00", "2026-02-04T09:07:00Z"] }}
dates = {{ values = ["2026-01-05", "2026-02-28"] }}
clinics = {{ values = ["loadtest-00001", "loadtest-00002"] }}
words = {{ values = ["Rex1", "First", "INV-3"] }}
emails = {{ values = ["user1@clinic.example"] }}
passwords = {{ values = ["right-password"] }}
orders = {{ values = [{order}, 1] }}
files = {{ values = [{file}] }}
open = {{ values = [{appointment}] }}

[parameters]
"path.id" = {{ dictionary = "ids", probability = 0.8 }}
"query.pet_id" = {{ dictionary = "ids", probability = 0.8 }}
"query.date" = {{ dictionary = "dates", probability = 0.5 }}
"query.clinic" = {{ dictionary = "clinics", probability = 0.8 }}
"query.q" = {{ dictionary = "words", probability = 0.5 }}
"body.pet_id" = {{ dictionary = "ids", probability = 0.8 }}
"body.owner_id" = {{ dictionary = "ids", probability = 0.8 }}
"body.vet_id" = {{ dictionary = "vets", probability = 0.8 }}
"body.record_id" = {{ dictionary = "records", probability = 0.8 }}
"body.slot.vet_id" = {{ dictionary = "vets", probability = 0.8 }}
"body.slot.starts_at" = {{ dictionary = "starts", probability = 0.8 }}
"body.items[*].product_id" = {{ dictionary = "ids", probability = 0.9 }}
"body.email" = {{ dictionary = "emails", probability = 0.8 }}
"body.password" = {{ dictionary = "passwords", probability = 0.8 }}

[[operations]]
include-name = "PATCH /api/appointments/{{id}}"
parameters = {{ "path.id" = {{ dictionary = "open", probability = 0.8 }} }}

[[operations]]
include-name = "GET /api/orders/{{id}}"
parameters = {{ "path.id" = {{ dictionary = "orders", probability = 0.8 }} }}

[[operations]]
include-name = "GET /api/prescription-files/{{id}}"
parameters = {{ "path.id" = {{ dictionary = "files", probability = 0.8 }} }}
"""
# A schema cannot say that slots begin every half hour, that marks come from a page, or that 5.0 is no integer.
COMMAND = ["run", "openapi.json", "--phases", "coverage,fuzzing,stateful", "--max-examples", "10", "--no-shrink", "--continue-on-failure"]
COMMAND += ["--exclude-checks", "positive_data_acceptance", "--warnings", "off"]
# Chance makes no PDF.
NEVER_DONE = {"POST /api/prescriptions/{id}/files"}


def references(part: Any) -> Iterator[str]:
    """The names of all schemas that a part of the document refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document, whose answers may have no property beside those that it names."""
    schemas = document["components"]["schemas"]
    wanted = [name for path in document["paths"].values() for operation in path.values() for name in references(operation["responses"])]
    while wanted:
        schema = schemas[wanted.pop()]
        if "additionalProperties" not in schema:
            schema["additionalProperties"] = False
            wanted += references(schema)
    return document


def test_whatever_is_sent_the_answers_are_those_of_the_document(own_clinic: Clinic, tmp_path: Path) -> None:
    document = own_clinic.call("GET", "/api/openapi.json").body
    (tmp_path / "openapi.json").write_text(json.dumps(strict(document)))
    order = own_clinic.post("/api/checkout", {"owner_id": 1, "items": [{"product_id": 1, "quantity": 1}]}).body["id"]
    body, headers = form(b"%PDF-1.7")
    token = own_clinic.token(1)
    file = own_clinic.call("POST", "/api/prescriptions/1/files", body, token=token, headers=headers).body["id"]
    # Nobody cancels it.
    appointment = own_clinic.post("/api/appointments", {"pet_id": 1, "slot": {"vet_id": 8, "starts_at": "2026-06-01T09:00:00Z"}}).body["id"]
    (tmp_path / "schemathesis.toml").write_text(KNOWN.format(token=token, order=order, file=file, appointment=appointment))

    command = [str(Path(sys.executable).with_name("schemathesis")), *COMMAND, "--url", f"http://127.0.0.1:{own_clinic.port}"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr

    # The app's own count: every operation was done, and nothing was answered that is not documented.
    seen: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(own_clinic.call("GET", "/metrics").body.decode()):
        for sample in family.samples:
            if sample.name == "clinic_requests_total":
                seen.setdefault(sample.labels["route"], set()).add(sample.labels["status"])
    assert seen.pop("unknown") <= {"404", "405"}
    for operation in (operation for area in AREAS for operation in area.operations):
        documented = set(document["paths"][operation.path][operation.method.lower()]["responses"])
        assert seen[operation.name] <= documented, operation.name
        assert str(operation.status) in seen[operation.name] or operation.name in NEVER_DONE, operation.name
        assert "503" not in seen[operation.name], operation.name
