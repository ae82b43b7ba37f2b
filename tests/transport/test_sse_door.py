"""HTTP+SSE of 2024-11-05: streams, the messages that belong to them, and their bounds."""

import asyncio
import json
import re
from typing import Any

import pytest
from aiohttp.web import BaseRequest

from helio.transport import sse_session
from transport.house import (
    EVENTS,
    PATIENCE,
    Agent,
    House,
    OpenHouse,
    Reply,
    chunk,
    event,
    json_answer,
    message,
    result,
    tool_call,
)
from upstream.peers import Conversation, Handler, always

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
NO_STREAM = b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n"
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
OPENING = b'{"protocolVersion":"2025-06-18","capabilities":{}}'


def server(*, call: Handler | None = None, standing: bytes = NO_STREAM) -> Handler:
    """A streamable HTTP server with sessions, whose calls are answered by `call`."""

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            sent = json.loads(request.body) if request.body else {}
            if request.method == "GET":
                await conversation.send(standing)
                if standing is not NO_STREAM:
                    await conversation.ended()
            elif sent.get("method") == "initialize":
                head = "mcp-session-id: up-1\r\n"
                await conversation.send(json_answer(result(b"0", OPENING), headers=head))
            elif sent.get("method") == "tools/call" and call is not None:
                await call(conversation)
            elif "id" in sent and "method" in sent:
                identifier = json.dumps(sent["id"]).encode()
                await conversation.send(json_answer(result(identifier)))
            else:
                await conversation.send(ACCEPTED)

    return handler


