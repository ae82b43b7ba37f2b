"""Legacy agents at a 2026-07-28 server, message by message."""

import asyncio
import json
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.protocol.modern import Parameter
from helio.upstream.bridge.legacy_call import MAX_ROUNDS
from helio.upstream.made import StreamResponse, WholeResponse
from upstream.bridge.answering import ASKS, CAPABILITIES, Reader, Scene, asking
from upstream.scripted import Sent, post, refusal, request, said, send


@pytest.fixture
async def scene() -> Any:
    made = Scene()
    await made.open()
    yield made
    await made.bridge.aclose()


@pytest.mark.parametrize(
    ("asked_for", "given"),
    [("2024-11-05", "2024-11-05"), ("2025-11-25", "2025-11-25"), ("2030-01-01", "2025-11-25")],
)
async def test_a_session_opens_with_what_the_upstream_says_of_itself(
    asked_for: str, given: str
) -> None:
    scene = Scene()
    answer = await said(await scene.open(asked_for))
    assert answer == {
        "jsonrpc": "2.0",
        "id": "i",
        "result": {
            "protocolVersion": given,
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "s", "version": "1"},
            "instructions": "Use it.",
        },
    }
    assert len(scene.session["mcp-session-id"]) >= 32


async def test_requests_carry_the_envelope_and_their_own_bytes(scene: Scene) -> None:
    body = b'{"jsonrpc":"2.0","method":"tools/call","id":1.0e1,"params":{"name":"\xc3\xa9"}}'
    body = body.replace(b"1.0e1", b'"a"')
    answer = await said(await send(scene.bridge, "POST", body, scene.session))
    assert answer["id"] == "a"
    sent = scene.upstream.sent[-1]
    assert sent.body.startswith(b'{"jsonrpc":"2.0","method":"tools/call","id":"a","params":{')
    assert sent.headers["mcp-name"] == "=?base64?w6k=?="
    meta = sent.message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == CAPABILITIES
    assert meta["io.modelcontextprotocol/clientInfo"] == {"name": "tests", "version": "1"}
    assert "io.modelcontextprotocol/logLevel" not in meta


async def test_an_agent_cannot_write_its_own_envelope(scene: Scene) -> None:
    lies = {
        "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
        "io.modelcontextprotocol/protocolVersion": "2024-11-05",
        "progressToken": 5,
        "own": 1.0,
    }
    await scene.ask("tools/list", {"_meta": lies})
    meta = scene.upstream.sent[-1].message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == CAPABILITIES
    assert (meta["progressToken"], meta["own"]) == (5, 1.0)


async def test_the_log_level_of_the_session_goes_with_each_request(scene: Scene) -> None:
    assert (await said(await scene.ask("logging/setLevel", {"level": "error"})))["result"] == {}
    assert "error" in await said(await scene.ask("logging/setLevel", {"level": "loud"}))
    await scene.call()
    meta = scene.upstream.sent[-1].message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/logLevel"] == "error"


async def test_arguments_that_a_tool_wants_in_headers_are_there() -> None:
    wanted = {"pay": {("region",): Parameter("Region", "string")}}
    scene = Scene(parameters_of=wanted.get)
    await scene.open()
    await scene.call("pay", region="eu")
    assert scene.upstream.sent[-1].headers["mcp-param-region"] == "eu"
    await scene.call("other", region="eu")
    assert "mcp-param-region" not in scene.upstream.sent[-1].headers


async def test_what_the_upstream_asks_is_asked_of_the_agent(scene: Scene) -> None:
    scene.server.answers = [asking("s1", one=ASKS, two=ASKS), {"resultType": "complete", "n": 1.0}]
    reader = Reader(await scene.call(identifier=7, a=1.0))
    questions = [await reader.message(), await reader.message()]
    assert [{"method": q["method"], "params": q["params"]} for q in questions] == [ASKS, ASKS]
    assert len({q["id"] for q in questions}) == 2
    assert all(len(q["id"]) > 20 for q in questions)
    assert await scene.tell({"id": "unasked", "result": {"n": 0}}) == 202
    for number, question in enumerate(questions):
        assert await scene.tell({"id": question["id"], "result": {"n": number}}) == 202
    answer = await reader.message()
    assert (answer["id"], answer["result"]) == (7, {"resultType": "complete", "n": 1.0})
    first, retry = scene.upstream.sent[-2:]
    assert retry.message["id"] != first.message["id"] == 7
    params = retry.message["params"]
    assert params["requestState"] == "s1"
    assert params["inputResponses"] == {"one": {"n": 0}, "two": {"n": 1}}
    assert b'"arguments": {"a": 1.0}' in retry.body
    assert retry.headers["mcp-name"] == "ask"


