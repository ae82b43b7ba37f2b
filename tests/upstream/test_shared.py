"""Servers that agents share: nobody hears what is another's, and nobody waits for another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream import shared
from helio.upstream.made import BUFFER_LIMIT
from helio.upstream.port import Response
from helio.upstream.shared import ModernPort, SharedPort
from upstream.agents import (
    MODERN,
    Agent,
    answer_of,
    events,
    messages,
    modern_call,
    notification,
    request,
    tool_call,
)
from upstream.scripted_line import ScriptedLine

LOG_LEVEL = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
NOTE = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": 1}}
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


@pytest.fixture
async def line(nothing_leaks: None) -> ScriptedLine:
    return ScriptedLine()


@pytest.fixture
async def modern(line: ScriptedLine) -> AsyncIterator[ModernPort]:
    async def open_line() -> ScriptedLine:
        return line

    port = ModernPort(open_line, idle_timeout=600)
    yield port
    await port.aclose()
    assert line.closed or not line.sent


@pytest.fixture
async def legacy(line: ScriptedLine) -> AsyncIterator[SharedPort]:
    async def open_line() -> ScriptedLine:
        return line

    port = SharedPort(open_line, idle_timeout=600)
    yield port
    await port.aclose()
    assert line.closed or not line.sent


async def opened(port: SharedPort, line: ScriptedLine, count: int) -> list[Agent]:
    agents = [Agent(port) for _ in range(count)]
    opening = asyncio.gather(*(agent.open() for agent in agents))
    greeting = await line.hears(1)
    line.say({"jsonrpc": "2.0", "id": greeting["id"], "result": {"protocolVersion": "2025-11-25"}})
    await opening
    await line.hears(2)
    return agents


async def ask(port: ModernPort, body: bytes) -> Response:
    return await port.send("POST", MODERN, body, timeout=5)


async def first(stream: Response) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return await anext(events(stream))


def result(number: int, **members: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": members}


async def test_helio_initializes_once_and_without_capabilities(
    legacy: SharedPort, line: ScriptedLine
) -> None:
    agents = await opened(legacy, line, 5)
    assert [each["method"] for each in line.sent] == ["initialize", "notifications/initialized"]
    assert line.sent[0]["params"]["capabilities"] == {}
    assert legacy.sessions == 5
    assert {agent.greeting["result"]["protocolVersion"] for agent in agents} == {"2025-11-25"}
    assert (await agents[0].send(request(1, "initialize"))).status == 400


async def test_an_unknown_revision_gets_the_servers_own(
    legacy: SharedPort, line: ScriptedLine
) -> None:
    await opened(legacy, line, 1)
    for asked, given in (("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-11-25")):
        greeting = request(1, "initialize", protocolVersion=asked)
        answer = await answer_of(await legacy.send("POST", [], greeting, timeout=5))
        assert answer["result"]["protocolVersion"] == given


async def test_a_server_that_refuses_to_initialize_says_so_itself(
    legacy: SharedPort, line: ScriptedLine
) -> None:
    opening = asyncio.create_task(Agent(legacy).send(request("i", "initialize")))
    number = (await line.hears(1))["id"]
    error = {"code": -32603, "message": "broken"}
    line.say({"jsonrpc": "2.0", "id": number, "error": error})
    response = await opening
    assert response.header(b"mcp-session-id") is None
    assert await messages(response) == [{"jsonrpc": "2.0", "id": "i", "error": error}]
    assert (legacy.sessions, line.closed) == (0, True)


async def test_a_server_that_never_initializes(
    legacy: SharedPort, line: ScriptedLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "INITIALIZE_SECONDS", 0.05)
    with pytest.raises(UpstreamFailed) as caught:
        await Agent(legacy).open()
    assert (caught.value.reason, caught.value.sent) == ("connect_timeout", False)


async def test_what_changed_for_all_is_told_to_all_that_listen(
    legacy: SharedPort, line: ScriptedLine
) -> None:
    agents = await opened(legacy, line, 3)
    standing = [await agent.listen() for agent in agents[:2]]
    line.say(CHANGED)
    assert [await first(each) for each in standing] == [CHANGED] * 2


async def test_a_log_message_goes_to_nobody_when_it_could_be_anothers(
    legacy: SharedPort, line: ScriptedLine
) -> None:
    one, other = await opened(legacy, line, 2)
    mine = await one.send(tool_call(1, "x"))
    line.say({**NOTE, "params": {"data": "mine"}})
    await line.settled()
    theirs = await other.send(tool_call(1, "x"))
    line.say({**NOTE, "params": {"data": "whose"}})
    for each in line.sent[2:]:
        line.say(result(each["id"], of=each["id"]))
    note, answer = await messages(mine)
    assert note["params"] == {"data": "mine"}
    assert answer["result"] == {"of": line.sent[2]["id"]}
    assert await messages(theirs) == [result(1, of=line.sent[3]["id"])]


async def test_agents_cannot_speak_for_each_other(legacy: SharedPort, line: ScriptedLine) -> None:
    one, other = await opened(legacy, line, 2)
    await one.send(tool_call(1, "x"))
    number = (await line.hears(3))["id"]
    for body in (
        notification("notifications/cancelled", requestId=1),
        notification("notifications/cancelled", requestId=number),
        notification("notifications/roots/list_changed"),
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
    ):
        assert (await other.send(body)).status == 202
    assert len(line.sent) == 3
    await one.send(notification("notifications/cancelled", requestId=1))
    assert (await line.hears(4))["params"] == {"requestId": number}


@pytest.mark.parametrize(
    ("asked", "reply"),
    [("ping", {"result": {}}), ("roots/list", {"error": -32601}), ("x/y", {"error": -32601})],
)
async def test_questions_are_answered_by_helio(
    legacy: SharedPort, line: ScriptedLine, asked: str, reply: dict[str, Any]
) -> None:
    await opened(legacy, line, 1)
    line.say({"jsonrpc": "2.0", "id": "q", "method": asked})
    said = await line.hears(3)
    assert said["id"] == "q"
    assert said.get("result") == reply.get("result")
    assert said.get("error", {}).get("code") == reply.get("error")


async def test_a_subscription_hears_its_own_under_its_own_id(
    modern: ModernPort, line: ScriptedLine
) -> None:
    one = await ask(modern, request("s", "subscriptions/listen", notifications={}))
    two = await ask(modern, request("s", "subscriptions/listen", notifications={}))
    numbers = [each["id"] for each in line.sent]
    for number in reversed(numbers):
        line.say({**CHANGED, "params": {"_meta": {SUBSCRIPTION_ID: number}, "of": number}})
    line.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    line.say(result(numbers[1], _meta={SUBSCRIPTION_ID: numbers[1]}))
    (told,) = await messages(one)
    assert told["params"] == {"_meta": {SUBSCRIPTION_ID: "s"}, "of": numbers[0]}
    told, ended = await messages(two)
    assert told["params"] == {"_meta": {SUBSCRIPTION_ID: "s"}, "of": numbers[1]}
    assert ended == {"jsonrpc": "2.0", "id": "s", "result": {"_meta": {SUBSCRIPTION_ID: "s"}}}


async def test_a_log_message_needs_one_who_asked_for_it(
    modern: ModernPort, line: ScriptedLine
) -> None:
    quiet = await ask(modern, modern_call(1, "x"))
    line.say(NOTE)
    line.say(result(line.sent[0]["id"]))
    assert await messages(quiet) == [result(1)]
    logging = await ask(modern, modern_call(1, "x", **{LOG_LEVEL: "info"}))
    line.say(NOTE)
    line.say(result(line.sent[1]["id"]))
    assert await messages(logging) == [NOTE, result(1)]


async def test_leaving_cancels_once_and_an_answered_request_never(
    modern: ModernPort, line: ScriptedLine
) -> None:
    left = await ask(modern, modern_call("a", "x"))
    number = line.sent[0]["id"]
    left.close()
    left.close()
    assert await line.hears(2) == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": number},
    }
    answered = await ask(modern, modern_call("a", "x"))
    line.say(result(line.sent[2]["id"]))
    assert await messages(answered) == [result("a")]  # type: ignore[arg-type]
    answered.close()
    await line.settled()
    assert len(line.sent) == 3


async def test_one_who_does_not_read_keeps_nobody_waiting(
    modern: ModernPort, line: ScriptedLine
) -> None:
    slow = await ask(modern, modern_call(1, "x", progressToken="t"))
    quick = await ask(modern, modern_call(2, "x"))
    one, two = (each["id"] for each in line.sent)
    params = {"progressToken": one, "progress": 1, "message": "x" * (BUFFER_LIMIT // 4)}
    for _ in range(20):
        line.say({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    line.say(result(two))
    assert await messages(quick) == [result(2)]
    line.say(result(one, kept="y" * BUFFER_LIMIT))
    *told, answer = await messages(slow)
    assert len(told) == 4
    assert answer == result(1, kept="y" * BUFFER_LIMIT)


class Opened:
    """The lines that a port has opened."""

    def __init__(self) -> None:
        self.lines: list[ScriptedLine] = []

    async def open(self) -> ScriptedLine:
        self.lines.append(ScriptedLine())
        return self.lines[-1]

    async def all_closed(self) -> None:
        async with asyncio.timeout(5):
            while not all(line.closed for line in self.lines):  # noqa: ASYNC110 - by a timer
                await asyncio.sleep(0.01)


async def test_a_line_that_ended_is_opened_anew(nothing_leaks: None) -> None:
    opened = Opened()
    port = ModernPort(opened.open, idle_timeout=600)
    for number in range(3):
        stream = await ask(port, modern_call(1, "x"))
        assert len(opened.lines) == number + 1
        opened.lines[-1].end()
        with pytest.raises(UpstreamFailed):
            await messages(stream)
    await port.aclose()
    assert all(line.closed for line in opened.lines)
    with pytest.raises(UpstreamFailed):
        await ask(port, modern_call(1, "x"))


async def test_a_line_that_nobody_uses_is_ended(nothing_leaks: None) -> None:
    used, idle = Opened(), Opened()
    port, other = (ModernPort(each.open, idle_timeout=0.1) for each in (used, idle))
    kept = await ask(port, modern_call(1, "x"))
    (await ask(other, modern_call(1, "x"))).close()
    await idle.all_closed()
    assert not used.lines[0].closed
    used.lines[0].say(result(used.lines[0].sent[0]["id"]))
    assert await messages(kept) == [result(1)]
    await used.all_closed()
    again = await ask(port, modern_call(1, "x"))
    assert len(used.lines) == 2
    again.close()
    await port.aclose()
    await other.aclose()
