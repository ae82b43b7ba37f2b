"""The SDK port before those who have a token of it, or none, and mean no good."""

import json
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.test_adapters import GET, POLICIES, TOKENS, Adapter
from end_to_end.test_reload import wait

pytestmark = pytest.mark.end_to_end

ANN, BOB = "the-token-of-ann-for-tests", "the-token-of-bob-for-tests"
SDK = f"""
sdk:
  port: '${{HELIO_TEST_SDK_PORT}}'
  tokens:
    - {{ name: ann, token: {ANN}, scopes: [sdk, adapter], agents: [ann] }}
    - {{ name: bob, token: {BOB}, scopes: [sdk, adapter], agents: ['bob*'] }}
"""


@pytest.fixture
def adapter(helio: HelioFactory, recorder: Recorder) -> Adapter:
    return Adapter(helio(POLICIES + SDK, upstream=recorder.url, environment=TOKENS))


def call(tool: str, **more: Any) -> dict[str, Any]:
    return {"origin": "crew", "session_id": "s1", "agent_id": "ann", "tool": {"name": tool}, **more}


def test_what_is_anothers_is_anothers(adapter: Adapter) -> None:
    paid = adapter.post("/evaluate", call("pay", arguments={"amount": 60}), ANN)[1]
    wired = adapter.post("/evaluate", call("wire"), ANN)[1]
    ticket = wired["approval"]["ticket_id"]
    given_up = {"evaluation_id": paid["evaluation_id"], "status": "not_executed"}
    costly = given_up | {"status": "success", "actual_amount": 1}
    resolution = {"decision": "approve", "resolved_by": "Bob"}
    for path, body in (
        ("/evaluate", call("pay", arguments={"amount": 60})),
        ("/audit", given_up),
        ("/audit", costly),
        ("/audit", given_up | {"evaluation_id": wired["evaluation_id"]}),
        (f"/approval/{ticket}", GET),
        (f"/approval/{ticket}/resolve", resolution),
        ("/session/s1?agent=ann", GET),
        ("/session/s1", GET),
        ("/evidence", {"session_id": "s1", "agent_id": "ann", "tool_name": "lookup", "data": 1}),
        ("/context", {"session_id": "s1", "agent_id": "ann", "key": "k", "value": 1}),
    ):
        status, found = adapter.post(path, body, BOB)
        assert (status, found["reason"]) == (403, "agent_not_allowed"), path
    assert adapter.post("/audit", costly, ANN)[0] == 201
    assert adapter.post(f"/approval/{ticket}/resolve", resolution, ANN)[0] == 200


def sent(adapter: Adapter, path: str, body: bytes, *headers: str) -> tuple[int, bytes]:
    """The status and what else answers these bytes."""
    token = TOKENS["HELIO_SDK_TOKEN" if path in SDK_PATHS else "HELIO_ADAPTER_TOKEN"]
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{adapter.process.sdk_port}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    with connected(adapter) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1]), answer.read()


def connected(adapter: Adapter) -> socket.socket:
    return socket.create_connection(("127.0.0.1", adapter.process.sdk_port), timeout=20)


SDK_PATHS = ("/evidence", "/context")
FOLDED = '{"a": 1, "A": 2}'
CALL = '"origin": "crew", "tool": {"name": "x"}'
REPORT = '"evaluation_id": "x", "status": "success"'
STRICT = [
    ("/evaluate", f'{{{CALL}, "arguments": {FOLDED}}}'),
    ("/evaluate", f'{{{CALL}, "metadata": {FOLDED}}}'),
    ("/evaluate", f'{{{CALL}, "origin": "other"}}'),
    ("/evaluate", '{"origin": "crew", "tool": {"name": "x", "n\\u0061me": "y"}}'),
    ("/evaluate", f'{{{CALL}, "arguments": {{"a": NaN}}}}'),
    ("/evaluate", f'{{{CALL}, "arguments": {{"a": 1e999}}}}'),
    ("/evaluate", f'{{{CALL}, "arguments": {"[" * 200}{"]" * 200}}}'),
    ("/evaluate", "[" * 100_000),
    ("/evaluate", '{"origin": "crew", "tool": {"name": "de\u200blete"}}'),
    (
        "/audit",
        f'{{"evaluation_id": "x", "status": "success", "evidence": [{{"data": {FOLDED}}}]}}',
    ),
    ("/audit", f'{{{REPORT}, "status": "error"}}'),
    ("/evidence", f'{{"session_id": "s1", "tool_name": "lookup", "data": {FOLDED}}}'),
    ("/evidence", f'{{"marks": [{{"session_id": "s", "tool_name": "lookup", "data": {FOLDED}}}]}}'),
    ("/evidence", '{"session_id": "s1", "tool_name": "look\u00adup", "data": 1}'),
    ("/evidence", '{"session_id": "s1", "tool_name": "lookup", "data": 1, "ttl": 1e999}'),
    ("/context", f'{{"session_id": "s1", "key": "k", "value": {FOLDED}}}'),
]