async def test_another_session_cannot_answer(scene: Scene) -> None:
    scene.server.answers = [asking(one=ASKS), {"resultType": "complete"}]
    reader = Reader(await scene.call())
    question = await reader.message()
    mine = scene.session
    await scene.open()
    await scene.tell({"id": question["id"], "result": {"n": 666}})
    scene.session = mine
    await scene.tell({"id": question["id"], "result": {"n": 1}})
    await reader.message()
    assert scene.upstream.sent[-1].message["params"]["inputResponses"] == {"one": {"n": 1}}


async def test_an_agent_that_refuses_ends_its_call(scene: Scene) -> None:
    scene.server.answers = [asking(one=ASKS)]
    reader = Reader(await scene.call())
    question = await reader.message()
    await scene.tell({"id": question["id"], "error": {"code": -1, "message": "I will not"}})
    answer = await reader.message()
    assert answer["id"] == 1
    assert "I will not" in answer["error"]["message"]


async def test_nothing_is_asked_that_the_agent_cannot_do(scene: Scene) -> None:
    scene.server.answers = [asking(one={"method": "roots/list"})]
    answer = await said(await scene.call())
    assert "roots/list" in answer["error"]["message"]


async def test_rounds_that_ask_nothing_are_waited_for_and_counted(scene: Scene) -> None:
    scene.server.answers = [asking("a"), asking("b"), {"resultType": "complete"}]
    assert (await said(await scene.call()))["result"]["resultType"] == "complete"
    states = [s.message["params"].get("requestState") for s in scene.upstream.sent[1:]]
    assert states == [None, "a", "b"]
    scene.server.answers = [asking(one=ASKS)] * (MAX_ROUNDS + 1)
    reader = Reader(await scene.call())
    for _ in range(MAX_ROUNDS):
        await scene.tell({"id": (await reader.message())["id"], "result": {}})
    assert str(MAX_ROUNDS) in (await reader.message())["error"]["message"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: refusal(404, "no method", -32601), 200),
        (lambda: refusal(400, "no params", -32602), 200),
        (lambda: refusal(400, "no capability", -32021), 200),
        (lambda: WholeResponse(404, b"not here"), 502),
        (lambda: WholeResponse(401, b"who?", [(b"www-authenticate", b"Bearer")]), 401),
        (lambda: WholeResponse(503, b"later"), 503),
    ],
)
async def test_an_error_of_the_upstream_never_ends_the_session(
    scene: Scene, answer: Any, status: int
) -> None:
    scene.server.answers = [answer()]
    response = await scene.call(identifier=9)
    assert response.status == status
    if status == 200:
        told = await said(response)
        assert told["id"] == 9
        assert told["error"]["code"] < 0


async def test_a_cancelled_call_closes_the_upstreams_stream(scene: Scene) -> None:
    closed = asyncio.Event()
    stream = StreamResponse(timeout=None, on_close=closed.set)
    scene.server.answers = [stream]
    calling = asyncio.create_task(scene.call(identifier="c"))
    while len(scene.upstream.sent) < 2:  # noqa: ASYNC110 - the port tells in no other way
        await asyncio.sleep(0)
    cancel = {"method": "notifications/cancelled", "params": {"requestId": "c"}}
    assert await scene.tell(cancel) == 202
    with pytest.raises(UpstreamFailed) as failed:
        await calling
    assert failed.value.reason == "closed"
    async with asyncio.timeout(5):
        await closed.wait()


