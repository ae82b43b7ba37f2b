"""A connection with its own framing, played as a client of streamable HTTP."""

import asyncio
import json

import pytest

from helio.transport import channel as module
from helio.transport.channel import AgentChannel
from helio.transport.inbound import Inbound, Reply, Whole
from transport.house import message, result, tool_call
from transport.script import (
    ACCEPTED,
    EVENTS,
    INITIALIZE,
    INITIALIZED,
    JSON,
    NOTE,
    Outbox,
    Script,
    answer,
    event,
    opened,
)


async def test_it_takes_session_and_revision_from_the_answer_to_initialize() -> None:
    script, outbox = Script(), Outbox()
    channel = AgentChannel(script, "git", outbox.send, agent="ann")
    await channel.take(INITIALIZE)
    assert outbox.messages[0]["result"]["protocolVersion"] == "2025-11-25"
    await channel.take(INITIALIZED)
    await channel.take(tool_call())
    await outbox.holds(2)
    first, told, standing, call = script.seen
    assert {inbound.target for inbound in script.seen} == {"git"}
    assert {inbound.caller.agent for inbound in script.seen} == {"ann"}
    assert {inbound.caller.channel for inbound in script.seen} == {channel.identifier}
    assert first.header("mcp-session-id") is None
    assert first.header("mcp-protocol-version") is None
    for inbound in (told, standing, call):
        assert inbound.header("mcp-session-id") == "s-1"
        assert inbound.header("mcp-protocol-version") == "2025-11-25"
    assert call.header("content-type") == "application/json"
    assert call.header("accept") == "application/json, text/event-stream"
    assert (standing.method, standing.header("accept")) == ("GET", "text/event-stream")
    assert standing.header("content-type") is None
    await channel.close(1)
    assert script.asked("DELETE")[0].header("mcp-session-id") == "s-1"


async def test_the_first_revision_knows_no_header_for_it() -> None:
    script, outbox = Script("2024-11-05", session=None), Outbox()
    channel = await opened(script, outbox)
    assert script.seen[-1].header("mcp-protocol-version") is None
    await channel.close(1)
    assert script.asked("DELETE") == []


async def test_initialize_may_be_answered_by_a_stream() -> None:
    script, outbox = Script(), Outbox()

    async def initialize(inbound: Inbound) -> Reply:
        stream = inbound.caller.open_stream(200, (*EVENTS, (b"mcp-session-id", b"s-2")))
        await stream.write(event(NOTE) + event(answer(inbound, {"protocolVersion": "2025-06-18"})))
        await stream.end()
        return stream

    script.on["initialize"] = initialize
    channel = await opened(script, outbox)
    assert script.seen[1].header("mcp-session-id") == "s-2"
    assert script.seen[1].header("mcp-protocol-version") == "2025-06-18"
    await channel.close(1)


async def test_who_begins_anew_gets_another_session() -> None:
    script, outbox = Script(), Outbox()
    channel = await opened(script, outbox)
    script.session = "s-2"
    await channel.take(INITIALIZE)
    await channel.take(INITIALIZED)
    assert script.asked("DELETE")[0].header("mcp-session-id") == "s-1"
    assert script.asked("initialize")[1].header("mcp-session-id") is None
    assert [inbound.header("mcp-session-id") for inbound in script.asked("GET")] == ["s-1", "s-2"]
    await channel.close(1)


async def test_a_messages_own_headers_stand_in_place_of_the_connections() -> None:
    script, outbox = Script(), Outbox()
    own = [(b"authorization", b"old"), (b"x-team", b"red")]
    channel = AgentChannel(script, None, outbox.send, headers=own)
    await channel.take(message("ping"), [(b"authorization", b"new")])
    await outbox.holds(1)
    (inbound,) = script.seen
    assert inbound.header("authorization") == "new"
    assert inbound.header("x-team") == "red"
    await channel.close(0)


@pytest.mark.parametrize("form", ["json", "stream", "event as a whole"])
async def test_an_answer_is_given_once_whatever_its_form(form: str) -> None:
    script, outbox = Script(), Outbox()

    async def call(inbound: Inbound) -> Reply:
        if form == "json":
            return Whole(200, JSON, answer(inbound))
        if form == "event as a whole":
            return Whole(200, EVENTS, event(answer(inbound)))
        stream = inbound.caller.open_stream(200, EVENTS)
        data = b": hello\n\nid: 7\ndata:\n\n" + event(NOTE) + event(answer(inbound))
        for byte in data:
            await stream.write(bytes([byte]))
        await stream.end()
        return stream

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call('"a"'))
    assert await channel.finish(5)
    notes = [json.loads(NOTE)] if form == "stream" else []
    assert outbox.messages == [*notes, {"jsonrpc": "2.0", "id": "a", "result": {}}]
    await channel.close(0)


async def test_a_message_is_on_one_line_and_keeps_every_other_byte() -> None:
    script, outbox = Script(), Outbox()
    body = b'{ "jsonrpc": "2.0",\r\n "id": 1,\n "result": {"n": 1.0e3, "t": "a\\nb"} }'

    async def call(_inbound: Inbound) -> Reply:
        return Whole(200, JSON, body)

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call())
    await outbox.holds(1)
    assert outbox.raw == [body.replace(b"\r\n", b"  ").replace(b"\n", b" ")]
    await channel.close(0)


