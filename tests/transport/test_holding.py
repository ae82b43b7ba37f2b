"""A request that waits for a person: what its agent hears meanwhile, and what ends the wait."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helio.transport import holding
from transport.asking import REFUSED, AskingDriver
from transport.house import (
    EVENTS,
    PATIENCE,
    SESSION,
    Agent,
    House,
    OpenHouse,
    chunk,
    event,
    json_answer,
    message,
    result,
)
from upstream.peers import Conversation, always, answering

JSON_ONLY = "accept: application/json\r\n"
ANYTHING = "accept: */*\r\n"
MODERN = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: pay\r\n"
ENVELOPE = (
    ',"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
    ',"io.modelcontextprotocol/clientCapabilities":{}'
)


def call(token: str | None = None, *, modern: bool = False, identifier: str = "1") -> bytes:
    """A call of `pay`, with a progress token."""
    members = ([] if token is None else [f'"progressToken":{token}']) + (
        [ENVELOPE.removeprefix(",")] if modern else []
    )
    params = f'{{"name":"pay","arguments":{{}},"_meta":{{{",".join(members)}}}}}'
    return message("tools/call", identifier, params)


@pytest.fixture
async def driver() -> AskingDriver:
    """Asks once about every call."""
    return AskingDriver()


async def asking(door: House, body: bytes, headers: str = "") -> Agent:
    """An agent whose call waits for a person."""
    agent = await door.agent()
    await agent.ask(body, headers=headers)
    await asyncio.wait_for(door.driver.asked.wait(), PATIENCE)  # type: ignore[union-attr]
    return agent


async def hear(agent: Agent) -> AsyncIterator[bytes]:
    """The blocks of a stream as they come, its head left out."""
    await agent.head()
    kept = b""
    while True:
        size = int(await agent.reader.readuntil(b"\r\n"), 16)
        kept += await agent.reader.readexactly(size)
        await agent.reader.readexactly(2)
        *blocks, kept = kept.split(b"\n\n")
        for block in blocks:
            yield block


@pytest.mark.parametrize("accept", [JSON_ONLY, ANYTHING])
async def test_an_agent_that_does_not_name_event_streams_just_waits(
    house: OpenHouse, driver: AskingDriver, accept: str
) -> None:
    door = await house(always(json_answer(result())), driver=driver)
    agent = await asking(door, call('"t"'), accept)
    assert door.peer.connections == 0
    driver.decide()
    reply = await agent.reply()
    assert (reply.status, reply.body) == (200, result())
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("modern", [False, True])
async def test_an_agent_with_a_token_is_told_at_once_and_again(
    house: OpenHouse, driver: AskingDriver, monkeypatch: pytest.MonkeyPatch, *, modern: bool
) -> None:
    monkeypatch.setattr(holding, "PROGRESS_SECONDS", 0.01)
    door = await house(always(json_answer(result())), driver=driver)
    agent = await asking(door, call('"a\\u0062"', modern=modern), MODERN if modern else "")
    told: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        async for block in hear(agent):
            said = json.loads(block.removeprefix(b"event: message\ndata: "))
            if "result" in said:
                break
            told.append(said["params"])
            if len(told) == 3:
                driver.decide()
    assert [each["progressToken"] for each in told] == ["ab"] * len(told)
    values = [each["progress"] for each in told]
    assert values == sorted(set(values)), "progress only ever rises"
    assert values[0] > 0 and values[-1] < 0.001, "the upstream's own may begin at 1"
    assert told[0]["message"] == (
        "A person is asked to approve pay, until 2026-11-18 11:06:40 UTC."
    )


@pytest.mark.parametrize("token", [None, "null", "{}", "true", "[1]"])
async def test_without_a_token_it_hears_comments_only(
    house: OpenHouse, driver: AskingDriver, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setattr(holding, "HEARTBEAT_SECONDS", 0.01)
    door = await house(always(json_answer(result())), driver=driver)
    agent = await asking(door, call(token))
    blocks: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        async for block in hear(agent):
            blocks.append(block)
            if len(blocks) == 3:
                driver.decide()
            if block.startswith(b"event"):
                break
    assert set(blocks[:3]) == {b": keep-alive"}
    assert blocks[-1] == b"event: message\ndata: " + result()


async def test_progress_goes_on_over_a_second_question(house: OpenHouse) -> None:
    driver = AskingDriver(rounds=2)
    note = event(b'{"jsonrpc":"2.0","method":"x"}')
    door = await house(answering(EVENTS + note + event(result()) + chunk(b"")), driver=driver)
    agent = await asking(door, call("7"))
    said: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        async for block in hear(agent):
            said.append(json.loads(block.removeprefix(b"event: message\ndata: ")))
            if "result" in said[-1]:
                break
            if len(said) <= driver.rounds:
                driver.decide()
    assert [each["params"]["progress"] for each in said[:2]] == [1e-06, 2e-06]
    assert [each.get("method", "answer") for each in said[2:]] == ["x", "answer"]


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (json_answer(result()), {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}),
        (
            json_answer(b'{\n"jsonrpc":"2.0",\r\n"id":1,"result":{}}'),
            {"jsonrpc": "2.0", "id": 1, "result": {}},
        ),
        (
            json_answer(b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}', "400 No"),
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "m"}},
        ),
        (
            json_answer(b'{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}', "400 No"),
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "m"}},
        ),
        (json_answer(b"<html>", "401 No"), 401),
        (json_answer(result(b"2")), 200),
        (b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", 202),
    ],
)
async def test_a_whole_answer_ends_the_stream_that_was_there_before_it(
    house: OpenHouse, driver: AskingDriver, answered: bytes, said: Any
) -> None:
    door = await house(always(answered), driver=driver)
    agent = await asking(door, call())
    driver.decide()
    reply = await agent.reply()
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
    assert reply.whole
    (event_said,) = reply.events
    if isinstance(said, dict):
        assert event_said == said
    else:
        error = event_said["error"]
        assert (event_said["id"], error["code"]) == (1, -31002)
        assert error["data"]["reason"] == "upstream_protocol_error"
        assert f"HTTP status {said} " in error["message"]


async def test_a_stream_of_the_upstream_goes_on_where_helio_began(
    house: OpenHouse, driver: AskingDriver
) -> None:
    primed = chunk(b"id: e1\nretry: 500\ndata:\n\n")
    note = chunk(b'id: e2\ndata: {"jsonrpc":"2.0","method":"x"}\n\n')
    last = chunk(b"id: e3\nevent: message\ndata: " + result() + b"\n\n")
    door = await house(answering(EVENTS + primed + note + last + chunk(b"")), driver=driver)
    agent = await asking(door, call(), SESSION)
    driver.decide()
    reply = await agent.reply()
    assert reply.body.endswith(
        b'id: e1\nretry: 500\ndata:\n\nid: e2\ndata: {"jsonrpc":"2.0","method":"x"}\n\n'
        b"id: e3\nevent: message\ndata: " + result() + b"\n\n"
    )
    again = await door.agent()
    await again.ask(None, "GET", f"accept: text/event-stream\r\nlast-event-id: e2\r\n{SESSION}")
    rest = await again.reply()
    assert rest.body == b"id: e3\nevent: message\ndata: " + result() + b"\n\n"


async def test_what_is_denied_is_answered_on_the_stream(
    house: OpenHouse, driver: AskingDriver
) -> None:
    door = await house(always(b""), driver=driver)
    agent = await asking(door, call())
    driver.decide(approved=False)
    reply = await agent.reply()
    assert (reply.whole, reply.events) == (True, [json.loads(REFUSED)])
    assert door.peer.connections == 0


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("accept", ["", JSON_ONLY])
async def test_an_agent_that_goes_away_is_noticed(
    house: OpenHouse, driver: AskingDriver, accept: str, *, modern: bool
) -> None:
    door = await house(always(b""), driver=driver)
    agent = await asking(door, call(modern=modern), accept + (MODERN if modern else ""))
    agent.leave()
    await door.until(lambda: driver.endings == ["gone"])
    assert door.peer.connections == 0


@pytest.mark.parametrize("accept", ["", JSON_ONLY])
async def test_a_cancelled_request_waits_no_longer_and_no_upstream_hears_of_it(
    house: OpenHouse, driver: AskingDriver, accept: str
) -> None:
    door = await house(always(b""), driver=driver)
    agent = await asking(door, call(identifier='"c"'), accept + SESSION)
    params = '{"requestId":"c","reason":"r"}'
    reply = await door.post(message("notifications/cancelled", None, params), SESSION)
    assert (reply.status, reply.body) == (202, b"")
    assert (await agent.reply()).body.endswith(REFUSED if accept else REFUSED + b"\n\n")
    assert (driver.endings, door.peer.connections) == (["cancelled"], 0)


async def test_the_agents_going_away_matters_no_more_once_it_is_decided(
    house: OpenHouse, driver: AskingDriver
) -> None:
    """Legacy revisions: what is forwarded comes to its outcome."""
    called, left = asyncio.Event(), asyncio.Event()

    async def upstream(conversation: Conversation) -> None:
        await conversation.request()
        called.set()
        await left.wait()
        await conversation.send(json_answer(result()))
        await conversation.ended()

    door = await house(upstream, driver=driver)
    agent = await asking(door, call())
    driver.decide()
    await asyncio.wait_for(called.wait(), PATIENCE)
    agent.leave()
    left.set()
    await door.until(door.reception._idle.is_set)
    assert driver.endings == ["resolved"]


async def test_an_agent_that_takes_nothing_holds_no_decision_up(
    house: OpenHouse, driver: AskingDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = asyncio.Event()

    class Stuck(holding.WaitingWords):
        def next(self, ticket: Any) -> bytes:
            stuck.set()
            return b": " + b"x" * (32 << 20) + b"\n\n"

    monkeypatch.setattr("helio.transport.exchange.WaitingWords", Stuck)
    reached = asyncio.Event()

    async def upstream(conversation: Conversation) -> None:
        await conversation.request()
        reached.set()
        await conversation.ended()

    door = await house(upstream, driver=driver)
    await asking(door, call())
    await asyncio.wait_for(stuck.wait(), PATIENCE)
    driver.decide()
    await asyncio.wait_for(reached.wait(), PATIENCE)


async def test_who_waits_is_answered_at_once_when_helio_ends(
    house: OpenHouse, driver: AskingDriver
) -> None:
    door = await house(always(b""), driver=driver)
    agent = await asking(door, call())
    async with asyncio.timeout(PATIENCE):
        assert await door.reception.drain(2 * PATIENCE) == 0
    assert (await agent.reply()).events == [json.loads(REFUSED)]
