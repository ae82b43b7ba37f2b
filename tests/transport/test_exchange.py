"""A request's way to an upstream that behaves in every possible way, and the way back."""

import asyncio
import json
from typing import Any

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
from upstream.peers import Conversation, Handler, always, answering

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
PROGRESS = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}'
LIST_CHANGED = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'


def streaming(*events: bytes, then: str = "wait") -> Handler:
    """Answers one request with events."""
    return answering(EVENTS + b"".join(events), then)


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (ACCEPTED, 202, "the answer is not a JSON-RPC message"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "the answer is not a JSON-RPC message"),
        (json_answer(b"{}", "404 Not Found"), 404, "HTTP 404"),
        (json_answer(b"<html>", "500 Oh"), 500, "HTTP 500"),
        (json_answer(b"", "302 Found", "location: http://169.254.169.254/\r\n"), 302, None),
        (json_answer(result(b"2")), 200, "the answer is to another request"),
        (json_answer(PROGRESS), 200, "the answer is not a JSON-RPC response"),
        (json_answer(result(b"1", b'{"isError":true}')), 200, "the tool reported an error"),
        (json_answer(result(b"1", b'{"a":NaN}')), 200, "the answer is not a JSON-RPC message"),
        (json_answer(result(b"1", b'{"a":"\\ud800"}')), 200, None),
        (json_answer(result() + b"\n"), 200, None),
    ],
)
async def test_what_the_upstream_says_is_passed_on_as_it_is_and_judged_for_the_record(
    house: OpenHouse, answer: bytes, status: int, error: str | None
) -> None:
    door = await house(always(answer))
    reply = await door.post(tool_call())
    assert (reply.status, reply.body) == (status, answer.partition(b"\r\n\r\n")[2])
    assert "location" not in reply.headers
    outcome = await door.outcome()
    assert outcome["upstream_http_status"] == status
    if error is not None:
        assert (outcome["status"], outcome["upstream_error"]) == ("upstream_error", error)


@pytest.mark.parametrize("body", [tool_call(), message("tools/list"), message("x", None)])
async def test_a_challenge_reaches_the_agent(house: OpenHouse, body: bytes) -> None:
    challenge = 'www-authenticate: Bearer resource_metadata="https://a.example/"\r\n'
    door = await house(always(json_answer(b'{"error":"x"}', "401 Unauthorized", challenge)))
    reply = await door.post(body)
    assert reply.status == 401
    assert reply.headers["www-authenticate"].endswith('"https://a.example/"')


@pytest.mark.parametrize("what", ["tools/call", "tools/list"])
@pytest.mark.parametrize(
    ("sent", "then", "reason"),
    [
        (b"", "close", "upstream_closed"),
        (b"", "reset", "upstream_closed"),
        (b"garbage\r\n\r\n", "wait", "upstream_protocol_error"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "close", "upstream_closed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "wait", "upstream_timeout"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}", "wait", None),
        (b"", "wait", "upstream_timeout"),
        (EVENTS, "close", "upstream_closed"),
        (EVENTS, "wait", "upstream_timeout"),
        (EVENTS + chunk(b""), "wait", "upstream_closed"),
        (EVENTS + event(PROGRESS), "reset", "upstream_closed"),
        (EVENTS + event(PROGRESS), "wait", "upstream_timeout"),
        (EVENTS + event(result())[:30], "close", "upstream_closed"),
    ],
)
async def test_an_upstream_that_fails_at_any_point_gives_one_error_to_the_request(
    house: OpenHouse, what: str, sent: bytes, then: str, reason: str | None
) -> None:
    door = await house(answering(sent, then), request_timeout=0.2)
    reply = await door.post(tool_call() if what == "tools/call" else message(what))
    assert (reply.status, reply.whole) == (200, True)
    *progress, answer = reply.events or [reply.message]
    assert progress == ([json.loads(PROGRESS)] if PROGRESS in sent else [])
    assert (answer["id"], answer["error"]["code"]) == (1, -31002)
    assert answer["error"]["data"]["reason"] == (reason or "upstream_protocol_error")
    if what == "tools/call":
        assert (await door.outcome())["status"] == "indeterminate"


