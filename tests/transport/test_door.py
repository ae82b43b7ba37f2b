"""Streams, notifications and the end: what the door does besides requests."""

import asyncio
import logging

import pytest

from transport.house import (
    EVENTS,
    SESSION,
    OpenHouse,
    chunk,
    event,
    json_answer,
    message,
    result,
    tool_call,
)
from upstream.peers import Conversation, always, answering

NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
LIST_CHANGED = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


async def hang(conversation: Conversation) -> None:
    """Takes requests and answers none."""
    while await conversation.request() is not None:
        pass


async def test_a_stream_passes_byte_for_byte_until_its_upstream_ends_it(house: OpenHouse) -> None:
    pieces = [b": hello\n\n", b"id: 4\nretry: 5\ndata: \n\n", b"data: {}\r\n\r\nda", b"ta: {}\n\n"]
    stream = EVENTS + b"".join(chunk(piece) for piece in pieces)
    door = await house(answering(stream + chunk(b"")))
    agent = await door.agent()
    await agent.ask(None, "GET", f"{SESSION}last-event-id: 3\r\n")
    reply = await agent.reply()
    assert (reply.body, reply.whole) == (b"".join(pieces), True)
    assert reply.headers["x-accel-buffering"] == "no"


async def test_the_upstream_gets_what_the_agent_asked_for(house: OpenHouse) -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            header = request.header
            seen.append((request.method, header("mcp-session-id"), header("last-event-id")))
            await conversation.send(b"HTTP/1.1 405 No\r\nallow: POST\r\ncontent-length: 0\r\n\r\n")

    door = await house(handler)
    for method in ("GET", "DELETE"):
        agent = await door.agent()
        await agent.ask(None, method, f"{SESSION}last-event-id: 3\r\n")
        reply = await agent.reply()
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert seen == [("GET", "s1", "3"), ("DELETE", "s1", "3")]


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_stream_that_breaks_is_broken_for_the_agent_too(
    house: OpenHouse, then: str
) -> None:
    """Nothing else may follow: a second answer inside the first would be read as its body."""
    door = await house(answering(EVENTS + event(NOTE), then))
    agent = await door.agent()
    await agent.ask(None, "GET")
    reply = await agent.reply()
    assert (reply.body, reply.whole) == (b"event: message\ndata: " + NOTE + b"\n\n", False)


@pytest.mark.parametrize(
    "sent", [b"", EVENTS, EVENTS + event(NOTE), b"HTTP/1.1 405 No\r\ncontent-length: 9\r\n\r\n"]
)
async def test_a_stream_ends_with_its_agent(house: OpenHouse, sent: bytes) -> None:
    hung_up = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(sent)
        await conversation.ended()
        hung_up.set()

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(None, "GET")
    await door.until(lambda: door.peer.connections == 1)
    agent.leave()
    async with asyncio.timeout(5):
        await hung_up.wait()


async def test_changed_tools_are_noticed_wherever_a_chunk_ends(house: OpenHouse) -> None:
    stream = b"data: " + LIST_CHANGED + b"\n\n"
    door = await house(
        answering(EVENTS + b"".join(chunk(bytes([byte])) for byte in stream) + chunk(b""))
    )
    agent = await door.agent()
    await agent.ask(None, "GET")
    assert (await agent.reply()).body == stream
    assert door.changes == 1


async def test_a_silent_stream_gets_comments_between_its_events_only(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.transport.relay.HEARTBEAT_SECONDS", 0.05)
    on = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS + chunk(b"data: a\n\nda"))
        await asyncio.sleep(0.2)
        await conversation.send(chunk(b"ta: b\n\n"))
        await on.wait()
        await conversation.send(chunk(b"data: c\n\n") + chunk(b""))

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(None, "GET")
    await agent.head()
    async with asyncio.timeout(5):
        assert await agent.reader.readuntil(b"keep-alive\n\n")
    on.set()
    agent.leave()


async def test_many_streams_keep_no_call_waiting(house: OpenHouse) -> None:
    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if request.method == "GET":
                await conversation.send(EVENTS)
            else:
                await conversation.send(json_answer(result()))

    door = await house(handler)
    agents = [await door.agent() for _ in range(300)]
    await asyncio.gather(*(agent.ask(None, "GET") for agent in agents))
    assert [(await agent.head())[0] for agent in agents] == [200] * 300
    assert (await door.post(tool_call())).status == 200


