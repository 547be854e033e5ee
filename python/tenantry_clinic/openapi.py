"""The app's OpenAPI document, from its operations."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from tenantry_clinic.operations import Answer, Operation
from tenantry_clinic.web import LARGEST_ID

_REF = "#/components/schemas/{name}"
_DESCRIPTION = """A veterinary clinic SaaS: the reference app of tenantry. A row that the caller's clinic does not have is a 404, whether
another clinic has it or nobody. Lists come in pages: `next` of one is `after` of the following one, and null on the last."""


class _Schemas:
    """The schema of every type that some operation takes or answers with."""

    def __init__(self, types: Iterable[Any]) -> None:
        kinds = list(dict.fromkeys(types))
        schemas, self.components = msgspec.json.schema_components(kinds, ref_template=_REF)
        self._of = dict(zip(kinds, schemas, strict=True))

    def __getitem__(self, kind: Any) -> dict[str, Any]:
        schema: dict[str, Any] = self._of[kind]
        return schema


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1: every operation with its parameters, body, answers and who may call it."""
    all_of_them = list(operations)
    schemas = _Schemas(kind for operation in all_of_them for kind in _types(operation))
    paths: dict[str, dict[str, Any]] = {}
    for operation in all_of_them:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tenantry clinic", "version": "1", "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _types(operation: Operation) -> list[Any]:
    body = [operation.inputs["body"]] if "body" in operation.inputs else []
    return [*body, *(answer.body for answer in _answers(operation).values())]


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    inputs = operation.inputs
    described: dict[str, Any] = {
        "operationId": f"{operation.area}_{operation.endpoint.__name__}",
        "tags": [operation.area],
        "summary": (inspect.getdoc(operation.endpoint) or "").partition("\n")[0],
        "responses": {str(status): _response(answer, schemas) for status, answer in sorted(_answers(operation).items())},
        "security": [] if operation.public else [{"bearer": []}],
    }
    parameters = _path_parameters(inputs) + _query_parameters(inputs)
    if parameters:
        described["parameters"] = parameters
    if "body" in inputs:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[inputs["body"]]}}}
    if operation.file:
        described["requestBody"] = _form(operation.file)
    return described


def _form(description: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": description}
    schema = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _path_parameters(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    return [{"name": "id", "in": "path", "required": True, "schema": schema}] if "key" in inputs else []


def _query_parameters(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    if "query" not in inputs:
        return []
    (_,), components = msgspec.json.schema_components([inputs["query"]], ref_template=_REF)
    schema = components[inputs["query"].__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(wanted)}
        for name, wanted in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out: it has no value that stands for nothing."""
    if "enum" in schema:
        return {"enum": [value for value in schema["enum"] if value is not None]}
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _answers(operation: Operation) -> dict[int, Answer]:
    """By status: success, what the operation itself names, and what its inputs bring with them."""
    inputs, file = operation.inputs, operation.file
    brought = {
        400: "The body cannot be read" if "body" in inputs or file else "",
        401: "" if operation.public else "A valid bearer token is needed",
        404: "Unknown, or another clinic's" if "key" in inputs else "",
        413: "The body is too long" if "body" in inputs else "",
        422: "A value is wrong" if "body" in inputs or "query" in inputs or file else "",
        503: "The database is not available" if operation.database else "",
    }
    told = {status: Answer(text) for status, text in brought.items() if text}
    named = {status: problem if isinstance(problem, Answer) else Answer(problem) for status, problem in operation.problems.items()}
    return told | named | {operation.status: Answer("Done", operation.answers, operation.content)}


def _response(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    return {"description": answer.text, "content": {kind: {"schema": schemas[answer.body]} for kind in answer.content}}
