import json

import pytest

from helio.protocol.jsonrpc import (
    PARSE_ERROR,
    error_answer,
    identity,
    result_answer,
    same_identifier,
)

RAW_IDS = [b"7", b'"a"', b'"\\u00e9"', b"12345678901234567890123", b"-0"]


@pytest.mark.parametrize("identifier", RAW_IDS)
def test_ids_come_back_byte_for_byte(identifier: bytes) -> None:
    assert b'"id":' + identifier + b"," in result_answer(identifier, {})
    assert b'"id":' + identifier + b"," in error_answer(identifier, -31001, "no")


def test_an_error_without_a_readable_id_carries_null() -> None:
    answer = json.loads(error_answer(None, PARSE_ERROR, 'say "what"\n'))
    assert answer == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32700, "message": 'say "what"\n'},
    }


def test_error_data_is_kept() -> None:
    answer = json.loads(error_answer(b"1", -31001, "no", {"blocked": True}))
    assert answer["error"]["data"] == {"blocked": True}


def test_a_result_is_kept() -> None:
    answer = json.loads(result_answer(b"1", {"isError": True, "content": []}))
    assert answer == {"jsonrpc": "2.0", "id": 1, "result": {"isError": True, "content": []}}


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        result_answer(b"1", {"when": object()})


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b"1", b"1", True),
        (b"1", b"2", False),
        (b"1", b'"1"', False),
        (b'"a"', b'"a"', True),
        (b'"\\u00e9"', '"é"'.encode(), True),
        (b'"a"', b'"b"', False),
        (b'"a"', b'"A"', False),
        (b"12345678901234567890123", b"12345678901234567890124", False),
        (b"1", b"null", False),
        (None, b"1", False),
        (None, None, False),
    ],
)
def test_ids_are_the_same_by_value(left: bytes | None, right: bytes | None, same: bool) -> None:
    assert same_identifier(left, right) is same


@pytest.mark.parametrize("identifier", [b"null", b"true", b"[1]", b"{}", b"[" * 5000 + b"]" * 5000])
def test_what_no_id_can_be_is_the_id_of_nothing(identifier: bytes) -> None:
    assert identity(identifier) is None
    assert not same_identifier(identifier, b"1")


def test_an_id_of_any_length_is_compared() -> None:
    assert identity(b"1" * 10_000) == float("inf")
    assert not same_identifier(b"1" * 10_000, b"1")
    assert identity(b"123456789012345678901234567890") == 123456789012345678901234567890
