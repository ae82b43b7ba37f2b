import hashlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.audit import segment


def test_a_line_reads_back_as_it_was_written() -> None:
    encoder = segment.Encoder(11, "a" * 64)
    raw = encoder.encode(b"intent", 1_767_323_045_678_901_234, b'{"call_id":"c"}')
    assert raw == (
        b'{"seq":12,"prev":"' + b"a" * 64 + b'","at":"2026-01-02T03:04:05.678901Z",'
        b'"kind":"intent","data":{"call_id":"c"}}\n'
    )
    line = segment.decode(raw[:-1])
    assert isinstance(line, segment.Line)
    assert (line.sequence, line.kind, line.carried) == (12, "intent", False)
    assert line.digest == hashlib.sha256(raw[:-1]).hexdigest() == encoder.digest
    assert segment.nanoseconds(line.at) == 1_767_323_045_678_901_000
    assert json.loads(raw)["data"] == line.values() == {"call_id": "c"}


def test_each_line_names_the_hash_of_the_one_before() -> None:
    encoder = segment.Encoder(0, segment.NO_HASH)
    first = encoder.encode(b"segment", 0, b"{}")
    second = segment.decode(encoder.encode(b"lifecycle", 0, b"{}")[:-1])
    assert isinstance(second, segment.Line)
    assert second.previous == hashlib.sha256(first[:-1]).hexdigest()


def test_a_carried_line_says_so() -> None:
    raw = segment.Encoder(0, segment.NO_HASH).encode(b"outcome", 0, b"{}", carried=True)
    line = segment.decode(raw[:-1])
    assert isinstance(line, segment.Line)
    assert line.carried
    assert json.loads(raw)["carried"] is True


def test_data_stays_on_one_line_though_raw_json_brings_line_breaks() -> None:
    data = segment.encode_data({"tool_input": orjson.Fragment(b'{\n"a":\n"x\\ny"}')})
    assert b"\n" not in data
    assert json.loads(data) == {"tool_input": {"a": "x\ny"}}


def test_data_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        segment.encode_data({"amount": object()})


def test_numbers_beyond_a_double_do_not_stop_a_reader() -> None:
    assert segment.parse(b'{"amount":1e400}') == {"amount": float("inf")}
    assert segment.parse(b'{"amount":' + b"9" * 400 + b"}") == {"amount": int("9" * 400)}


@given(st.binary(max_size=80))
def test_no_bytes_break_the_decoder(raw: bytes) -> None:
    assert isinstance(segment.decode(raw), str | segment.Line)


def test_a_line_with_a_hole_or_without_its_end_is_torn() -> None:
    assert segment.torn(b"")
    assert segment.torn(b'{"seq":1')
    assert segment.torn(b'{"seq":\0\0\n')
    assert not segment.torn(b"{}\n")