@pytest.mark.parametrize("what", ["tools/call", "tools/list"])
async def test_comments_keep_no_request_waiting(house: OpenHouse, what: str) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS)
        while True:
            await conversation.send(chunk(b": still here\n\n"))
            await asyncio.sleep(0.05)

    door = await house(handler, request_timeout=0.3)
    reply = await door.post(tool_call() if what == "tools/call" else message(what))
    assert reply.events[-1]["error"]["data"]["reason"] == "upstream_timeout"


async def test_progress_keeps_a_request_waiting(house: OpenHouse) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(EVENTS)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await conversation.send(event(PROGRESS))
        await conversation.send(event(result()) + chunk(b""))

    door = await house(handler, request_timeout=0.3)
    reply = await door.post(tool_call())
    assert len(reply.events) == 7
    assert reply.events[-1]["result"] == {"content": []}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ('"\\u00e9\\/"', '"é/"'.encode()),
        ('"é"', b'"\\u00e9"'),
        ("12345678901234567890123", b"12345678901234567890123"),
        ('"1"', b'"1"'),
    ],
)
async def test_an_answer_is_known_by_what_its_id_says(
    house: OpenHouse, asked: str, answered: bytes
) -> None:
    """The stream stays open: what is not recognised would be waited for in vain."""
    door = await house(streaming(event(PROGRESS), event(result(answered))))
    reply = await door.post(tool_call(asked))
    assert [each.get("result") for each in reply.events] == [None, {"content": []}]
    assert (await door.outcome())["status"] == "answered"


@pytest.mark.parametrize(("asked", "other"), [("1", b'"1"'), ('"1"', b"1"), ("1", b"2")])
async def test_an_answer_to_something_else_is_none(
    house: OpenHouse, asked: str, other: bytes
) -> None:
    door = await house(streaming(event(result(other)), event(result(asked.encode()))))
    assert len((await door.post(tool_call(asked))).events) == 2


async def test_an_upstream_that_answers_twice_is_heard_once(house: OpenHouse) -> None:
    door = await house(streaming(event(result()), event(result(b"1", b'{"again":1}')), chunk(b"")))
    assert len((await door.post(tool_call())).events) == 1
    assert (await door.outcome())["status"] == "answered"


def polling(rest: bytes) -> tuple[list[tuple[str, str | None]], Handler]:
    """Ends every stream after an event with an id; a GET for what follows gets `rest` before that.
    What was asked, as method and last event id, and the upstream."""
    asked: list[tuple[str, str | None]] = []

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            asked.append((request.method, request.header("last-event-id")))
            sent = rest if request.method == "GET" else chunk(b"id: 7\nretry: 10\ndata: \n\n")
            await conversation.send(EVENTS + sent + chunk(b""))

    return asked, handler


async def test_a_stream_that_its_upstream_ends_early_is_resumed(house: OpenHouse) -> None:
    """2025-11-25, Transports: the server may end the stream; the client asks for the rest."""
    asked, handler = polling(event(PROGRESS) + event(result()))
    door = await house(handler)
    reply = await door.post(tool_call(), "last-event-id: 3\r\n")
    assert reply.body.startswith(b"id: 7\nretry: 10\n")
    assert reply.body.endswith(result() + b"\n\n")
    assert asked == [("POST", "3"), ("GET", "7")]
    assert (await door.outcome())["status"] == "answered"


async def test_a_stream_that_only_ever_ends_is_given_up(house: OpenHouse) -> None:
    asked, handler = polling(chunk(b"id: 8\ndata: \n\n"))
    door = await house(handler, request_timeout=0.3)
    reply = await door.post(tool_call())
    # The last event of the body is the only one with a message.
    assert b"upstream_timeout" in reply.body.split(b"data: ")[-1]
    assert len(asked) > 2
    assert (await door.outcome())["status"] == "indeterminate"