@pytest.mark.parametrize("body", [message("notifications/x", None), result(b"4")])
async def test_what_is_no_request_gets_nothing(body: bytes) -> None:
    script, outbox = Script(), Outbox()

    async def refuse(_inbound: Inbound) -> Reply:
        return Whole(502, JSON, b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no"}}')

    script.on["notifications/x"] = script.on["response"] = refuse
    channel = await opened(script, outbox)
    await channel.take(body)
    assert outbox.raw == []
    await channel.close(0)


async def test_what_cannot_be_understood_is_answered() -> None:
    script, outbox = Script(), Outbox()
    refusal = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}'

    async def handle(inbound: Inbound) -> Reply:
        script.rejected.append(("parse_error", inbound.body))
        return Whole(400, JSON, refusal)

    script.handle = handle  # type: ignore[method-assign]
    channel = AgentChannel(script, None, outbox.send)
    for body in (b"{", b"[]", b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}'):
        await channel.take(body)
        assert script.rejected[-1] == ("parse_error", body)
    assert outbox.raw == [refusal] * 3
    await channel.close(0)


@pytest.mark.parametrize("identifier", ['"a"', "12345678901234567890123"])
async def test_an_error_without_an_id_gets_the_requests(identifier: str) -> None:
    script, outbox = Script(), Outbox()

    async def refuse(_inbound: Inbound) -> Reply:
        error = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no","data":[1.50]}}'
        return Whole(404, JSON, error)

    script.on["tools/list"] = refuse
    channel = await opened(script, outbox)
    await channel.take(message("tools/list", identifier))
    (given,) = await outbox.holds(1)
    error = {"code": -32600, "message": "no", "data": [1.5]}
    assert given == {"jsonrpc": "2.0", "id": json.loads(identifier), "error": error}
    await channel.close(0)


@pytest.mark.parametrize(
    "reply",
    [Whole(401), Whole(200), Whole(404, ((b"content-type", b"text/html"),), b"<p>no"), Whole(202)],
)
async def test_an_answer_that_is_no_message_is_an_error(
    reply: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    script, outbox = Script(), Outbox()

    async def refuse(_inbound: Inbound) -> Reply:
        return reply

    script.on["tools/list"] = refuse
    channel = await opened(script, outbox)
    await channel.take(message("tools/list", "5"))
    (given,) = await outbox.holds(1)
    assert given["id"] == 5
    assert given["error"]["code"] == -31002
    assert given["error"]["data"] == {"reason": "upstream_protocol_error", "status": reply.status}
    assert ("left out" in caplog.text) == bool(reply.body)
    await channel.close(0)


async def test_a_stream_that_breaks_off_is_an_error() -> None:
    script, outbox = Script(), Outbox()

    async def call(inbound: Inbound) -> Reply:
        stream = inbound.caller.open_stream(200, EVENTS)
        await stream.write(event(NOTE) + b"data: {")
        stream.hang_up()
        return stream

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call("8"))
    note, error = await outbox.holds(2)
    assert (note["method"], error["id"]) == ("notifications/message", 8)
    assert error["error"]["data"]["reason"] == "upstream_closed"
    await channel.close(0)


async def test_a_fault_inside_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    script, outbox = Script(), Outbox()

    async def call(_inbound: Inbound) -> Reply:
        raise LookupError("inside")

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    await channel.take(tool_call())
    (given,) = await outbox.holds(1)
    assert given["error"]["data"] == {"reason": "internal_error"}
    assert "failed inside Helio" in caplog.text
    await channel.close(0)


async def test_requests_run_beside_each_other_and_the_rest_in_order() -> None:
    script, outbox = Script(), Outbox()
    go, order = asyncio.Event(), []

    async def call(inbound: Inbound) -> Reply:
        await go.wait()
        return Whole(200, JSON, answer(inbound))

    async def slow(inbound: Inbound) -> Reply:
        for _ in range(5):
            await asyncio.sleep(0)
        order.append(inbound.body)
        return ACCEPTED

    script.on["tools/call"] = call
    script.on["notifications/x"] = slow
    channel = await opened(script, outbox)
    notes = [message("notifications/x", None, f'{{"n":{n}}}') for n in range(3)]
    await channel.take(tool_call("1"))
    for note in notes:
        await channel.take(note)
    await channel.take(tool_call("1"))
    await channel.take(message("tools/list", "2"))
    assert [each["id"] for each in await outbox.holds(1)] == [2]
    assert order == notes
    go.set()
    assert [each["id"] for each in await outbox.holds(3)] == [2, 1, 1]
    await channel.close(0)


async def test_too_many_requests_wait_and_are_then_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_REQUESTS", 2)
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.05)
    script, outbox = Script(), Outbox()
    go = asyncio.Event()

    async def call(inbound: Inbound) -> Reply:
        await go.wait()
        return Whole(200, JSON, answer(inbound))

    script.on["tools/call"] = call
    channel = await opened(script, outbox)
    for identifier in "123":
        await channel.take(tool_call(identifier))
    (refused,) = outbox.messages
    assert (refused["id"], refused["error"]["data"]["reason"]) == (3, "too_many_requests")
    monkeypatch.setattr(module, "ROOM_SECONDS", 5)
    asyncio.get_running_loop().call_later(0.02, go.set)
    await channel.take(tool_call("4"))
    assert sorted(each["id"] for each in await outbox.holds(4)) == [1, 2, 3, 4]
    await channel.close(0)


async def test_a_notification_without_a_receipt_keeps_no_call_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RECEIPT_SECONDS", 0.05)
    script, outbox = Script(), Outbox()
    channel = await opened(script, outbox)
    given_up = asyncio.Event()

    async def never(inbound: Inbound) -> Reply:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return ACCEPTED

    script.on["notifications/roots/list_changed"] = never
    async with asyncio.timeout(5):
        await channel.take(message("notifications/roots/list_changed", None))
        await channel.take(tool_call())
        await outbox.holds(1)
    assert not given_up.is_set()
    await channel.close(1)
    assert given_up.is_set()