class Stream:
    """An agent's event stream."""

    def __init__(self, door: House, agent: Agent) -> None:
        self.door = door
        self.agent = agent
        self.kept = b""
        self.endpoint = ""

    async def open(self, headers: str = "") -> "Stream":
        await self.agent.ask(None, "GET", f"accept: text/event-stream\r\n{headers}", "/sse")
        async with asyncio.timeout(PATIENCE):
            status, self.headers = await self.agent.head()
        assert status == 200
        name, endpoint = await self.event()
        assert name == "endpoint"
        self.endpoint = endpoint.decode()
        return self

    async def event(self) -> tuple[str, bytes]:
        """The next event, comments left out."""
        while True:
            block = await self.block()
            if not block.startswith(b":"):
                name, data = block.split(b"\n", 1)
                return name.removeprefix(b"event: ").decode(), data.removeprefix(b"data: ")

    async def block(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            while b"\n\n" not in self.kept:
                size = int(await self.agent.reader.readuntil(b"\r\n"), 16)
                self.kept += await self.agent.reader.readexactly(size)
                await self.agent.reader.readexactly(2)
        block, _, self.kept = self.kept.partition(b"\n\n")
        return block

    async def message(self) -> Any:
        name, data = await self.event()
        assert name == "message"
        return json.loads(data)

    async def post(self, body: bytes, headers: str = "", path: str | None = None) -> Reply:
        agent = await self.door.agent()
        await agent.ask(body, headers=headers, path=path or self.endpoint)
        return await agent.reply()

    async def initialize(self) -> None:
        await self.post(message("initialize", "0"))
        assert (await self.message())["result"]["protocolVersion"] == "2025-06-18"
        await self.post(message("notifications/initialized", None))


async def opened(door: House, headers: str = "") -> Stream:
    return await Stream(door, await door.agent()).open(headers)


async def refused(door: House, headers: str = "", method: str = "GET") -> Reply:
    agent = await door.agent()
    await agent.ask(None, method, f"accept: text/event-stream\r\n{headers}", "/sse")
    return await agent.reply()


async def test_a_session_from_its_first_event_to_its_last(house: OpenHouse) -> None:
    door = await house(server())
    stream = await opened(door)
    assert re.fullmatch(r"/messages\?session_id=[\w-]{43}", stream.endpoint)
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["x-accel-buffering"] == "no"
    await stream.initialize()
    reply = await stream.post(tool_call("7"))
    assert (reply.status, reply.body) == (202, b"Accepted")
    assert await stream.message() == {"jsonrpc": "2.0", "id": 7, "result": {"content": []}}
    outcome = await door.outcome()
    assert outcome["status"] == "answered"
    (intent,) = [data for kind, data in door.records() if kind == "intent"]
    assert (intent["session_id"], intent["session_source"]) == ("up-1", "legacy_header")
    assert intent["protocol_version"] == "2025-06-18"


async def test_the_same_rules_hold(house: OpenHouse) -> None:
    door = await house(server(), policies="{rules: [{match: {tool: pay}, action: deny}]}")
    stream = await opened(door)
    await stream.initialize()
    await stream.post(tool_call("7"))
    blocked = (await stream.message())["result"]
    assert (blocked["isError"], blocked["_meta"]["helio/blocked"]["reason"]) == (
        True,
        "policy_denied",
    )


async def test_the_upstreams_own_messages_come_too(house: OpenHouse) -> None:
    door = await house(server(standing=EVENTS + event(NOTE)))
    stream = await opened(door)
    await stream.initialize()
    assert await stream.message() == json.loads(NOTE)


async def test_what_cannot_be_understood_is_answered_on_the_stream(house: OpenHouse) -> None:
    door = await house(server())
    stream = await opened(door)
    assert (await stream.post(b"[]")).status == 202
    assert (await stream.message())["error"]["code"] == -32600
    assert door.rejected == ["batch_refused"]


@pytest.mark.parametrize("size", [200_000, 10 << 20])
async def test_large_lines_are_unbroken(house: OpenHouse, size: int) -> None:
    text = b'"' + b"y" * size + b'"'

    async def call(conversation: Conversation) -> None:
        await conversation.send(json_answer(result(b"1", text)))

    door = await house(server(call=call))
    stream = await opened(door)
    await stream.initialize()
    await stream.post(tool_call("1"))
    name, data = await stream.event()
    assert (name, data) == ("message", result(b"1", text))


async def test_large_messages_of_the_agent_too(house: OpenHouse) -> None:
    door = await house(server(), max_body=300_000)
    stream = await opened(door)
    await stream.initialize()
    arguments = '{"text":"' + "y" * 200_000 + '"}'
    assert (await stream.post(tool_call("1", arguments=arguments))).status == 202
    assert (await stream.message())["id"] == 1
    reply = await stream.post(tool_call("2", arguments=arguments + " " * 200_000))
    assert (reply.status, reply.message["error"]["data"]["reason"]) == (413, "body_too_large")


async def test_who_posts_must_name_a_stream_that_stands(house: OpenHouse) -> None:
    door = await house(server())
    stream = await opened(door)
    for path in (
        "/messages",
        "/messages?session_id=",
        "/messages?session_id=nothing",
        f"{stream.endpoint}&session_id=nothing",
        f"{stream.endpoint}x",
    ):
        reply = await stream.post(tool_call(), path=path)
        assert (reply.status, reply.message["error"]["data"]["reason"]) == (404, "unknown_session")
    stream.agent.leave()
    await door.until(lambda: not len(door.sse))
    assert (await stream.post(tool_call())).status == 404


async def test_a_stream_belongs_to_the_agent_that_opened_it(house: OpenHouse) -> None:
    door = await house(server())

    async def by_name(request: BaseRequest) -> str | None:
        return str(request.headers["authorization"])

    door.sse._identify = by_name
    stream = await opened(door, "authorization: ann\r\n")
    assert (await stream.post(message("ping"), "authorization: bob\r\n")).status == 404
    assert (await stream.post(message("ping"), "authorization: ann\r\n")).status == 202
    assert (await stream.message())["id"] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("host: evil.example\r\n", 403),
        ("origin: https://evil.example\r\n", 403),
        ("accept: application/json\r\n", 406),
    ],
)
async def test_the_guards_hold_here_too(house: OpenHouse, headers: str, status: int) -> None:
    door = await house(server())
    agent = await door.agent()
    await agent.ask(None, "GET", headers, "/sse")
    assert (await agent.reply()).status == status
    assert (await refused(door, method="POST")).status == 405
    stream = await opened(door)
    assert (await stream.post(b"{}", "content-type: text/plain\r\n")).status == 415
    if status == 403:
        assert (await stream.post(b"{}", headers)).status == 403


