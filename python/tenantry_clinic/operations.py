"""Endpoints as declarations: path, parameters, body, answers. The router and the OpenAPI document are made from the same ones."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.auth import read_token
from tenantry_clinic.web import LARGEST_BODY, LARGEST_ID, Call, Invalid, Problem, ProblemBody, Visit

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
Handler = Callable[[Request], Awaitable[Response]]
JSON = ("application/json",)


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

    def handler(self) -> Handler:
        """The endpoint as a function of the request alone."""
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

        return handle


def routes(operations: Iterable[Operation]) -> list[Route]:
    """One for each path, so that an answer to another method names all that the path has."""
    of_path: dict[str, dict[str, Handler]] = {}
    for operation in operations:
        of_path.setdefault(operation.path, {})[operation.method] = operation.handler()
    return [_route(path, handlers) for path, handlers in of_path.items()]


def _route(path: str, handlers: Mapping[str, Handler]) -> Route:
    async def by_method(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    only = next(iter(handlers.values())) if len(handlers) == 1 else by_method
    return Route(path.replace("{id}", "{id:key}"), only, methods=list(handlers))


class _Key(Convertor[int]):
    """An id in a path; other text there is an unknown path."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("key", _Key())


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
    """The id in the path; one beyond the range of ids is unknown like any other."""
    wanted: int = request.path_params["id"]
    if not 1 <= wanted <= LARGEST_ID:
        raise Problem(404, "not found")
    return wanted


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
