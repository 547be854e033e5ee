"""The app's OpenAPI document, from its operations."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from tenantry_clinic.operations import Operation
from tenantry_clinic.web import LARGEST_ID

_REF = "#/components/schemas/{name}"
_PROBLEM = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_ALWAYS = {503: "The database is not available"}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1: every operation with its parameters, body, answers and who may call it."""
    all_of_them = list(operations)
    bodies = [operation.inputs["body"] for operation in all_of_them if "body" in operation.inputs]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REF)
    schema_of = dict(zip(bodies, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in all_of_them:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tenantry clinic", "version": "1", "description": "A veterinary clinic SaaS: the reference app of tenantry."},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(operation: Operation, schema_of: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    inputs = operation.inputs
    described: dict[str, Any] = {
        "operationId": f"{operation.area}_{operation.endpoint.__name__}",
        "tags": [operation.area],
        "summary": (inspect.getdoc(operation.endpoint) or "").partition("\n")[0],
        "responses": _responses(operation),
        "security": [] if operation.public else [{"bearer": []}],
    }
    parameters = _path_parameters(inputs) + _query_parameters(inputs)
    if parameters:
        described["parameters"] = parameters
    if "body" in inputs:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema_of[inputs["body"]]}}}
    if operation.file:
        form = {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary", "description": operation.file}},
            "required": ["file"],
        }
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return described


def _path_parameters(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    return [{"name": "id", "in": "path", "required": True, "schema": schema}] if "key" in inputs else []


def _query_parameters(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    if "query" not in inputs:
        return []
    (_,), components = msgspec.json.schema_components([inputs["query"]], ref_template=_REF)
    schema = components[inputs["query"].__name__]
    required = schema.get("required", [])
    return [{"name": name, "in": "query", "required": name in required, "schema": wanted} for name, wanted in schema["properties"].items()]


def _responses(operation: Operation) -> dict[str, Any]:
    problems = {**_ALWAYS, **operation.problems}
    if not operation.public:
        problems[401] = "A valid bearer token is needed"
    if operation.inputs or operation.file:
        problems.setdefault(422, "A value is wrong")
    if "body" in operation.inputs or operation.file:
        problems.setdefault(400, "The body cannot be read")
    if "key" in operation.inputs:
        problems.setdefault(404, "Unknown, or another clinic's")
    content = {"application/json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    found: dict[str, Any] = {str(status): {"description": text, "content": content} for status, text in sorted(problems.items())}
    return {str(operation.status): {"description": "Done", "content": {operation.content: {}}}, **found}