async def test_a_silent_upstream_is_given_up(scene: Scene) -> None:
    closed = asyncio.Event()
    scene.server.answers = [StreamResponse(timeout=None, on_close=closed.set)]
    message = request("tools/call", {"name": "ask", "arguments": {}})
    with pytest.raises(UpstreamFailed) as failed:
        await post(scene.bridge, message, scene.session, timeout=0.05)
    assert (failed.value.reason, failed.value.sent) == ("timeout", True)
    async with asyncio.timeout(5):
        await closed.wait()


async def test_the_standing_stream_follows_the_subscriptions(scene: Scene) -> None:
    reader = Reader(await send(scene.bridge, "GET", None, scene.session, timeout=None))
    wanted, first = await scene.server.until(0)
    assert wanted == {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
    }
    assert (await send(scene.bridge, "GET", None, scene.session, timeout=None)).status == 409
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    first.put(json.dumps(changed).encode())
    assert await reader.message() == changed
    assert (await said(await scene.ask("resources/subscribe", {"uri": "a:b"})))["result"] == {}
    wanted, second = await scene.server.until(1)
    assert wanted["resourceSubscriptions"] == ["a:b"]
    assert len(scene.server.closed) == 1
    updated = {
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": {"uri": "a:b"},
    }
    second.put(json.dumps(updated).encode())
    assert await reader.message() == updated
    await scene.ask("resources/unsubscribe", {"uri": "a:b"})
    wanted, third = await scene.server.until(2)
    assert "resourceSubscriptions" not in wanted
    third.fail(UpstreamFailed("closed", sent=True))
    await scene.server.until(3)
    await reader.close()


async def test_an_upstream_without_subscriptions_has_no_standing_stream(scene: Scene) -> None:
    scene.server.listens = False
    assert (await send(scene.bridge, "GET", None, scene.session, timeout=None)).status == 405
    assert (await send(scene.bridge, "GET", None, scene.session, timeout=None)).status == 405


async def test_a_session_ends_once(scene: Scene) -> None:
    reader = Reader(await send(scene.bridge, "GET", None, scene.session, timeout=None))
    await scene.server.until(0)
    assert (await send(scene.bridge, "DELETE", None, scene.session)).status == 200
    assert (await send(scene.bridge, "DELETE", None, scene.session)).status == 404
    assert (await scene.call()).status == 404
    assert (await send(scene.bridge, "GET", None, scene.session)).status == 404
    assert len(scene.bridge) == 0
    with pytest.raises(StopAsyncIteration):
        await reader.message()


async def test_what_belongs_to_no_session_is_refused(scene: Scene) -> None:
    assert (await post(scene.bridge, request("tools/list"))).status == 400
    assert (await post(scene.bridge, request("tools/list"), {"mcp-session-id": "x"})).status == 404


async def test_sessions_are_bounded_and_forgotten_ones_make_room() -> None:
    scene = Scene(max_sessions=2, idle_seconds=0.02)
    await scene.open()
    await scene.open()
    refused = await scene.open()
    assert refused.status == 503
    assert refused.header(b"retry-after") is not None
    await asyncio.sleep(0.03)
    assert (await scene.open()).status == 200
    assert len(scene.bridge) == 1


async def test_an_upstream_that_does_not_say_what_it_is_opens_no_session() -> None:
    scene = Scene()

    async def refusing(sent: Sent) -> Any:
        return refusal(404, "no such method", -32601)

    scene.upstream.answering = refusing
    response = await scene.open()
    assert (await said(response))["error"]["code"] == -32601
    assert scene.session == {}
    assert len(scene.bridge) == 0


async def test_pings_are_answered_here(scene: Scene) -> None:
    sent = len(scene.upstream.sent)
    assert (await said(await scene.ask("ping", identifier="p"))) == {
        "jsonrpc": "2.0",
        "id": "p",
        "result": {},
    }
    assert await scene.tell({"method": "notifications/initialized"}) == 202
    assert await scene.tell({"method": "notifications/roots/list_changed"}) == 202
    assert len(scene.upstream.sent) == sent


async def test_parameters_that_cannot_hold_an_envelope_are_refused(scene: Scene) -> None:
    answer = await said(await scene.ask("tools/list", [1]))
    assert answer["error"]["code"] == -32602
    answer = await said(await scene.ask("tools/list", {"_meta": 5}))
    assert answer["error"]["code"] == -32602
