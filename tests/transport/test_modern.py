"""Requests of 2026-07-28 at the HTTP door."""

import asyncio
import json

import pytest

from transport.house import (
    EVENTS,
    OpenHouse,
    chunk,
    event,
    json_answer,
    result,
)
from upstream.peers import Conversation

META = json.dumps(
    {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
)
CALL = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    f'{{"name":"pay","arguments":{{}},"_meta":{META}}}}}'
).encode()
LISTEN = (
    '{"jsonrpc":"2.0","id":5,"method":"subscriptions/listen","params":'
    f'{{"notifications":{{"toolsListChanged":true}},"_meta":{META}}}}}'
).encode()
CALL_HEADERS = (
    "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: pay\r\n"
    "mcp-session-id: ignored\r\n"
)


async def test_a_call_goes_up_with_its_mirrors_and_without_a_session(house: OpenHouse) -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def upstream(conversation: Conversation) -> None:
        seen.put_nowait(await conversation.request())
        await conversation.send(json_answer(result(), headers="mcp-session-id: s\r\n"))

    door = await house(upstream)
    reply = await door.post(CALL, CALL_HEADERS)
    assert (reply.status, reply.message["result"]) == (200, {"content": []})
    assert "mcp-session-id" not in reply.headers
    request = seen.get_nowait()
    names = ("mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id")
    assert [request.header(name) for name in names] == [  # type: ignore[attr-defined]
        "tools/call",
        "pay",
        "2026-07-28",
        None,
    ]
    intent = door.records()[0][1]
    assert (intent["protocol_version"], intent["session_id"]) == ("2026-07-28", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [("name: pay", "name: other"), ("tools/call", "ping"), ("2026-07-28", "2025-11-25")],
)
async def test_headers_that_lie_are_refused_and_recorded(
    house: OpenHouse, old: str, new: str
) -> None:
    asked = False

    async def upstream(conversation: Conversation) -> None:
        nonlocal asked
        asked = True

    door = await house(upstream)
    reply = await door.post(CALL, CALL_HEADERS.replace(old, new))
    assert (reply.status, reply.message["error"]["code"], reply.message["id"]) == (400, -32020, 1)
    assert (door.rejected, asked) == (["header_mismatch"], False)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_it_has_post_only(house: OpenHouse, method: str) -> None:
    door = await house(lambda _: asyncio.sleep(0))
    agent = await door.agent()
    await agent.ask(method=method, headers="mcp-protocol-version: 2026-07-28\r\n")
    reply = await agent.reply()
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_an_agent_that_goes_away_cancels_its_call(house: OpenHouse) -> None:
    called, left = asyncio.Event(), asyncio.Event()

    async def upstream(conversation: Conversation) -> None:
        await conversation.request()
        called.set()
        assert await conversation.request() is None
        left.set()

    door = await house(upstream)
    agent = await door.agent()
    await agent.ask(CALL, headers=CALL_HEADERS)
    await asyncio.wait_for(called.wait(), 5)
    agent.leave()
    await asyncio.wait_for(left.wait(), 5)
    outcome = await door.outcome()
    assert (outcome["status"], outcome["upstream_error"].partition(":")[0]) == (
        "indeterminate",
        "disconnected",
    )


async def test_a_subscription_stands_until_the_agent_goes(house: OpenHouse) -> None:
    left = asyncio.Event()
    headers = CALL_HEADERS.replace("tools/call", "subscriptions/listen").replace(
        "mcp-name: pay\r\n", ""
    )

    async def upstream(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS + event(b'{"jsonrpc":"2.0","method":"a"}'))
        await asyncio.sleep(0.3)
        note = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
        await conversation.send(event(note))
        assert await conversation.request() is None
        left.set()

    door = await house(upstream, request_timeout=0.1)
    agent = await door.agent()
    await agent.ask(LISTEN, headers=headers)
    assert (await agent.head())[0] == 200
    received = b""
    while b"list_changed" not in received:
        received += await asyncio.wait_for(agent.reader.read(65536), 5)
    assert door.changes == 1
    agent.leave()
    await asyncio.wait_for(left.wait(), 5)


async def test_what_ends_a_subscription_passes(house: OpenHouse) -> None:
    async def upstream(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS + event(result(b"5", b"{}")) + chunk(b""))

    door = await house(upstream)
    headers = CALL_HEADERS.replace("tools/call", "subscriptions/listen").replace(
        "mcp-name: pay\r\n", ""
    )
    reply = await door.post(LISTEN, headers)
    assert ([message["id"] for message in reply.events], reply.whole) == ([5], True)
