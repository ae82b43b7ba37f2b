"""The oracle's envelope: each row of the table of docs/architecture.md, by hand."""

import pytest

from oracle.envelope import Refused, parse_message
from oracle.numbers import Number

CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}'
REQUEST = '{"jsonrpc":"2.0","id":%s,"method":"ping"}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "parse_error"),
        ('{"jsonrpc":"2.0","JSONRPC":"2.0"}', "duplicate_key"),
        ("[]", "batch_refused"),
        ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', "batch_refused"),
        ('"x"', "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "invalid_version"),
        ('{"jsonrpc":2.0,"id":1,"method":"ping"}', "invalid_version"),
        *((REQUEST % i, "invalid_id") for i in ("1.0", "1e2", "null", "true", "{}", "[]")),
        ('{"jsonrpc":"2.0","id":1.5,"result":{}}', "invalid_id"),
        ('{"jsonrpc":"2.0","id":null,"result":{}}', "invalid_id"),
        ('{"jsonrpc":"2.0","id":false,"error":{}}', "invalid_id"),
        ('{"jsonrpc":"2.0","id":1.5,"method":7}', "invalid_method"),
        ('{"jsonrpc":"2.0","id":1.5,"method":7,"error":{}}', "invalid_request"),
        ('{"jsonrpc":"2.0","id":1,"method":7}', "invalid_method"),
        ('{"jsonrpc":"2.0","id":1,"method":null}', "invalid_method"),
        ('{"jsonrpc":"2.0","id":1}', "invalid_request"),
        ('{"jsonrpc":"2.0","result":{}}', "invalid_request"),
        ('{"jsonrpc":"2.0","id":1,"method":"a","result":{}}', "invalid_request"),
        ('{"jsonrpc":"2.0","id":1,"error":{},"result":{}}', "invalid_request"),
        ('{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}', "missing_id"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":1}', "invalid_params"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', "invalid_params"),
        ('{"jsonrpc":"2.0","id":1,"method":"tools/call"}', "invalid_params"),
        (CALL % "[]", "invalid_params"),
        (CALL % "{}", "missing_tool_name"),
        *((CALL % f'{{"name":{n}}}', "invalid_tool_name") for n in ("1", "null", '""')),
        *(
            (CALL % f'{{"name":"a{c}"}}', "invalid_tool_name")
            for c in ("\\u0000", "\u202e", "\u200b", "\u2028", "\u2029", "\x7f", "\ufeff")
        ),
        (CALL % f'{{"name":"{"a" * 257}"}}', "invalid_tool_name"),
        (CALL % f'{{"name":"{"é" * 129}"}}', "invalid_tool_name"),
        *(
            (CALL % f'{{"name":"a","arguments":{a}}}', "invalid_arguments")
            for a in ("[]", '"{}"', "1", "false")
        ),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused) as error:
        parse_message(text.encode())
    assert error.value.reason == reason


def test_taken() -> None:
    call = parse_message((CALL % '{"name":"é e","arguments":{"a":1}}').encode())
    assert (call.kind, call.tool, call.arguments) == ("request", "é e", {"a": Number("1")})
    for params in ('{"name":"a"}', '{"name":"a","arguments":null}'):
        assert parse_message((CALL % params).encode()).arguments == {}
    assert parse_message((CALL % f'{{"name":"{"é" * 128}"}}').encode()).tool == "é" * 128
    for identity in ('""', "-0", "9" * 400):
        assert parse_message((REQUEST % identity).encode()).kind == "request"
    assert parse_message(b'{"jsonrpc":"2.0","method":"a","params":[]}').kind == "notification"
    for answer in (
        '"id":1,"result":null',
        '"id":null,"error":{}',
        '"id":"x","error":1',
        '"error":1',
    ):
        assert parse_message(f'{{"jsonrpc":"2.0",{answer}}}'.encode()).kind == "response"