@pytest.mark.parametrize(
    "body",
    [
        message("notifications/initialized", None),
        result(b"7"),
        b'{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}',
    ],
)
async def test_notifications_and_answers_pass(house: OpenHouse, body: bytes) -> None:
    seen: list[bytes] = []

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            seen.append(request.body)
            await conversation.send(ACCEPTED)

    door = await house(handler)
    reply = await door.post(body)
    assert (reply.status, reply.body, seen) == (202, b"", [body])


@pytest.mark.parametrize("sent", [b"", EVENTS + chunk(b": x\n\n")])
async def test_a_notification_is_not_awaited_for_ever(house: OpenHouse, sent: bytes) -> None:
    door = await house(answering(sent), request_timeout=0.2)
    assert (await door.post(message("notifications/x", None))).status == 504


async def test_an_upstream_that_is_not_there_is_said_to_be(house: OpenHouse) -> None:
    door = await house(hang, url="http://127.0.0.1:9/mcp")
    for body in (tool_call(), message("tools/list")):
        reply = await door.post(body)
        assert (reply.status, reply.message["error"]["code"]) == (200, -31002)
        assert reply.message["error"]["data"]["reason"] == "upstream_connect_failed"
    assert (await door.post(message("notifications/x", None))).status == 502
    assert (await door.outcome())["status"] == "not_forwarded"
    assert door.upstream.health.status == "down"


async def test_a_fault_inside_is_an_error_for_the_agent_and_in_the_log(
    house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    door = await house(always(json_answer(result())))
    door.governance = None  # type: ignore[assignment]
    reply = await door.post(tool_call())
    assert reply.message["error"]["data"]["reason"] == "internal_error"
    assert "failed inside Helio" in caplog.text
    assert door.peer.connections == 0


# the end


async def test_what_is_in_flight_may_finish_and_nothing_new_begins(house: OpenHouse) -> None:
    go = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if b'"method"' not in request.body:
                go.set()
                await conversation.send(ACCEPTED)
                continue
            await conversation.send(
                EVENTS + event(b'{"jsonrpc":"2.0","id":7,"method":"roots/list"}')
            )
            await go.wait()
            await conversation.send(event(result(b"1")) + chunk(b""))

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(tool_call())
    await agent.head()
    draining = asyncio.create_task(door.reception.drain(5))
    await asyncio.sleep(0)
    for body in (tool_call("2"), message("tools/list")):
        refused = await door.post(body)
        assert (refused.status, refused.message["error"]["data"]["reason"]) == (
            503,
            "shutting_down",
        )
    # The call in flight waits for its agent's own answer.
    assert (await door.post(result(b"7"))).status == 202
    assert await draining == 0
    assert (await door.outcome())["status"] == "answered"
    assert door.rejected == ["shutting_down", "shutting_down"]


@pytest.mark.parametrize(
    "sent", [b"", EVENTS + event(NOTE), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
async def test_what_does_not_finish_is_given_up_with_a_record_and_an_answer(
    house: OpenHouse, sent: bytes
) -> None:
    door = await house(answering(sent), request_timeout=60)
    call, listing = await door.agent(), await door.agent()
    await call.ask(tool_call())
    await listing.ask(message("tools/list", "2"))
    await door.until(lambda: door.peer.connections == 2)
    assert await door.reception.drain(0.1) == 2
    for agent in (call, listing):
        reply = await agent.reply()
        answer = (reply.events or [reply.message])[-1]
        assert answer["error"]["data"]["reason"] == "upstream_shutdown"
    outcome = await door.outcome()
    assert (outcome["status"], outcome["upstream_error"].split(":")[0]) == (
        "indeterminate",
        "shutdown",
    )


async def test_standing_streams_end_at_once(house: OpenHouse) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS + event(NOTE))
        await conversation.ended()

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(None, "GET")
    await agent.head()
    assert await door.reception.drain(5) == 0
    async with asyncio.timeout(5):
        await agent.reader.readuntil(b"\r\n0\r\n\r\n")
    late = await door.agent()
    await late.ask(None, "GET")
    assert (await late.reply()).status == 503


async def test_an_agent_that_takes_nothing_does_not_hold_up_the_end(
    house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    big = result(b"1", b'"' + b"y" * (16 << 20) + b'"')
    door = await house(answering(EVENTS + event(NOTE) + event(big) + chunk(b"")))
    agent = await door.agent()
    await agent.ask(tool_call())
    assert (await door.outcome())["status"] == "answered"
    assert await door.reception.drain(0.1) == 1
    await door.runner.cleanup()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
