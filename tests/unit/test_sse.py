"""Server-Sent Events are found wherever the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.scenario.sse import Event, EventParser

STREAMS: list[tuple[str, bytes, list[Event]]] = [
    ("data alone is a message", b"data: hi\n\n", [Event("hi")]),
    ("lines are joined", b"data: a\ndata: b\n\n", [Event("a\nb")]),
    ("one space after the colon goes", b"data:  x\ndata:y\n\n", [Event(" x\ny")]),
    ("a comment is nothing", b": ping\n\ndata: 1\n\n", [Event("1")]),
    ("an event without data is none", b"event: e\n\ndata: 1\n\n", [Event("1")]),
    ("names, ids and retries", b"event: e\nid: 7\nretry: 250\ndata\n\n", [Event("", "e", "7", 250)]),
    ("an id lasts, a name does not", b"id: 7\nevent: e\ndata: 1\n\ndata: 2\n\n", [Event("1", "e", "7"), Event("2", "message", "7")]),
    ("carriage returns end lines as well", b"data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", [Event("1"), Event("2"), Event("3")]),
    ("a mark of the byte order is no data", b"\xef\xbb\xbfdata: 1\n\n", [Event("1")]),
    ("an incomplete event is none", b"data: 1\n\ndata: 2\n", [Event("1")]),
    ("a retry that is no number is ignored", b"retry: soon\ndata: 1\n\n", [Event("1")]),
]


@pytest.mark.parametrize(("stream", "events"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
def test_events(stream: bytes, events: list[Event]) -> None:
    assert EventParser().feed(stream) == events


@given(st.sampled_from([stream for _, stream, _ in STREAMS]), st.lists(st.integers(0, 60), max_size=5))
def test_it_does_not_matter_where_the_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    parser, found = EventParser(), []
    ends = [*sorted(cuts), len(stream)]
    for start, end in zip([0, *ends], ends, strict=False):
        found += parser.feed(stream[start:end])
    assert found == EventParser().feed(stream)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(stream: bytes) -> None:
    EventParser().feed(stream)
