from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.protocol.sse import Event, EventStreamParser, EventTooLarge, encode_event


def parse(stream: bytes) -> list[Event]:
    return EventStreamParser().feed(stream)


def only(stream: bytes) -> Event:
    (event,) = parse(stream)
    return event


def test_a_message_with_everything() -> None:
    stream = b"event: note\nid: 7\nretry: 1500\ndata: {}\n\n"
    assert only(stream) == Event(stream, b"{}", b"7", b"note", 1500)


def test_a_priming_event_has_an_id_and_empty_data() -> None:
    event = only(b"id: 0-1\nretry: 10\ndata:\n\n")
    assert (event.data, event.id, event.retry, event.event) == (b"", b"0-1", 10, b"message")


def test_lines_of_data_are_joined() -> None:
    assert only(b"data: a\ndata:b\ndata:  c\n\n").data == b"a\nb\n c"


def test_a_comment_is_a_block_without_data() -> None:
    event = only(b": ping - now\n\n")
    assert event.data is None
    assert event.raw == b": ping - now\n\n"


def test_fields_do_not_leak_into_the_next_event() -> None:
    first, second = parse(b"event: a\nid: 1\nretry: 2\ndata: x\n\ndata: y\n\n")
    assert first.id == b"1"
    assert (second.data, second.id, second.event, second.retry) == (b"y", None, b"message", None)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end(end: bytes) -> None:
    stream = end.join([b"id: 1", b"data: a", b"data: b", b"", b"data: c", b"", b""])
    first, second = parse(stream)
    assert (first.data, first.id, second.data) == (b"a\nb", b"1", b"c")
    assert first.raw + second.raw == stream


def test_an_event_ended_by_cr_does_not_wait_for_lf() -> None:
    parser = EventStreamParser()
    (first,) = parser.feed(b"data: a\r\r")
    assert first.data == b"a"
    assert parser.feed(b"\ndata: b\r\n") == []
    (second,) = parser.feed(b"\r\n")
    assert second.raw == b"\ndata: b\r\n\r\n"
    assert second.data == b"b"


def test_other_separators_of_python_do_not_end_lines() -> None:
    assert only(b"data: a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n\n").data == (
        b"a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f"
    )


def test_a_byte_order_mark_at_the_start_only() -> None:
    first, second = parse(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n")
    assert first.data == b"a"
    assert first.raw == b"\xef\xbb\xbfdata: a\n\n"
    assert second.data is None


@pytest.mark.parametrize("value", [b"1x", b"-1", b"", b"1.5", b"9" * 16])
def test_a_retry_that_is_no_number_is_ignored(value: bytes) -> None:
    assert only(b"retry: " + value + b"\ndata: a\n\n").retry is None


def test_an_id_with_nul_is_ignored() -> None:
    assert only(b"id: a\0b\ndata: x\n\n").id is None


def test_unknown_fields_and_lines_without_colon() -> None:
    event = only(b"what: ever\ndata\ndatax: y\n\n")
    assert event.data == b""


def test_an_unfinished_event_stays_pending() -> None:
    parser = EventStreamParser()
    assert parser.feed(b"data: a\n\ndata: b\n")[0].data == b"a"
    assert parser.feed(b"dat") == []
    assert parser.pending == b"data: b\ndat"


def test_an_event_over_the_cap_is_refused_however_it_comes() -> None:
    parser = EventStreamParser(event_cap=20)
    assert parser.feed(b"data: 0123456\n\n" * 2)[1].data == b"0123456"
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: 0123456789012345\n\n")
    parser = EventStreamParser(event_cap=20)
    with pytest.raises(EventTooLarge):
        for _ in range(30):
            parser.feed(b":")


@given(
    st.lists(
        st.sampled_from(
            [b"data: x", b"data", b"id: 1", b":c", b"event: e", b"\n", b"\r", b"\r\n", b"\n\n"]
        ),
        max_size=30,
    ).map(b"".join),
    st.lists(st.integers(0, 200), max_size=10),
)
def test_where_the_network_cuts_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    parser, events, last = EventStreamParser(), [], 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        events += parser.feed(stream[last:cut])
        last = cut
    assert b"".join(event.raw for event in events) + parser.pending == stream
    bytewise = EventStreamParser()
    singly = [
        event for index in range(len(stream)) for event in bytewise.feed(stream[index : index + 1])
    ]
    whole = parse(stream)
    # An LF right behind a block's last CR is raw of this block or of the next, as the cut has it.
    assert [_meaning(event) for event in events] == [_meaning(event) for event in whole]
    assert [_meaning(event) for event in singly] == [_meaning(event) for event in whole]


def _meaning(event: Event) -> tuple[object, ...]:
    return (event.data, event.id, event.event, event.retry)


def test_the_cost_of_a_long_line_is_linear() -> None:
    def seconds(size: int) -> float:
        parser = EventStreamParser()
        start = perf_counter()
        parser.feed(b"data: ")
        for _ in range(size // 64):
            parser.feed(b"x" * 64)
        assert len(parser.feed(b"\n\n")[0].data or b"") == size
        return perf_counter() - start

    small = min(seconds(1 << 18) for _ in range(3))
    assert min(seconds(1 << 22) for _ in range(2)) < 16 * 8 * small


@given(
    st.binary(max_size=40),
    st.none() | st.sampled_from([b"7", b"a b"]),
    st.none() | st.integers(0, 10**6),
)
def test_what_is_encoded_is_read_back(
    data: bytes, identifier: bytes | None, retry: int | None
) -> None:
    event = only(encode_event(data, event=b"note", identifier=identifier, retry=retry))
    assert event.data == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert (event.id, event.event, event.retry) == (identifier, b"note", retry)


@pytest.mark.parametrize("breaker", [b"\n", b"\r", b"\0"])
def test_fields_that_would_break_the_framing_are_refused(breaker: bytes) -> None:
    with pytest.raises(ValueError, match="id"):
        encode_event(b"", identifier=b"a" + breaker)
    with pytest.raises(ValueError, match="event"):
        encode_event(b"", event=b"a" + breaker)
