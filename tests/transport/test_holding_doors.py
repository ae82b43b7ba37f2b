"""Waiting for a person at the doors that have a framing of their own (SSE, stdio)."""

import asyncio
import json
from typing import Any

import pytest

from helio.transport import holding
from helio.transport.channel import AgentChannel
from transport.asking import AskingDriver
from transport.house import PATIENCE, House, OpenHouse, json_answer, message, result
from transport.script import INITIALIZE, INITIALIZED, Outbox
from upstream.peers import Conversation

OPENING = b'{"protocolVersion":"2025-11-25","capabilities":{}}'
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def upstream(conversation: Conversation) -> None:
    """Has sessions, and answers every call."""
    while (request := await conversation.request()) is not None:
        sent = json.loads(request.body) if request.body else {}
        if sent.get("method") == "initialize":
            session = "mcp-session-id: up-1\r\n"
            await conversation.send(json_answer(result(b"0", OPENING), headers=session))
        elif "id" in sent:
            await conversation.send(json_answer(result(json.dumps(sent["id"]).encode())))
        else:
            await conversation.send(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")


def call(meta: Any) -> bytes:
    """A call of `pay`."""
    params = {"name": "pay", "arguments": {}, "_meta": meta}
    return message("tools/call", "1", json.dumps(params))


async def asking(door: House, outbox: Outbox, body: bytes, *, legacy: bool = True) -> AgentChannel:
    """A connection whose call waits for a person."""
    channel = AgentChannel(door.reception, None, outbox.send)
    if legacy:
        await channel.take(INITIALIZE)
        await channel.take(INITIALIZED)
        await outbox.holds(1)
        outbox.raw.clear()
    await channel.take(body)
    assert isinstance(door.driver, AskingDriver)
    await asyncio.wait_for(door.driver.asked.wait(), PATIENCE)
    return channel


@pytest.mark.parametrize("legacy", [False, True])
async def test_progress_comes_as_messages_and_the_answer_behind_it(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch, *, legacy: bool
) -> None:
    monkeypatch.setattr(holding, "PROGRESS_SECONDS", 0.01)
    driver, outbox = AskingDriver(), Outbox()
    door = await house(upstream, driver=driver)
    meta = {"progressToken": 5, **({} if legacy else ENVELOPE)}
    channel = await asking(door, outbox, call(meta), legacy=legacy)
    said = await outbox.holds(3)
    assert {each["method"] for each in said} == {"notifications/progress"}
    assert {each["params"]["progressToken"] for each in said} == {5}
    driver.decide()
    assert await channel.finish(PATIENCE)
    assert outbox.messages[-1] == {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
    await channel.close(0.0)


async def test_without_a_token_nothing_is_said(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "HEARTBEAT_SECONDS", 0.01)
    driver, outbox = AskingDriver(), Outbox()
    door = await house(upstream, driver=driver)
    channel = await asking(door, outbox, call({}))
    await asyncio.sleep(0.05)
    driver.decide()
    assert await channel.finish(PATIENCE)
    assert outbox.messages == [{"jsonrpc": "2.0", "id": 1, "result": {"content": []}}]
    await channel.close(0.0)


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_call_is_cancelled_by_its_message_in_every_revision(
    house: OpenHouse, *, legacy: bool
) -> None:
    driver, outbox = AskingDriver(), Outbox()
    door = await house(upstream, driver=driver)
    channel = await asking(door, outbox, call({} if legacy else ENVELOPE), legacy=legacy)
    params: dict[str, Any] = {"requestId": 1}
    if not legacy:
        params["_meta"] = ENVELOPE
    await channel.take(message("notifications/cancelled", None, json.dumps(params)))
    assert await channel.finish(PATIENCE)
    assert driver.endings == ["cancelled"]
    assert len(outbox.messages) == (1 if legacy else 0)
    await channel.close(0.0)


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_connection_that_ends_leaves_its_question(
    house: OpenHouse, *, legacy: bool
) -> None:
    driver, outbox = AskingDriver(), Outbox()
    door = await house(upstream, driver=driver)
    channel = await asking(door, outbox, call({} if legacy else ENVELOPE), legacy=legacy)
    await channel.close(PATIENCE)
    assert driver.endings == ["gone"]
    assert outbox.messages == []
