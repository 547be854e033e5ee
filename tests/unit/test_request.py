"""From the arguments of a request to what goes on the wire."""

import datetime
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import UsageError
from tenantry.scenario.request import FORM, TEXT, compile_template, encode_data, encode_json, seconds, with_params


@pytest.mark.parametrize(
    ("url", "values", "filled", "path"),
    [
        ("/api/pets/{id}", {"id": 7}, "/api/pets/7", "/api/pets/{id}"),
        ("/a/{x}/b/{y}", {"y": "2", "x": "1"}, "/a/1/b/2", "/a/{x}/b/{y}"),
        ("/a/{x}/{x}", {"x": "1"}, "/a/1/1", "/a/{x}/{x}"),
        ("/search?q={q}&page=2", {"q": "cat & dog"}, "/search?q=cat%20%26%20dog&page=2", "/search"),
        ("/files/{name_}", {"name_": "a/b?c#d%"}, "/files/a%2Fb%3Fc%23d%25", "/files/{name_}"),
        ("/day/{day}", {"day": datetime.date(2026, 1, 5)}, "/day/2026-01-05", "/day/{day}"),
        ("/{word}", {"word": "Überraschung"}, "/%C3%9Cberraschung", "/{word}"),
        ("http://127.0.0.1:1/pets/{id}", {"id": 7}, "http://127.0.0.1:1/pets/7", "/pets/{id}"),
        ("/flag/{on}", {"on": True}, "/flag/True", "/flag/{on}"),
    ],
)
def test_a_template_is_filled_and_names_the_series(url: str, values: dict[str, object], filled: str, path: str) -> None:
    template = compile_template(url)
    assert (template.fill(values), template.path) == (filled, path)


@given(st.text(max_size=30))
def test_any_value_stays_in_its_segment_and_can_be_read_back(value: str) -> None:
    try:
        filled = compile_template("/a/{x}/b").fill({"x": value})
    except UnicodeEncodeError:
        return
    segments = filled.split("/")
    assert (len(segments), unquote(segments[2])) == (4, value)
    assert filled.isascii() and "?" not in filled and "#" not in filled


URLS = st.text("/{}ab_?=&:.#ü %", max_size=30) | st.lists(st.sampled_from(["/", "{a}", "{b_}", "x", "?q=", "{"])).map("".join)


@given(URLS, st.text("a/{}?ü%", max_size=5))
def test_any_text_is_a_template_that_can_be_filled_or_an_error_of_its_user(url: str, value: str) -> None:
    try:
        template = compile_template(url)
    except UsageError:
        return
    filled = template.fill(dict.fromkeys(template.fields, value))
    assert all(f"{{{field}}}" in url for field in template.fields)
    bare = re.split(r"\{\w+\}", url)
    assert filled == quote(value, safe="").join(bare)
    with pytest.raises(UsageError):
        template.fill({**dict.fromkeys(template.fields, value), "another": value})


@pytest.mark.parametrize(
    ("url", "values", "message", "hint"),
    [
        ("/pets/{id}", {}, "no value for {id}", "id=..."),
        ("/pets/{id}", {"ids": 7}, "no value for {id}", "id=..."),
        ("/pets/{id}", {"id": 7, "param": 1}, "unknown keyword argument 'param'", "did you mean params?"),
        ("/pets", {"id": 7}, "unknown keyword argument 'id'", "known: name"),
        ("/pets/{id}", {"id": None}, "{id} in the URL /pets/{id} is None", "give it a value"),
        ("/pets/{}", {}, "braces in the URL", "/pets/{id}"),
        ("/pets/{id", {"id": 7}, "braces in the URL", "/pets/{id}"),
        ("/pets/{2}", {}, "braces in the URL", "/pets/{id}"),
        ("/pets/{name}", {}, "has the name of an option", "name_"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(url: str, values: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_template(url).fill(values)
    assert message in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("url", "params", "result"),
    [
        ("/a", {"date": "2026-01-05"}, "/a?date=2026-01-05"),
        ("/a?b=1", {"c": 2}, "/a?b=1&c=2"),
        ("/a", {"tag": ["x", "y"], "all": True}, "/a?tag=x&tag=y&all=true"),
        ("/a", [("k", 1), ("k", 2)], "/a?k=1&k=2"),
        ("/a", {"gone": None}, "/a"),
        ("/a", {"q": "a&b=c d"}, "/a?q=a%26b%3Dc+d"),
    ],
)
def test_parameters_become_a_query_string(url: str, params: Any, result: str) -> None:
    assert with_params(url, params) == result


@pytest.mark.parametrize(
    ("data", "body", "content_type"),
    [
        ({"a": "1 2", "b": [3, 4]}, b"a=1+2&b=3&b=4", FORM),
        ([("a", "1")], b"a=1", FORM),
        ("grüße", "grüße".encode(), TEXT),
        (b"\x00\xff", b"\x00\xff", None),
        (bytearray(b"x"), b"x", None),
    ],
)
def test_data_is_encoded_by_its_type(data: Any, body: bytes, content_type: str | None) -> None:
    assert encode_data(data) == (body, content_type)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_form_can_be_read_back(form: dict[str, str]) -> None:
    body, _ = encode_data(form)
    assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == form


def test_json_takes_dates() -> None:
    assert encode_json({"day": datetime.date(2026, 1, 5), "n": None}) == b'{"day":"2026-01-05","n":null}'


@pytest.mark.parametrize(("timeout", "result"), [("5s", 5.0), ("250ms", 0.25), (2, 2.0), (0.5, 0.5)])
def test_a_time_out_is_in_seconds(timeout: str | float, result: float) -> None:
    assert seconds(timeout) == result


@pytest.mark.parametrize("timeout", [0, -1, "0s", "soon"])
def test_a_time_out_that_no_request_can_meet_is_refused(timeout: str | float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        seconds(timeout)