async def test_streams_past_the_cap_are_refused_and_make_room_when_they_end(
    house: OpenHouse,
) -> None:
    door = await house(server(), max_sse_sessions=2)
    first, _second = await opened(door), await opened(door)
    for _ in range(3):
        reply = await refused(door)
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert reply.message["error"]["data"]["reason"] == "too_many_sessions"
    first.agent.leave()
    await door.until(lambda: len(door.sse) == 1)
    await opened(door)


async def test_many_streams_stand_at_once(house: OpenHouse) -> None:
    door = await house(server(), max_sse_sessions=100)
    streams = await asyncio.gather(*(opened(door) for _ in range(100)))
    assert len(door.sse) == 100
    assert len({stream.endpoint for stream in streams}) == 100
    await asyncio.gather(*(stream.initialize() for stream in streams))
    await asyncio.gather(*(stream.post(tool_call(str(n))) for n, stream in enumerate(streams)))
    answers = await asyncio.gather(*(stream.message() for stream in streams))
    assert [answer["id"] for answer in answers] == list(range(100))


async def test_a_call_outlives_its_agent(house: OpenHouse) -> None:
    go, called = asyncio.Event(), asyncio.Event()

    async def call(conversation: Conversation) -> None:
        called.set()
        await go.wait()
        await conversation.send(json_answer(result(b"1")))

    door = await house(server(call=call))
    stream = await opened(door)
    await stream.initialize()
    await stream.post(tool_call("1"))
    await called.wait()
    stream.agent.leave()
    await door.until(lambda: not door.sse._sessions)
    assert len(door.sse) == 1
    go.set()
    assert (await door.outcome())["status"] == "answered"
    await door.until(lambda: not len(door.sse))


async def test_a_silent_stream_gets_comments(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse_session, "HEARTBEAT_SECONDS", 0.05)
    door = await house(server())
    stream = await opened(door)
    assert [await stream.block() for _ in range(2)] == [b": keep-alive"] * 2


async def test_an_agent_that_takes_nothing_is_hung_up_on(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sse_session, "STALLED_SECONDS", 0.2)

    async def call(conversation: Conversation) -> None:
        await conversation.send(json_answer(result(b"1", b'"' + b"y" * (32 << 20) + b'"')))

    door = await house(server(call=call))
    stream = await opened(door)
    await stream.initialize()
    await stream.post(tool_call("1"))
    await door.until(lambda: not len(door.sse))
    assert "took nothing" in caplog.text
    assert (await door.outcome())["status"] == "answered"


async def test_a_slow_agent_holds_the_upstream_back(house: OpenHouse) -> None:
    sent = 0

    async def call(conversation: Conversation) -> None:
        nonlocal sent
        note = NOTE[:-2] + b'"x":"' + b"y" * 100_000 + b'"}}'
        await conversation.send(EVENTS)
        for _ in range(1000):
            await conversation.send(event(note))
            sent += len(note)
        await conversation.send(event(result(b"1")) + chunk(b""))

    door = await house(server(call=call))
    stream = await opened(door)
    await stream.initialize()
    await stream.post(tool_call("1"))
    before = -1
    while sent != before:
        before = sent
        await asyncio.sleep(0.2)
    # Kernel buffers on both sides hold some megabytes of loopback; the rest waits at its source.
    assert sent < 30 << 20
    while (got := await stream.message()).get("id") != 1:
        assert got["method"] == "notifications/message"
    assert sent > 95 << 20


async def test_the_end_of_helio_ends_the_streams(house: OpenHouse) -> None:
    door = await house(always(json_answer(result())))
    stream = await opened(door)
    await door.sse.close()
    async with asyncio.timeout(5):
        assert await stream.agent.reader.readuntil(b"0\r\n\r\n")
    assert (await refused(door)).status == 503
