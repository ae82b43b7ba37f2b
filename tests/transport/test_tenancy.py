"""Whose sessions are whose, at a door with everything behind it."""

import asyncio
import json

import pytest
from aiohttp.web import BaseRequest

from helio.transport.inbound import Inbound, Whole
from helio.transport.sessions import SessionTable
from transport.house import (
    EVENTS,
    SESSION,
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
from upstream.peers import Conversation, Handler

INITIALIZE = message("initialize", params='{"protocolVersion":"2025-11-25","capabilities":{}}')
REVISION = "mcp-protocol-version: 2026-07-28\r\n"


async def by_name(request: BaseRequest) -> str | None:
    """Believes whatever name an agent gives itself."""
    return request.headers.get("x-name")


def sessions(seen: list[str], *, streamed: bool = False, status: str = "200 OK") -> Handler:
    """A server whose `initialize` opens `s1`, `s2`, …; `seen` are the methods that it got."""

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            method = json.loads(request.body)["method"] if request.body else request.method
            seen.append(method)
            header = ""
            if method == "initialize":
                header = f"mcp-session-id: s{seen.count('initialize')}\r\n"
            if streamed:
                head = EVENTS.removesuffix(b"\r\n") + header.encode() + b"\r\n"
                await conversation.send(head + event(result()) + chunk(b""))
            else:
                await conversation.send(json_answer(result(), status, header))

    return handler


async def opened(house: House, name: str = "ann") -> Reply:
    return await house.post(INITIALIZE, f"x-name: {name}\r\n")


def reason(reply: Reply) -> str:
    return str(reply.message["error"]["data"]["reason"])


@pytest.mark.parametrize("streamed", [False, True])
async def test_one_session_too_many_is_refused_before_the_upstream_hears_of_it(
    house: OpenHouse, streamed: bool
) -> None:
    seen: list[str] = []
    held = SessionTable(most=3, most_per_agent=2)
    door = await house(sessions(seen, streamed=streamed), identify=by_name, held=held)
    assert [(await opened(door)).status for _ in range(2)] == [200, 200]
    late = await opened(door)
    assert (late.status, reason(late), late.headers["retry-after"]) == (
        503,
        "too_many_sessions",
        "30",
    )
    assert (await opened(door, "bob")).status == 200
    assert (await opened(door, "cec")).status == 503
    assert (seen, len(held)) == (["initialize"] * 3, 3)
    # Who mints sessions does not fill the audit.
    assert door.rejected == []


async def test_a_session_that_was_ended_makes_room(house: OpenHouse) -> None:
    seen: list[str] = []
    held = SessionTable(most=1)
    door = await house(sessions(seen), held=held)
    assert (await opened(door)).status == 200
    agent = await door.agent()
    await agent.ask(None, "DELETE", SESSION)
    assert (await agent.reply()).status == 200
    assert len(held) == 0
    assert (await opened(door)).status == 200


async def test_a_session_that_the_upstream_forgot_makes_room(house: OpenHouse) -> None:
    held = SessionTable(most=1)
    door = await house(sessions([], status="404 Not Found"), held=held)
    held.hold("default", "s1", None)
    assert (await door.post(message("tools/list"), SESSION)).status == 404
    assert len(held) == 0


async def test_an_initialize_that_fails_holds_nothing(house: OpenHouse) -> None:
    held = SessionTable(most=1)

    async def hang_up(conversation: Conversation) -> None:
        await conversation.request()
        conversation.reset()

    door = await house(hang_up, held=held)
    for _ in range(3):
        assert reason(await opened(door)).startswith("upstream_")
    assert len(held) == 0


async def test_nothing_of_a_session_is_another_agents(house: OpenHouse) -> None:
    seen: list[str] = []
    door = await house(sessions(seen), identify=by_name)
    await opened(door)
    headers = f"{SESSION}x-name: bob\r\n"
    for body in (tool_call(), message("ping"), message("notifications/initialized", None)):
        reply = await door.post(body, headers)
        assert (reply.status, reason(reply)) == (404, "unknown_session")
    for method in ("GET", "DELETE"):
        agent = await door.agent()
        await agent.ask(None, method, headers)
        assert (await agent.reply()).status == 404
    assert seen == ["initialize"]
    assert (await door.post(message("ping"), f"{SESSION}x-name: ann\r\n")).status == 200
    # 2026-07-28 has no sessions: what this header says means nothing there.
    modern = await door.post(message("ping"), f"{headers}{REVISION}")
    assert modern.status != 404


async def test_no_agent_cancels_the_calls_of_another(house: OpenHouse) -> None:
    """Not even in a session that nobody took down, as after a restart."""
    calling, free = asyncio.Event(), asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        request = await conversation.request()
        assert request is not None
        if json.loads(request.body)["method"] != "tools/call":
            await conversation.send(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
            return
        calling.set()
        await free.wait()
        await conversation.send(json_answer(result()))

    door = await house(slow, identify=by_name)
    agent = await door.agent()
    await agent.ask(tool_call(), headers=f"{SESSION}x-name: ann\r\n")
    await calling.wait()
    cancel = message("notifications/cancelled", None, '{"requestId":1}')
    assert (await door.post(cancel, f"{SESSION}x-name: bob\r\n")).status == 202
    (exchange,) = door.reception._in_flight
    assert exchange._stopped is None
    free.set()
    assert "result" in (await agent.reply()).message


async def test_what_asks_for_a_token_is_changed_for_the_agent(house: OpenHouse) -> None:
    async def ask_for_a_token(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            header = "www-authenticate: Bearer a\r\n"
            await conversation.send(json_answer(b"{}", "401 Unauthorized", header))

    def challenged(answer: Whole, inbound: Inbound) -> Whole:
        return Whole(answer.status, [(b"www-authenticate", inbound.method.encode())], answer.body)

    door = await house(ask_for_a_token, challenged=challenged)
    for body in (tool_call(), message("ping"), message("notifications/initialized", None)):
        assert (await door.post(body)).headers["www-authenticate"] == "POST"
    agent = await door.agent()
    await agent.ask(None, "GET")
    assert (await agent.reply()).headers["www-authenticate"] == "GET"