async def test_a_question_to_the_agent_stops_the_clock_until_it_is_answered(
    house: OpenHouse,
) -> None:
    question = b'{"jsonrpc":"2.0","id":"\\u00e9","method":"elicitation/create","params":{}}'

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if b'"method"' in request.body:
                await conversation.send(EVENTS + event(question))
            else:
                await conversation.send(ACCEPTED)

    door = await house(handler, request_timeout=0.2)
    agent = await door.agent()
    await agent.ask(tool_call(), headers=SESSION)
    await asyncio.sleep(0.5)
    assert (await door.post(result('"é"'.encode()), SESSION)).status == 202
    reply = await agent.reply()
    assert reply.events[-1]["error"]["data"]["reason"] == "upstream_timeout"


async def test_changed_tools_are_noticed_on_a_call(house: OpenHouse) -> None:
    door = await house(streaming(event(LIST_CHANGED), event(result()), chunk(b"")))
    await door.post(tool_call())
    assert door.changes == 1


@pytest.mark.parametrize("stage", ["head", "stream"])
async def test_a_call_goes_on_without_its_agent(house: OpenHouse, stage: str) -> None:
    """2025-06-18, Transports: a disconnect is no cancellation."""
    left = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        if stage == "stream":
            await conversation.send(EVENTS + event(PROGRESS))
        await left.wait()
        if stage == "head":
            await conversation.send(EVENTS)
        for _ in range(50):
            await conversation.send(event(PROGRESS))
        await conversation.send(event(result(b"1", b'{"done":true}')) + chunk(b""))
        await conversation.ended()

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(tool_call())
    if stage == "stream":
        await agent.head()
    await door.until(lambda: door.peer.connections == 1)
    agent.leave()
    left.set()
    outcome = await door.outcome()
    assert (outcome["status"], outcome["upstream_response"]) == (
        "answered",
        '{"jsonrpc":"2.0","id":1,"result":{"done":true}}',
    )


async def test_a_slow_agent_takes_no_time_from_the_upstream(house: OpenHouse) -> None:
    note = b'{"jsonrpc":"2.0","method":"notifications/x","params":["' + b"y" * (1 << 20) + b'"]}'
    door = await house(
        streaming(*[event(note)] * 12, event(result()), chunk(b"")), request_timeout=0.2
    )
    agent = await door.agent()
    await agent.ask(tool_call())
    await asyncio.sleep(0.6)
    reply = await agent.reply()
    assert len(reply.events) == 13
    assert (await door.outcome())["status"] == "answered"


