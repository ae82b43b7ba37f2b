"""The binding's entry points: graphs, messages, answers, values, and what each refuses."""

import hashlib
import json
from typing import Any

import pytest

from helio import evaluator as native
from helio.evaluator import (
    HINTS,
    Evaluator,
    GraphError,
    MalformedMessage,
    PatternError,
    check_glob,
    check_regex,
    compare_numbers,
    glob_matches,
    graph_digest,
    inspect_answer,
    normalize_path,
    pack_hints,
    parse_message,
    select,
    tool_call,
    unpack_hints,
)


def test_all_that_is_exported_is_there() -> None:
    assert sorted(native.__all__, key=lambda name: name.casefold()) == sorted(
        {name for name in vars(native) if not name.startswith("_")} - {"Mapping"},
        key=lambda name: name.casefold(),
    )


def canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_digest_is_the_sha256_of_the_canonical_text(policy: Any) -> None:
    policy.rule("deny", policy.tool('zahl\u00e9 "ü" \\ \x1f\x7f'.replace("\x1f", "")), name="é\n")
    document = policy.document()
    expected = "sha256:" + hashlib.sha256(canonical(document)).hexdigest()
    spans = [[0, 1, 1, 1, 2]] * len(policy.nodes)
    document["source"] = {"files": ["helio.yaml"], "spans": spans}
    for text in (canonical(document), json.dumps(document, indent=2).encode()):
        assert graph_digest(text) == expected
        assert Evaluator(text).digest == expected


def test_a_graph_says_what_it_holds(policy: Any) -> None:
    policy.rule("deny", policy.tool("pay"), name="no pay")
    evaluator = policy.evaluator()
    assert evaluator.rule_count == 1
    assert not evaluator.needs_session_facts
    assert "rule 0 `no pay`: deny" in evaluator.listing()
    policy.rule("deny", policy.add("called", names=["x"]))
    assert policy.evaluator().needs_session_facts


def test_a_wrong_graph_is_refused(policy: Any) -> None:
    policy.rule("deny", policy.input("$['a']", {"gt": "5"}))
    with pytest.raises(GraphError, match="node 2: `gt` with"):
        policy.evaluator()
    with pytest.raises(GraphError, match="is an object"):
        graph_digest(b"[]")


def test_a_message_and_its_parts() -> None:
    body = (
        b'{"jsonrpc": "2.0", "id": "a\\u0062", "method": "tools/call", "params": {"name": '
        b'"p\\u0061y", "arguments": {"b": 1.0, "a": []}, "_meta": {"progressToken": 7}}}'
    )
    message = parse_message(body)
    assert message.body is body
    assert (message.kind, message.method, message.tool) == ("request", "tools/call", "pay")
    assert message.id == b'"a\\u0062"'
    assert message.arguments == b'{"b": 1.0, "a": []}'
    assert message.progress_token == b"7"
    assert message.canonical_arguments() == b'{"a":[],"b":1}'
    assert message.arguments_hash() == hashlib.sha256(b'{"a":[],"b":1}').hexdigest()


