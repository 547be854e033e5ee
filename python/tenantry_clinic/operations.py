"""Endpoints as declarations: path, parameters, body, answers. The router and the OpenAPI document are made from the same ones."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.auth import read_token
from tenantry_clinic.web import LARGEST_BODY, LARGEST_ID, Call, Invalid, Problem, ProblemBody, Visit

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
JSON = ("application/json",)
_DIGITS = re.compile("[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status means, and the type of its body."""

    text: str
    body: Any = ProblemBody
    content: tuple[str, ...] = JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint. Its function takes a Call (a Visit where `public`), and what it names: `key` (the `{id}` of the path), `query`, `body`.

    `answers` is the type of its answer's body, `content` how it is written; `problems` are all other answers, beside those that its inputs
    bring with them. `file` describes the file of the form that it reads itself; without `database` it answers without the database.
    """

    method: str
    path: str
    endpoint: Callable[..., Awaitable[Response]]
    area: str
    status: int = 200
    answers: Any = None
    content: tuple[str, ...] = JSON
    problems: Mapping[int, str | Answer] = field(default_factory=dict)
    public: bool = False
    database: bool = True
    file: str | None = None

    @property
    def name(self) -> str:
        """`GET /api/patients/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def inputs(self) -> dict[str, Any]:
        """The types of `key`, `query` and `body`, of those that the function takes."""
        hints = get_type_hints(self.endpoint, include_extras=True)
        return {name: hints[name] for name in inspect.signature(self.endpoint).parameters if name in ("key", "query", "body")}

    def route(self) -> Route:
        """The endpoint as the router wants it."""
        inputs, name = self.inputs, self.name

        async def handle(request: Request) -> Response:
            request.scope["timing"].route = name
            values: dict[str, Any] = {}
            call = _visit(request) if self.public else _call(request)
            if "key" in inputs:
                values["key"] = _key(request)
            if "query" in inputs:
                values["query"] = _query(request, inputs["query"])
            if "body" in inputs:
                values["body"] = await _body(request, inputs["body"])
            return await self.endpoint(call, **values)

        return Route(self.path, handle, methods=[self.method])


class Area:
    """A part of the app; collects its operations in the order in which they are declared."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.operations: list[Operation] = []

    def get(self, path: str, **details: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a reading endpoint; `details` are fields of Operation."""
        return self._declare("GET", path, details)

    def post(self, path: str, **details: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint that makes or does something."""
        return self._declare("POST", path, details)

    def patch(self, path: str, **details: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint that changes something."""
        return self._declare("PATCH", path, details)

    def _declare(self, method: str, path: str, details: dict[str, Any]) -> Callable[[Endpoint], Endpoint]:
        def declare(endpoint: Endpoint) -> Endpoint:
            self.operations.append(Operation(method, path, endpoint, self.name, **details))
            return endpoint

        return declare


def _visit(request: Request) -> Visit:
    state = request.app.state
    return Visit(request, state.db, state.settings, state.invoicing, request.scope["timing"])


def _call(request: Request) -> Call:
    state = request.app.state
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    identity = read_token(token, state.settings.secret) if scheme.lower() == "bearer" else None
    if identity is None:
        raise Problem(401, "a valid bearer token is needed")
    return Call(request, state.db, state.settings, state.invoicing, request.scope["timing"], identity)


def _key(request: Request) -> int:
    """The id in the path; what cannot be an id is unknown like any other."""
    wanted: str = request.path_params["id"]
    if not _DIGITS.fullmatch(wanted) or not 1 <= int(wanted) <= LARGEST_ID:
        raise Problem(404, "not found")
    return int(wanted)


def _query(request: Request, kind: Any) -> Any:
    given = dict(request.query_params)
    try:
        query = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid.by_msgspec(error) from None
    for name in given:
        if getattr(query, name, given) is None:
            raise Invalid(name, "leave it out instead")
    return query


async def _body(request: Request, kind: Any) -> Any:
    """The request's JSON as `kind`; 400 when it is no JSON, 413 when it is too long, 422 when it is another shape."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Problem(413, f"a body must have at most {LARGEST_BODY} bytes")
        chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks), type=kind)
    except msgspec.ValidationError as error:
        raise Invalid.by_msgspec(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None
