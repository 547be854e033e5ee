"""The HTTP side of a virtual user: one method per verb, all the same options."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from tenantry.errors import UsageError
from tenantry.metrics.declare import all_tags
from tenantry.metrics.place import current_group, current_tags
from tenantry.scenario.cookies import Cookies
from tenantry.scenario.download import Download
from tenantry.scenario.multipart import Files, multipart
from tenantry.scenario.request import JSON, Params, compile_template, encode_data, encode_json, seconds, with_params
from tenantry.scenario.session import Response, Session
from tenantry.scenario.transfer import Transfer
from tenantry.types import RequestOptions

Expect = int | tuple[int, ...]


class Http:
    """Requests return awaitables, which tasks and task groups take as well: `page = await vu.get("/api/pets/{id}", id=7)`.

    Keyword arguments beyond the options fill the fields of the URL, percent-encoded; the template is then the name of the series.
    A request that fails does not raise: see `Response.ok`. The options:

    `name`: another name for the series. `params`: query string. `json`: body as JSON. `data`: body, a mapping as a form, str and bytes
    as they are. `headers`: added to the user's own. `expect`: the status or statuses that are no failure (default: 200 to 399).
    `timeout`: `5s` or seconds, for the whole request. `tags`: kept with its figures, added to those of the groups around. `files`: a form
    with files, by field; with `data` for the other fields. `transfer`: what is rarely asked for, a `tenantry.http.Transfer`.

    Wrong arguments raise UsageError, an error of the script.
    """

    __slots__ = ("_request", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
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
        transfer: Transfer | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """GET; the options are those of the class."""
        # The path that nearly every request takes: nothing is built that was not asked for.
        if not (fields or params or headers or name or expect or tags or transfer) and timeout is None and "{" not in url:
            group = current_group.get()
            return self._request("GET", url, group=group, tags=current_tags.get()) if group else self._request("GET", url)
        return self.request(
            "GET", url, name=name, params=params, headers=headers, expect=expect, timeout=timeout, tags=tags, transfer=transfer, **fields
        )

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
        transfer: Transfer | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """HEAD; the options are those of the class."""
        return self.request(
            "HEAD", url, name=name, params=params, headers=headers, expect=expect, timeout=timeout, tags=tags, transfer=transfer, **fields
        )

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
        transfer: Transfer | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """OPTIONS; the options are those of the class."""
        return self.request(
            "OPTIONS",
            url,
            name=name,
            params=params,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            transfer=transfer,
            **fields,
        )

    def post(
        self,
        url: str,
        /,
        *,
        name: str | None = None,
        params: Params | None = None,
        json: Any = None,
        data: Params | str | bytes | None = None,
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
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
            files=files,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            transfer=transfer,
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
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
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
            files=files,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            transfer=transfer,
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
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
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
            files=files,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            transfer=transfer,
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
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
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
            files=files,
            headers=headers,
            expect=expect,
            timeout=timeout,
            tags=tags,
            transfer=transfer,
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
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect | None = None,
        timeout: str | float | None = None,
        tags: Mapping[str, str] | None = None,
        transfer: Transfer | None = None,
        **fields: Any,
    ) -> Coroutine[Any, Any, Response]:
        """Send any method; the options are those of the class."""
        url, name = _filled(method, url, name, fields)
        options = _body(json, data, files, headers) if json is not None or data is not None or files is not None else {}
        options |= _options(name, headers, expect, timeout, tags, transfer)
        return self._request(method, with_params(url, params) if params else url, **options)

    def stream(
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
        transfer: Transfer | None = None,
        **fields: Any,
    ) -> Download:
        """A request whose response is read while it comes in; it follows no redirects. The options are those of the class."""
        url, name = _filled(method, url, name, fields)
        options = _body(json, data, None, headers) if json is not None or data is not None else {}
        options |= _options(name, headers, expect, timeout, tags, transfer)
        return Download(self._session.stream(method, with_params(url, params) if params else url, **options))

    def events(self, url: str, /, *, headers: Mapping[str, str] | None = None, **options: Any) -> Download:
        """Server-Sent Events: `async with vu.events("/news") as news: async for event in news.events(): ...`; options as of `stream`."""
        return self.stream("GET", url, headers={"accept": "text/event-stream", **(headers or {})}, **options)

    @property
    def cookies(self) -> Cookies:
        """Those of this virtual user."""
        return Cookies(self._session)


def _filled(method: str, url: str, name: str | None, fields: Mapping[str, Any]) -> tuple[str, str | None]:
    """The URL with its fields filled in, and the name of the series, by default that of the template."""
    if not fields and "{" not in url:
        return url, name
    template = compile_template(url)
    return template.fill(fields), name or f"{method} {template.path}"


def _options(
    name: str | None,
    headers: Mapping[str, str] | None,
    expect: Expect | None,
    timeout: str | float | None,
    tags: Mapping[str, str] | None,
    transfer: Transfer | None,
) -> RequestOptions:
    options: RequestOptions = {}
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
    if transfer is not None:
        options |= transfer.options(headers)
    return options


def _body(json: Any, data: Params | str | bytes | None, files: Files | None, headers: Mapping[str, str] | None) -> RequestOptions:
    """Body and content type; a content-type among the headers stands."""
    if json is not None and (data is not None or files is not None):
        raise UsageError("a request has one body, json= or data= and files=", hint="drop one of them")
    if files is not None:
        if data is not None and not isinstance(data, Mapping):
            raise UsageError("the data beside files is no mapping", hint='write data={"title": "X-ray"}')
        parts, kind = multipart(data or {}, files)
        return {"parts": parts, "content_type": kind}
    body, content_type = encode_data(data) if data is not None else (encode_json(json), JSON)
    if content_type is None or (headers and any(key.lower() == "content-type" for key in headers)):
        return {"body": body}
    return {"body": body, "content_type": content_type}
