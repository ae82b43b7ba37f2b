"""Lines out of a stream that comes in pieces."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.protocol.lines import LineParser, TooLong, one_line


def lines(pieces: list[bytes], cap: int = 100) -> list[bytes | TooLong]:
    parser = LineParser(cap, kept=4)
    found = [line for piece in pieces for line in parser.feed(piece)]
    last = parser.end()
    return found if last is None else [*found, last]


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").strip(b"\r"))),
    st.lists(st.integers(0, 200)),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_pieces_do_not_matter(texts: list[bytes], places: list[int], end: bytes) -> None:
    stream = b"".join(text + end for text in texts)
    assert lines(cut(stream, places)) == [text for text in texts if text.strip()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_cap_counts_the_line_without_its_end(end: bytes) -> None:
    assert lines([b"x" * 10 + end], cap=10) == [b"x" * 10]
    assert lines([b"x" * 11 + end], cap=10) == [TooLong(b"xxxx")]


def test_a_line_over_the_cap_is_not_held_and_the_next_is_whole() -> None:
    parser = LineParser(10)
    for _ in range(1000):
        assert parser.feed(b"x" * 1000) == []
        assert sum(map(len, parser._pieces)) == 0
    assert parser.feed(b"\n{}\n") == [TooLong(b"x" * 1000), b"{}"]


def test_what_comes_after_the_last_end_is_a_line() -> None:
    assert lines([b"{}\n{", b"}"]) == [b"{}", b"{}"]


def test_a_line_of_many_pieces_is_put_together_once() -> None:
    size = 4 << 20
    pieces = [b"y" * 64] * (size // 64)
    assert lines([*pieces, b"\n"], cap=size) == [b"y" * size]


@pytest.mark.parametrize("text", ['{"a":\r\n1,\n"b":[1,\r2]}', '{"a":"\\n"}'])
def test_a_message_on_one_line_means_the_same(text: str) -> None:
    line = one_line(text.encode())
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == json.loads(text)