async def test_an_agent_that_takes_nothing_is_hung_up_on_and_its_call_recorded(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.transport.http.STALLED_SECONDS", 0.2)
    note = b'{"jsonrpc":"2.0","method":"notifications/x","params":["' + b"y" * (1 << 20) + b'"]}'
    door = await house(streaming(*[event(note)] * 12, event(result()), chunk(b"")))
    agent = await door.agent()
    await agent.ask(tool_call())
    assert (await door.outcome())["status"] == "answered"
    assert not (await agent.reply()).whole


@pytest.mark.parametrize("kind", ["JSON", "an event"])
async def test_an_agent_that_takes_nothing_of_a_large_answer_is_hung_up_on(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    monkeypatch.setattr("helio.transport.http.STALLED_SECONDS", 0.2)
    body = result(b"1", b'"' + b"z" * (32 << 20) + b'"')
    answer = json_answer(body) if kind == "JSON" else EVENTS + event(body) + chunk(b"")
    door = await house(always(answer))
    agent = await door.agent()
    await agent.ask(tool_call())
    await door.until(lambda: "took nothing" in caplog.text)
    with pytest.raises(asyncio.IncompleteReadError):
        await agent.reply()
    assert (await door.outcome())["status"] == "answered"


async def test_a_large_answer_comes_whole(house: OpenHouse) -> None:
    body = result(b"1", b'{"content":[{"type":"text","text":"' + b"z" * (60 << 20) + b'"}]}')
    door = await house(always(json_answer(body)))
    assert (await door.post(tool_call())).body == body
    outcome = await door.outcome()
    assert outcome["upstream_response"]["size"] == len(body)


async def test_an_answer_beyond_measure_is_refused(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.transport.exchange.MAX_ANSWER", 1000)
    body = result(b"1", b'"' + b"z" * 1000 + b'"')
    for answer in (json_answer(body), EVENTS + event(body)):
        door = await house(always(answer))
        reply = await door.post(tool_call())
        (answer_,) = reply.events or [reply.message]
        assert answer_["error"]["data"]["reason"] == "upstream_too_large"


async def test_a_cancelled_request_is_not_waited_for(house: OpenHouse) -> None:
    async def handler(conversation: Conversation) -> None:
        request = await conversation.request()
        assert request is not None
        if b"cancelled" in request.body:
            await conversation.send(ACCEPTED)
        await conversation.ended()

    door = await house(handler, request_timeout=30)
    agent = await door.agent()
    await agent.ask(tool_call('"\\u00e9"'), headers=SESSION)
    await door.until(lambda: door.peer.connections == 1)
    cancel = message("notifications/cancelled", None, '{"requestId":"é","x":1e400}')
    assert (await door.post(cancel, SESSION)).status == 202
    reply = await agent.reply()
    assert reply.message["error"]["data"]["reason"] == "upstream_cancelled"
    assert (await door.outcome())["upstream_error"].startswith("cancelled")


@pytest.mark.parametrize(
    ("session", "identifier"),
    [("", "1"), ("mcp-session-id: s2\r\n", "1"), (SESSION, '"1"'), (SESSION, "true"), ("", "{}")],
)
async def test_nobody_cancels_what_is_not_theirs(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch, session: str, identifier: str
) -> None:
    """Without a session many agents count from 1."""
    monkeypatch.setattr("helio.transport.reception.CANCEL_GRACE_SECONDS", 0.0)
    go = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if b"cancelled" in request.body:
                await conversation.send(ACCEPTED)
            else:
                await go.wait()
                await conversation.send(json_answer(result()))

    door = await house(handler)
    agent = await door.agent()
    await agent.ask(tool_call(), headers=session if identifier == "1" and not session else SESSION)
    await door.until(lambda: door.peer.connections == 1)
    cancel = message("notifications/cancelled", None, f'{{"requestId":{identifier}}}')
    assert (await door.post(cancel, session)).status == 202
    go.set()
    assert (await agent.reply()).message["result"] == {"content": []}


async def test_agents_at_once_get_their_own_answers(house: OpenHouse) -> None:
    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            arguments = json.dumps(json.loads(request.body)["params"]["arguments"]).encode()
            await conversation.send(EVENTS + event(PROGRESS) + event(result(b"1", arguments)))
            await conversation.send(chunk(b""))

    door = await house(handler)
    replies = await asyncio.gather(
        *(door.post(tool_call(arguments=f'{{"n":{number}}}')) for number in range(200))
    )
    assert [reply.events[-1]["result"]["n"] for reply in replies] == list(range(200))


async def test_a_call_that_is_given_up_is_cancelled_at_the_upstream(house: OpenHouse) -> None:
    told: asyncio.Queue[tuple[str | None, Any]] = asyncio.Queue()

    async def upstream(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            body = json.loads(request.body)
            if body["method"] == "notifications/cancelled":
                told.put_nowait((request.header("mcp-session-id"), body["params"]))
                await conversation.send(b"HTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n")

    door = await house(upstream, request_timeout=0.2)
    reply = await door.post(tool_call('"a\\u00e9"'), SESSION)
    assert reply.message["error"]["data"]["reason"] == "upstream_timeout"
    assert await asyncio.wait_for(told.get(), 5) == (
        "s1",
        {"requestId": "aé", "reason": "timeout"},
    )