def test_other_messages() -> None:
    notification = parse_message(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert (notification.kind, notification.id) == ("notification", None)
    assert (notification.tool, notification.arguments) == (None, b"{}")
    assert notification.progress_token is None
    response = parse_message(b'{"jsonrpc":"2.0","id":1,"result":{}}')
    assert (response.kind, response.id, response.method) == ("response", b"1", None)


def test_a_refused_message_says_why() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}')
    reason, code, identifier, detail = caught.value.args
    assert (reason, code, identifier) == ("missing_tool_name", -32602, b"7")
    assert "params.name" in detail
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 200, b'"x"'])
def test_garbage_is_refused(policy: Any, body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_message(body)
    with pytest.raises(MalformedMessage):
        policy.evaluator().judge(body, "default")
    assert inspect_answer(body) is None


def test_a_call_is_composed() -> None:
    message = tool_call('a"b\\ü', b'{"x": 1}')
    assert json.loads(message.body) == {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "tools/call",
        "params": {"name": 'a"b\\ü', "arguments": {"x": 1}},
    }
    assert (message.tool, message.arguments) == ('a"b\\ü', b'{"x": 1}')


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("pay", b'{}},"x":{"y":{}', "parse_error"),
        ("pay", b"{}{}", "parse_error"),
        ("pay", b"", "parse_error"),
        ("pay", b'{"a":1,"A":1}', "duplicate_key"),
        ("pay", b"[]", "invalid_arguments"),
        ("pay\x00", b"{}", "invalid_tool_name"),
        ("", b"{}", "invalid_tool_name"),
    ],
)
def test_arguments_cannot_leave_the_envelope(tool: str, arguments: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        tool_call(tool, arguments)
    assert caught.value.args[0] == reason


def test_only_calls_are_decided(policy: Any) -> None:
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    with pytest.raises(ValueError, match="only a tools/call is decided"):
        policy.evaluator().decide(parse_message(ping), "default")
    with pytest.raises(ValueError, match="only a tools/call is decided"):
        policy.evaluator().judge(ping, "default")


def test_metadata_must_be_strict_json(policy: Any, make_call: Any) -> None:
    for metadata in (b"{", b'{"a":1,"a":2}', b""):
        with pytest.raises(ValueError, match="metadata: "):
            policy.evaluator().decide(make_call(), "default", metadata=metadata)


def test_answers() -> None:
    result = inspect_answer(b'{"jsonrpc":"2.0","id":7,"result":{"isError":true,"content":[]}}')
    assert result is not None
    assert (result.kind, result.id, result.is_error) == ("response", b"7", True)
    assert (result.method, result.error_code, result.error_message) == (None, None, None)
    error = inspect_answer(b'{"jsonrpc":"2.0","id":7,"error":{"code":-5,"message":"no"}}')
    assert error is not None
    assert (error.error_code, error.error_message, error.is_error) == (-5, "no", False)
    asked = inspect_answer(b'{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}')
    assert asked is not None
    assert (asked.kind, asked.method) == ("request", "sampling/createMessage")


def test_paths() -> None:
    for text in ("amount", "$.amount", "$['amount']", '$["amount"]'):
        assert normalize_path(text) == "$['amount']"
    document = b'{"a": [1, {"b": "x"}], "b": 2}'
    assert select("$..b", document) == [b"2", b'"x"']
    assert select("a[0]", document) == [b"1"]
    with pytest.raises(ValueError, match="the text ends"):
        select("$", b"")


def test_globs() -> None:
    assert glob_matches("pay_{a,b}*", "pay_bc")
    assert not glob_matches("pay", "pay2")


def test_refused_patterns_say_where() -> None:
    for check, pattern in (
        (lambda glob: glob_matches(glob, "x"), "{a"),
        (normalize_path, "$.ü[?@.a]"),
        (check_glob, "ü[a"),
        (check_regex, "(a"),
        (lambda text: select(text, b"{}"), "$.a["),
    ):
        with pytest.raises(PatternError) as caught:
            check(pattern)
        offset, message = caught.value.args
        assert isinstance(offset, int)
        assert 0 <= offset <= len(pattern.encode())
        assert message
        assert isinstance(caught.value, ValueError)
    check_glob("pay_{a,b}*")
    check_regex(r"^\d+$")


@pytest.mark.parametrize(
    ("left", "right", "expected"), [("1", "1.0", 0), ("-0", "0", 0), ("1e400", "1e399", 1)]
)
def test_numbers(left: str, right: str, expected: int) -> None:
    assert compare_numbers(left, right) == expected
    assert compare_numbers(right, left) == -expected


@pytest.mark.parametrize("text", ["", "01", "NaN", '"1"', "0x1", "1 2"])
def test_only_json_numbers_compare(text: str) -> None:
    with pytest.raises(ValueError, match="JSON numbers"):
        compare_numbers(text, "1")
    with pytest.raises(ValueError, match="JSON numbers"):
        compare_numbers("1", text)


@pytest.mark.parametrize(
    ("annotations", "mask"),
    [
        (None, 0),
        ({}, 0),
        ({"readOnlyHint": True}, 0b11),
        ({"readOnlyHint": False}, 0b01),
        ({"destructiveHint": True, "openWorldHint": False}, 0b01_00_11_00),
        ({"idempotentHint": True}, 0b00_11_00_00),
        ({"title": "Pay", "readOnlyHint": 1, "destructiveHint": "true"}, 0),
    ],
)
def test_hints_are_packed(annotations: dict[str, object] | None, mask: int) -> None:
    assert pack_hints(annotations) == mask
    stated = annotations or {}
    known = {name: stated[name] for name in HINTS if isinstance(stated.get(name), bool)}
    assert unpack_hints(mask) == known
