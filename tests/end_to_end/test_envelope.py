"""What malformed and hostile messages come to: refused, recorded, and never forwarded."""

import json

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.wire import call, request
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

CALL = '"method":"tools/call"'
REFUSED: list[tuple[str, bytes, str, int]] = [
    ("empty batch", b"[]", "batch_refused", -32600),
    (
        "a call in a batch",
        b'[{"jsonrpc":"2.0","id":1,%s,"params":{"name":"delete_order"}}]' % CALL.encode(),
        "batch_refused",
        -32600,
    ),
    ("a nested batch", b"[[[]]]", "batch_refused", -32600),
    ("a batch of notifications", b'[{"jsonrpc":"2.0","method":"x"}]', "batch_refused", -32600),
    ("no JSON", b"{", "parse_error", -32700),
    ("no bytes", b"", "parse_error", -32700),
    ("a text", b'"tools/call"', "not_an_object", -32600),
    ("two values", b"{} {}", "parse_error", -32700),
    ("a byte order mark", b"\xef\xbb\xbf{}", "parse_error", -32700),
    ("invalid UTF-8", b'{"a":"\xff"}', "parse_error", -32700),
    ("deep", b"[" * 200 + b"]" * 200, "too_deep", -32700),
]


def with_params(params: str) -> bytes:
    return f'{{"jsonrpc":"2.0","id":1,{CALL},"params":{params}}}'.encode()


def with_id(identifier: str) -> bytes:
    return f'{{"jsonrpc":"2.0","id":{identifier},{CALL},"params":{{"name":"read_mail"}}}}'.encode()


REFUSED += [
    (f"params {params}", with_params(params), reason, code)
    for params, reason, code in [
        ('{"name":"ok","name":"delete_order"}', "duplicate_key", -32600),
        ('{"name":"ok","Name":"delete_order"}', "duplicate_key", -32600),
        ('{"name":"ok","n\\u0061me":"delete_order"}', "duplicate_key", -32600),
        ('{"name":"ok","arguments":{"a":{"x":1,"X":2}}}', "duplicate_key", -32600),
        ("{}", "missing_tool_name", -32602),
        ("[]", "invalid_params", -32602),
        ('{"name":7}', "invalid_tool_name", -32602),
        ('{"name":""}', "invalid_tool_name", -32602),
        ('{"name":"delete_order\\u0000"}', "invalid_tool_name", -32602),
        ('{"name":"read\\u202email"}', "invalid_tool_name", -32602),
        ('{"name":"read_mail","arguments":[1]}', "invalid_arguments", -32602),
        ('{"name":"read_mail","arguments":"{}"}', "invalid_arguments", -32602),
        ('{"name":"read_mail","arguments":{"n":NaN}}', "parse_error", -32700),
        ('{"name":"read_mail","arguments":{"n":Infinity}}', "parse_error", -32700),
        ('{"name":"read_mail","arguments":{"n":0x10}}', "parse_error", -32700),
        ('{"name":"read_mail","arguments":{"n":' + "9" * 401 + "}}", "number_too_long", -32700),
    ]
]
REFUSED += [
    (f"id {identifier}", with_id(identifier), "invalid_id", -32600)
    for identifier in ("null", "true", "1.0", "1e2", "{}", "[]")
]
REFUSED += [
    (
        "a call without an id",
        f'{{"jsonrpc":"2.0",{CALL},"params":{{"name":"delete_order"}}}}'.encode(),
        "missing_id",
        -32600,
    ),
    ("another version", b'{"jsonrpc":"1.0","id":1,"method":"ping"}', "invalid_version", -32600),
]

ALLOW_ALL = "policies: { default: allow }"


