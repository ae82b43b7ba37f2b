"""Sessions on lines of their own: whose message goes where, and what a session refuses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.upstream.duplex import KEPT_MESSAGES, DuplexPort
from helio.upstream.made import BUFFER_LIMIT
from helio.upstream.port import Response
from upstream.agents import Agent, answer_of, events, messages, notification, request, tool_call
from upstream.scripted_line import ScriptedLine

NOTE = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": 1}}
QUESTION = {"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {}}


class Session:
    """An agent with a session, and the line of that session."""

    def __init__(self, agent: Agent, line: ScriptedLine) -> None:
        self.agent, self.line = agent, line

    async def ask(self, body: bytes) -> tuple[Response, int]:
        """Sends a request; gives its stream, and the id that it has on the line."""
        before = len(self.line.sent)
        stream = await self.agent.send(body)
        return stream, (await self.line.hears(before + 1))["id"]


class Lines:
    """Opens scripted lines for a port."""

    def __init__(self) -> None:
        self.opened: list[ScriptedLine] = []

    async def open(self, headers: Sequence[Header]) -> ScriptedLine:
        self.opened.append(ScriptedLine())
        return self.opened[-1]


@pytest.fixture
async def lines(nothing_leaks: None) -> Lines:
    return Lines()


@pytest.fixture
async def port(lines: Lines) -> AsyncIterator[DuplexPort]:
    made = DuplexPort(lines.open, max_sessions=8, idle_timeout=600)
    yield made
    await made.aclose()
    assert all(line.closed for line in lines.opened)


@pytest.fixture
async def session(port: DuplexPort, lines: Lines) -> Session:
    agent = Agent(port)
    opening = asyncio.create_task(agent.open())
    while not lines.opened:  # noqa: ASYNC110
        await asyncio.sleep(0)
    line = lines.opened[-1]
    greeting = await line.hears(1)
    line.say({"jsonrpc": "2.0", "id": greeting["id"], "result": {}})
    await opening
    await line.hears(2)
    return Session(agent, line)


async def first(stream: Response) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return await anext(events(stream))


@pytest.mark.parametrize("said", [NOTE, QUESTION])
async def test_what_names_no_request_goes_to_the_latest_open_one(
    session: Session, said: dict[str, Any]
) -> None:
    older, older_id = await session.ask(tool_call("a", "x"))
    newer, newer_id = await session.ask(tool_call("b", "x"))
    standing = await session.agent.listen()
    session.line.say(said)
    for identifier in (older_id, newer_id):
        session.line.say({"jsonrpc": "2.0", "id": identifier, "result": {}})
    assert await messages(newer) == [said, {"jsonrpc": "2.0", "id": "b", "result": {}}]
    assert await messages(older) == [{"jsonrpc": "2.0", "id": "a", "result": {}}]
    session.line.say({**NOTE, "params": {"data": 2}})
    assert (await first(standing))["params"] == {"data": 2}


async def test_a_stream_that_its_agent_left_gets_nothing(session: Session) -> None:
    older, _ = await session.ask(tool_call("a", "x"))
    newer, newer_id = await session.ask(tool_call("b", "x"))
    newer.close()
    session.line.say(NOTE)
    assert await first(older) == NOTE
    session.line.say({"jsonrpc": "2.0", "id": newer_id, "result": {}})
    await session.line.settled()
    # To leave is not to cancel in the revisions with sessions.
    assert [each.get("method") for each in session.line.sent[2:]] == ["tools/call"] * 2


async def test_who_left_may_still_cancel(session: Session) -> None:
    left, number = await session.ask(tool_call("a", "x"))
    left.close()
    cancelled = notification("notifications/cancelled", requestId="a")
    await session.agent.send(cancelled)
    assert (await session.line.hears(4))["params"] == {"requestId": number}


@pytest.mark.parametrize("params", [{"requestId": "never"}, {}, {"requestId": {}}])
async def test_a_cancellation_of_what_is_not_known_is_not_passed_on(
    session: Session, params: dict[str, Any]
) -> None:
    answer = await session.agent.send(notification("notifications/cancelled", **params))
    assert answer.status == 202
    assert len(session.line.sent) == 2


async def test_what_nobody_hears_is_kept_for_who_listens(session: Session) -> None:
    session.line.say(NOTE)
    session.line.say(QUESTION)
    await session.line.settled()
    stream = events(await session.agent.listen())
    assert [await anext(stream), await anext(stream)] == [NOTE, QUESTION]
    again = await session.agent.listen()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    session.line.say(NOTE)
    assert await first(again) == NOTE


async def test_what_is_kept_is_bounded_and_questions_are_declined(session: Session) -> None:
    session.line.say(QUESTION)
    for _ in range(KEPT_MESSAGES):
        session.line.say(NOTE)
    declined = await session.line.hears(3)
    assert (declined["id"], declined["error"]["code"]) == ("q", -32603)
    stream = events(await session.agent.listen())
    assert [await anext(stream) for _ in range(KEPT_MESSAGES)] == [NOTE] * KEPT_MESSAGES


async def test_progress_keeps_its_token_and_outlives_its_request(session: Session) -> None:
    stream, number = await session.ask(tool_call(1, "x", token="mine"))
    assert session.line.sent[-1]["params"]["_meta"] == {"progressToken": number}

    def progress(step: int) -> dict[str, Any]:
        params = {"progressToken": number, "progress": step}
        return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}

    other, _ = await session.ask(tool_call(2, "x"))
    session.line.say(progress(1))
    session.line.say({"jsonrpc": "2.0", "id": number, "result": {}})
    # A task goes on after the answer that named it, and keeps its token (2025-11-25, Tasks).
    session.line.say(progress(2))
    session.line.say({**progress(3), "params": {"progressToken": 999, "progress": 3}})
    notice, _ = await messages(stream)
    assert notice["params"] == {"progressToken": "mine", "progress": 1}
    standing = await first(await session.agent.listen())
    assert standing["params"] == {"progressToken": "mine", "progress": 2}
    other.close()


@pytest.mark.parametrize(
    "said",
    [
        b"not JSON",
        b"[]",
        b'{"jsonrpc":"2.0","id":77,"result":{}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}',
        b'{"jsonrpc":"2.0","id":"1","result":{}}',
        b'{"jsonrpc":"2.0","id":1.5,"result":{}}',
    ],
)
async def test_what_belongs_to_nobody_is_dropped(session: Session, said: bytes) -> None:
    stream, number = await session.ask(tool_call("a", "x"))
    session.line.say(said)
    session.line.say({"jsonrpc": "2.0", "id": number, "result": {"ok": 1}})
    assert await messages(stream) == [{"jsonrpc": "2.0", "id": "a", "result": {"ok": 1}}]


async def test_only_the_id_and_the_token_change_on_the_way_up(session: Session) -> None:
    body = (
        b'{ "params":{"_meta":{"other":1.0, "progressToken" : "t"},"name":"x","n":1e2},'
        b'\t"method":"tools/call" ,"i\\u0064": "x" ,"jsonrpc":"2.0"}'
    )
    stream, number = await session.ask(body)
    own = b"%d" % number
    assert session.line.raw[-1] == body.replace(b'"t"', own).replace(b'"x" ,"js', own + b' ,"js')
    raw = b'{"result":{"a":1.00,"\\u0061b":[ ]},"id":%d, "jsonrpc":"2.0"}' % number
    session.line.say(raw)
    received = await stream.read(1000)
    assert received == b"event: message\ndata: " + raw.replace(b":%d," % number, b':"x",') + b"\n\n"


async def test_a_full_stream_stops_the_line_until_its_agent_reads(session: Session) -> None:
    stream, number = await session.ask(tool_call("a", "x"))
    note = {**NOTE, "params": {"data": "x" * (BUFFER_LIMIT // 4)}}
    before = session.line.taken
    for _ in range(20):
        session.line.say(note)
    session.line.say({"jsonrpc": "2.0", "id": number, "result": {}})
    for _ in range(50):
        await asyncio.sleep(0)
    assert session.line.taken - before == 4
    assert len(await messages(stream)) == 21


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("POST", [], request(4, "tools/list")), 400),
        (("POST", [(b"mcp-session-id", b"unknown")], request(4, "tools/list")), 404),
        (("POST", [(b"mcp-session-id", b"unknown")], request(4, "initialize")), 404),
        (("POST", [], notification("notifications/initialized")), 400),
        (("POST", [], b"[]"), 400),
        (("POST", [], b""), 400),
        (("GET", [], None), 400),
        (("GET", [(b"mcp-session-id", b"unknown")], None), 404),
        (("DELETE", [], None), 400),
        (("DELETE", [(b"mcp-session-id", b"unknown")], None), 404),
        (("PUT", [], b"{}"), 405),
        (("POST", [(b"mcp-protocol-version", b"2026-07-28")], request(4, "server/discover")), 400),
    ],
)
async def test_refusals(
    port: DuplexPort, lines: Lines, asked: tuple[str, list[Header], Any], status: int
) -> None:
    method, headers, body = asked
    response = await port.send(method, headers, body, timeout=5)
    assert response.status == status
    if status != 405:
        error = await answer_of(response)
        assert error["error"]["code"] in (-32600, -32700, -32022)
        assert error["id"] == (4 if body and b"tools/list" in body else error["id"])
    assert lines.opened == []


async def test_session_ids_cannot_be_guessed(port: DuplexPort, lines: Lines) -> None:
    seen = set()
    for _ in range(8):
        response = await port.send("POST", [], request(0, "initialize"), timeout=5)
        identifier = response.header(b"mcp-session-id")
        assert identifier is not None
        assert len(identifier) >= 43
        seen.add(identifier)
    assert len(seen) == port.sessions == 8
    refused = await port.send("POST", [], request(9, "initialize"), timeout=5)
    assert refused.status == 503


async def test_an_initialize_that_fails_ends_the_session(port: DuplexPort, lines: Lines) -> None:
    response = await port.send("POST", [], request(5, "initialize"), timeout=5)
    line = lines.opened[0]
    number = (await line.hears(1))["id"]
    line.say({"jsonrpc": "2.0", "id": number, "error": {"code": -32602, "message": "no"}})
    assert (await answer_of(response))["error"] == {"code": -32602, "message": "no"}
    assert port.sessions == 0


async def test_who_leaves_before_the_session_stands_has_none(
    port: DuplexPort, lines: Lines
) -> None:
    response = await port.send("POST", [], request(5, "initialize"), timeout=5)
    assert port.sessions == 1
    response.close()
    assert port.sessions == 0


async def test_the_end_of_the_line_is_the_end_of_the_session(
    port: DuplexPort, session: Session
) -> None:
    stream, _ = await session.ask(tool_call("a", "x"))
    standing = await session.agent.listen()
    session.line.say(NOTE)
    session.line.end()
    assert await first(stream) == NOTE
    for each in (stream, standing):
        with pytest.raises(UpstreamFailed) as caught:
            await messages(each)
        assert (caught.value.reason, caught.value.sent) == ("closed", True)
    assert (await session.agent.send(tool_call(1, "x"))).status == 404
