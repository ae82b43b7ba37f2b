"""Cutting streams into messages, and editing messages in place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.errors import UpstreamFailed
from helio.upstream.line import LineCutter, edited, on_one_line

LINES = st.lists(st.binary().map(lambda data: data.translate(None, b"\r\n")))


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 7))
def test_lines_are_cut_wherever_the_pieces_are(
    lines: list[bytes], ending: bytes, step: int
) -> None:
    stream = b"".join(line + ending for line in lines) + b"rest"
    cutter, found = LineCutter(), []
    for start in range(0, len(stream), step):
        found += cutter.feed(stream[start : start + step])
    assert found == [line for line in lines if line]
    assert cutter.feed(b"\n") == [b"rest"]


def test_a_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert LineCutter(10).feed(b"1234567890\n") == [b"1234567890"]
    cutter = LineCutter(10)
    assert cutter.feed(b"123456") == []
    with pytest.raises(UpstreamFailed) as caught:
        cutter.feed(b"78901")
    assert (caught.value.reason, caught.value.sent) == ("too_large", True)


def test_many_small_pieces_of_one_line_cost_no_more_than_few() -> None:
    cutter = LineCutter()
    for _ in range(200_000):
        assert cutter.feed(b"x") == []
    assert cutter.feed(b"\n") == [b"x" * 200_000]


@given(st.recursive(st.text() | st.integers(), st.lists), st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_message_on_one_line_says_the_same(value: object, ending: str) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False).replace("\n", ending).encode()
    line = on_one_line(text)
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == value
    assert len(line) == len(text)


@given(st.binary(min_size=20), st.permutations([(1, 3, b"ab"), (3, 3, b""), (7, 20, b"c" * 50)]))
def test_edits_change_their_places_only(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    assert edited(data, edits) == data[:1] + b"ab" + data[3:7] + b"c" * 50 + data[20:]


def test_no_edit_is_no_copy() -> None:
    message = b"as it is"
    assert edited(message, []) is message