@pytest.mark.parametrize("revision", ["", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_malformed_messages_are_refused_and_recorded_and_not_one_byte_arrives(
    helio: HelioFactory, recorder: Recorder, revision: str
) -> None:
    process = helio(ALLOW_ALL, upstream=recorder.url)
    for label, body, reason, code in REFUSED:
        reply = request(process.mcp_url, body, headers={"mcp-protocol-version": revision})
        assert reply.status == 400, label
        assert reply.message["error"]["code"] == code, label
        assert reply.message["error"]["data"]["reason"] == reason, label
    assert recorder.arrived() == []
    rows = process.calls()
    assert [row["block_reason"] for row in rows] == [reason for _, _, reason, _ in REFUSED]
    assert {row["policy_decision"] for row in rows} == {"rejected"}


def test_an_error_answer_bears_the_id_that_could_be_read(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(ALLOW_ALL, upstream=recorder.url)
    reply = request(process.mcp_url, with_params("{}"))
    assert reply.message["id"] == 1


GUARDED: list[tuple[str, dict[str, str], int]] = [
    ("a foreign host", {"host": "evil.example"}, 403),
    ("a host that begins like ours", {"host": "localhost.evil.example"}, 403),
    ("a host with a user", {"host": "localhost@evil.example"}, 403),
    ("a foreign origin", {"origin": "https://evil.example"}, 403),
    ("a null origin", {"origin": "null"}, 403),
    ("text/plain", {"content-type": "text/plain"}, 415),
    ("JSON by substring", {"content-type": "text/plain; application/json"}, 415),
    ("JSON as a prefix", {"content-type": "application/jsonp"}, 415),
    ("no content type", {"content-type": ""}, 415),
    ("another encoding of characters", {"content-type": "application/json; charset=utf-7"}, 415),
    ("an encoded body", {"content-encoding": "gzip"}, 415),
    ("a later revision", {"mcp-protocol-version": "2026-07-28"}, 400),
]
PASSING: list[dict[str, str]] = [
    {"content-type": "application/json; charset=utf-8"},
    {"content-type": "Application/JSON"},
    {"host": "LOCALHOST"},
    {"host": "localhost:9"},
]


def test_guards_refuse_before_anything_is_forwarded(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(ALLOW_ALL, upstream=recorder.url)
    body = with_params('{"name":"read_mail"}')
    for label, headers, status in GUARDED:
        assert request(process.mcp_url, body, headers=headers).status == status, label
    for path in ("/mcp/", "//mcp", "/mcp;x", "/%6dcp", "/./mcp", "/mcp/../mcp", "/", "/sse/"):
        assert request(process.mcp_url, body, path=path).status == 404, path
    for method in ("PUT", "OPTIONS", "PATCH"):
        reply = request(process.mcp_url, None, method=method)
        assert reply.status == 405
        assert reply.headers["allow"] == "GET, POST, DELETE"
    assert request(process.mcp_url, None, method="GET", headers={"host": "evil"}).status == 403
    assert recorder.arrived() == []
    for headers in PASSING:
        assert request(process.mcp_url, body, headers=headers).status == 200, headers
    types = {dict(each.headers)["content-type"] for each in recorder.calls()}
    assert types == {"application/json"}


def test_a_body_over_the_cap_is_refused_before_it_is_read(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(
        "listen: { port: '${HELIO_TEST_PORT}', max_body: 1000 }\n" + ALLOW_ALL,
        upstream=recorder.url,
    )
    fits = with_params('{"name":"read_mail","arguments":{"a":"%s"}}' % ("x" * 800))
    assert request(process.mcp_url, fits).status == 200
    reply = request(process.mcp_url, b" " * 1001)
    assert reply.status == 413
    promised = request(process.mcp_url, None, headers={"content-length": "10000000"})
    assert promised.status == 413
    assert len(recorder.arrived()) == 1


def test_the_bytes_that_were_judged_are_the_bytes_that_are_forwarded(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(ALLOW_ALL, upstream=recorder.url)
    body = (
        b'{ "params" : {"arguments":{"z":1.0,"a":1E+2,"n":123456789012345678901234567890,'
        b'"u":"\\u00e9\xc3\xa9"},\n"name":"read_mail"},"method":"tools\\/call","id":"x","jsonrpc":"2.0"}'
    )
    assert request(process.mcp_url, body).status == 200
    assert recorder.arrived() == [body]
    (row,) = process.calls()
    assert row["tool_name"] == "read_mail"


def test_only_the_exact_name_is_the_denied_one(helio: HelioFactory, recorder: Recorder) -> None:
    policies = "policies: { unknown_tools: deny, rules: [{ match: { tool: x }, action: allow }] }"
    process = helio(policies, upstream=recorder.url)
    name = "delete_order"
    mutations = {
        name[:i] + c + name[i + 1 :] for i in range(len(name)) for c in "D\u0435 .O\uff10_-"
    }
    mutations |= {name + " ", " " + name, name.upper(), name + "s"}
    for mutated in sorted(mutations - {name}):
        reply = call(process.mcp_url, mutated)
        assert reply.blocked["reason"] in ("unknown_tool", "invalid_tool_name"), mutated
    assert recorder.calls() == []
    assert call(process.mcp_url, name).blocked is None


def test_every_refused_request_says_what_is_wrong(helio: HelioFactory, recorder: Recorder) -> None:
    process: HelioProcess = helio(ALLOW_ALL, upstream=recorder.url)
    reply = request(process.mcp_url, b"{}", headers={"content-type": "text/plain"})
    assert "application/json" in reply.message["error"]["message"]
    reply = request(
        process.mcp_url,
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
        headers={"mcp-protocol-version": "2025-13-01"},
    )
    supported = json.loads(reply.body)["error"]["data"]["supported"]
    assert supported[:2] == ["2026-07-28", "2025-11-25"]
