"""The public JSON parsing suite, on the evaluator and on the oracle.

Each text stands as the `params` of a request. Since params are an object or an array, every other
value of the suite is refused as `invalid_params` once it was read: so a text that must be read is
refused for that at most, and one that must not be read is refused as no JSON.
"""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from helio import evaluator
from oracle.envelope import Refused
from oracle.envelope import parse_message as oracle_parse_message
from oracle.strict_json import JsonError, parse

Reason = Callable[[bytes], str | None]

# RFC 8259 lets these be read; Helio refuses them by its own rules (docs/architecture.md).
STRICTER = {
    "y_object_duplicated_key.json": "duplicate_key",
    "y_object_duplicated_key_and_value.json": "duplicate_key",
    "n_structure_open_array_object.json": "too_deep",
    "n_structure_100000_opening_arrays.json": "too_deep",
}


def native(body: bytes) -> str | None:
    try:
        evaluator.parse_message(body)
    except evaluator.MalformedMessage as error:
        return str(error.args[0])
    return None


def oracle(body: bytes) -> str | None:
    try:
        oracle_parse_message(body)
    except Refused as error:
        return error.reason
    return None


def embedded(text: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + text + b"}"


@pytest.mark.parametrize("reason", [native, oracle])
def test_the_suite_of_json_parsing(reason: Reason, json_case: dict[str, Any]) -> None:
    name = json_case["name"]
    text = base64.b64decode(json_case["base64"])
    found = reason(embedded(text))
    if name in STRICTER:
        assert found == STRICTER[name]
    elif name.startswith("n_"):
        assert found == "parse_error"
    elif name.startswith("y_"):
        assert found == (None if text.strip()[:1] in (b"{", b"[") else "invalid_params")


def test_both_read_alike_where_the_suite_leaves_it_open(json_case: dict[str, Any]) -> None:
    text = base64.b64decode(json_case["base64"])
    assert native(embedded(text)) == oracle(embedded(text))


def test_the_oracle_reads_a_text_alone_as_it_reads_it_embedded(json_case: dict[str, Any]) -> None:
    text = base64.b64decode(json_case["base64"])
    reason = None
    try:
        parse(text)
    except JsonError as error:
        reason = error.reason
    found = oracle(embedded(text))
    assert (None if found == "invalid_params" else found) == reason
