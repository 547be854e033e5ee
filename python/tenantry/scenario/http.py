"""The HTTP side of a virtual user: one method per verb, all the same options."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from tenantry.errors import UsageError
from tenantry.metrics.declare import all_tags
from tenantry.metrics.place import current_group, current_tags
from tenantry.scenario.request import JSON, Params, compile_template, encode_data, encode_json, seconds, with_params
from tenantry.scenario.session import Response, Session

Expect = int | tuple[int, ...]


class Http:
    """Requests return awaitables, which tasks and task groups take as well: `page = await vu.get("/api/pets/{id}", id=7)`.

    Keyword arguments beyond the options fill the fields of the URL, percent-encoded; the template is then the name of the series.
    A request that fails does not raise: see `Response.ok`. The options:

    `name`: another name for the series. `params`: query string. `json`: body as JSON. `data`: body, a mapping as a form, str and bytes
    as they are. `headers`: added to the user's own. `expect`: the status or statuses that are no failure (default: 200 to 399).
    `timeout`: `5s` or seconds, for the whole request. `tags`: kept with its figures, added to those of the groups around.

    Wrong arguments raise UsageError, an error of the script.
    """

    __slots__ = ("_request",)

    def __init__(self, session: Session) -> None:
        self._request = session.request

    def get(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """GET; the options are those of the class."""
        # The path that nearly every request takes: nothing is built that was not asked for.
        if not (fields or params or headers or name or expect or tags) and timeout is None and "{" not in url:
            group = current_group.get()
            return self._request("GET", url, group=group, tags=current_tags.get()) if group else self._request("GET", url)
        return self.request("GET", url, name=name, params=params, headers=headers, expect=expect, timeout=timeout, tags=tags, **fields)

    def head(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """HEAD; the options are those of the class."""
        return self.request("HEAD", url, name=name, params=params, headers=headers, expect=expect, timeout=timeout, tags=tags, **fields)

    def options(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """OPTIONS; the options are those of the class."""
        return self.request("OPTIONS", url, name=name, params=params, headers=headers, expect=expect, timeout=timeout, tags=tags, **fields)

    def post(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """POST; the options are those of the class."""
        return self.request(
            "POST",
            url,
            name=name,
            params=params,
            json=json,
            data=data,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            **fields,
        )

    def put(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """PUT; the options are those of the class."""
        return self.request(
            "PUT",
            url,
            name=name,
            params=params,
            json=json,
            data=data,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            **fields,
        )

    def patch(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """PATCH; the options are those of the class."""
        return self.request(
            "PATCH",
            url,
            name=name,
            params=params,
            json=json,
            data=data,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            **fields,
        )

    def delete(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """DELETE; the options are those of the class."""
        return self.request(
            "DELETE",
            url,
            name=name,
            params=params,
            json=json,
            data=data,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            **fields,
        )

    def request(
        self,
        method: str,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """Send any method; the options are those of the class."""
        if fields or "{" in url:
            template = compile_template(url)
            url = template.fill(fields)
            name = name or f"{method} {template.path}"
        options: dict[str, Any] = _body(json, data, headers) if json is not None or data is not None else {}
        if name:
            options["name"] = name
        if headers:
            options["headers"] = headers
        if expect is not None:
            options["expect"] = (expect,) if isinstance(expect, int) else tuple(expect)
        if timeout is not None:
            options["timeout_s"] = seconds(timeout)
        group = current_group.get()
        if group:
            options["group"] = group
        if group or tags:
            options["tags"] = all_tags(tags)
        return self._request(method, with_params(url, params) if params else url, **options)


def _body(json: Any, data: Params | str | bytes | None, headers: Mapping[str, str] | None) -> dict[str, Any]:
    """Body and content type; a content-type among the headers stands."""
    if json is not None and data is not None:
        raise UsageError("a request has one body, json= or data=", hint="drop one of them")
    body, content_type = encode_data(data) if data is not None else (encode_json(json), JSON)
    if content_type is None or (headers and any(key.lower() == "content-type" for key in headers)):
        return {"body": body}
    return {"body": body, "content_type": content_type}