def test_what_is_not_strict_is_refused_and_no_fault(adapter: Adapter) -> None:
    for path, body in STRICT:
        status, answer = sent(adapter, path, body.encode())
        assert (status, b'"reason": "invalid"' in answer) == (400, True), (path, body, answer)
    for name in ("l\u043eokup", "LOOKUP", "\uff4cookup", "lookup "):
        mark = {"session_id": "s1", "tool_name": name, "data": 1}
        assert sent(adapter, "/evidence", json.dumps(mark).encode())[0] == 422, name
    # What a tool answered is kept, whatever its keys are.
    looked = adapter.evaluate("look")
    assert adapter.report(looked, result={"id": 1, "ID": 2})[0] == 201
    (row,) = adapter.process.calls()
    assert row["upstream_response"]["result"] == {"id": 1, "ID": 2}
    assert "Traceback" not in adapter.process.log.read_text("utf-8")


def test_requests_that_can_be_read_in_two_ways_are_none(adapter: Adapter) -> None:
    body = json.dumps(call("look")).encode()
    twice = f"Authorization: Bearer {TOKENS['HELIO_ADAPTER_TOKEN']}"
    elsewhere = f"http://elsewhere.example:{adapter.process.sdk_port}/evaluate"
    for path, headers, status in (
        ("/evaluate", ("Transfer-Encoding: chunked",), 400),
        ("/evaluate", ("Content-Length: 3",), 400),
        ("/evaluate", ("Host: elsewhere.example",), 400),
        ("/evaluate", (twice,), 401),
        ("/evaluate", ("Origin: null",), 403),
        ("/evaluate", ("Content-Type: text/plain",), 400),
        (elsewhere, (), 400),
        ("//evaluate", (), 404),
        ("/evidence/../evaluate", (), 401),
        ("/evaluate%2f", (), 404),
    ):
        assert sent(adapter, path, body, *headers)[0] == status, (path, headers)
    assert adapter.process.calls() == []
    assert "Traceback" not in adapter.process.log.read_text("utf-8")


def test_hundreds_that_say_nothing_hold_nobody_up(adapter: Adapter) -> None:
    head = f"POST /evaluate HTTP/1.1\r\nHost: 127.0.0.1:{adapter.process.sdk_port}\r\n"
    token = f"Authorization: Bearer {TOKENS['HELIO_ADAPTER_TOKEN']}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with ExitStack() as stack:
        for begun in ("", head, head + token, head + token + body):
            for _ in range(100):
                stack.enter_context(connected(adapter)).sendall(begun.encode())
        assert [adapter.runs("look") for _ in range(20)] == ["allow"] * 20


def test_a_token_of_a_reload_is_hidden_from_then_on(adapter: Adapter) -> None:
    new = "the-token-of-cid-for-tests"
    config = adapter.process.config
    token = f"    - {{ name: cid, token: {new}, scopes: [adapter], agents: [cid] }}\n"
    config.write_text(config.read_text("utf-8") + token, "utf-8")
    asked = call("look", agent_id="cid", arguments={"text": f"take {new}"})
    found: list[Any] = []

    def is_let_in() -> bool:
        status, answer = adapter.post("/evaluate", asked, new)
        found.append(answer)
        return status == 200

    wait("the new token", adapter.process, is_let_in)
    assert adapter.report(found[-1])[0] == 201
    (row,) = adapter.process.calls()
    assert row["tool_input"]["text"].startswith("take [redacted:")
    assert new not in json.dumps(row["tool_input"])
    assert new not in adapter.process.log.read_text("utf-8")
