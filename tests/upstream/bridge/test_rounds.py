"""Calls of 2026-07-28 agents at a legacy server that asks during them, message by message."""

import asyncio
import json
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.bridge import bridged_call
from helio.upstream.bridge.modern_agent import ModernAgents
from helio.upstream.bridge.suspended import SuspendedCalls
from helio.upstream.made import WholeResponse
from upstream.bridge.talking import ASKS, ENVELOPE, Scene
from upstream.scripted import ScriptedPort, Sent, post, request, result, said


@pytest.fixture
async def scene() -> Any:
    made = Scene()
    yield made
    await made.bridge.aclose()


async def test_what_the_server_asks_becomes_a_result_and_the_retry_goes_on(scene: Scene) -> None:
    result = await scene.asked(identifier="first")
    assert result["resultType"] == "input_required"
    ((key, asked),) = result["inputRequests"].items()
    assert asked == ASKS
    assert len(result["requestState"]) >= 32
    retry = scene.call(
        "second", requestState=result["requestState"], inputResponses={key: {"action": "accept"}}
    )
    answered = await scene.server.hears(None)
    assert answered == {"jsonrpc": "2.0", "id": "q\u00e9", "result": {"action": "accept"}}
    scene.server.answer("done")
    answer = await said(await retry)
    assert (answer["id"], answer["result"]["resultType"]) == ("second", "complete")
    assert len(scene.server.calls) == 1, "the call went on; it was not made again"


async def test_a_server_gets_the_call_as_it_knows_it_and_the_bytes_as_they_came(
    scene: Scene,
) -> None:
    calling = scene.call(7, arguments={"n": 1.0}, meta={"progressToken": "p", "own": [1]})
    call = await scene.server.until(0)
    assert call["params"] == {
        "name": "ask",
        "arguments": {"n": 1.0},
        "_meta": {"own": [1], "progressToken": call["id"]},
    }
    sent = next(each for each in scene.upstream.sent if each.asks == "tools/call")
    assert b'"arguments": {"n": 1.0}' in sent.body
    assert sent.headers["mcp-session-id"] == "session-1"
    assert sent.headers["mcp-protocol-version"] == "2025-11-25"
    assert "mcp-method" not in sent.headers
    token = {"progressToken": call["id"], "progress": 1e0}
    scene.server.say({"method": "notifications/progress", "params": token})
    response = await calling
    scene.server.answer("done")
    body = await response.read(1 << 20)
    assert b'"progressToken": "p"' in body
    assert b'"progress": 1.0' in body
    assert b'"id": 7' in body


async def test_two_questions_at_once_are_one_result(scene: Scene) -> None:
    calling = scene.call()
    await scene.server.until(0)
    for identifier in (1, "1"):
        scene.server.say({"id": identifier, **ASKS})
    result = (await said(await calling))["result"]
    assert len(result["inputRequests"]) == 2
    first, second = result["inputRequests"]
    retry = scene.call(requestState=result["requestState"], inputResponses={first: {"n": 1}})
    again = (await said(await retry))["result"]
    assert list(again["inputRequests"]) == [second], "what was not answered is asked again"
    assert again["requestState"] != result["requestState"]
    retry = scene.call(requestState=again["requestState"], inputResponses={second: {"n": 2}})
    answered = [await scene.server.hears(None), await scene.server.hears(None)]
    assert [(each["id"], each["result"]) for each in answered] == [(1, {"n": 1}), ("1", {"n": 2})]
    scene.server.answer("done")
    assert (await said(await retry))["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    "changed",
    [
        {"arguments": {"a": 2}},
        {"name": "other"},
        {"headers": {"authorization": "Bearer other"}},
        {"meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}},
        {"requestState": "made-up"},
        {"requestState": 5},
        {"requestState": None},
    ],
)
async def test_only_the_very_retry_goes_on(scene: Scene, changed: dict[str, Any]) -> None:
    result = await scene.asked()
    (key,) = result["inputRequests"]
    honest = {"requestState": result["requestState"], "inputResponses": {key: {"action": "accept"}}}
    refused = await scene.call(**{**honest, **changed})
    assert refused.status == 400
    assert (await said(refused))["error"]["code"] == -32602
    assert [each for each in scene.server.told if "method" not in each] == []
    retry = scene.call(**honest)
    await scene.server.hears(None)
    scene.server.answer("done")
    assert (await retry).status == 200


async def test_a_state_serves_once(scene: Scene) -> None:
    result = await scene.asked()
    (key,) = result["inputRequests"]
    honest = {"requestState": result["requestState"], "inputResponses": {key: {"action": "accept"}}}
    retry = scene.call(**honest)
    await scene.server.hears(None)
    assert (await scene.call(**honest)).status == 400
    scene.server.answer("done")
    await retry


async def test_the_order_and_the_layout_of_arguments_do_not_matter(scene: Scene) -> None:
    result = await scene.asked(arguments={"a": 1, "b": {"c": 2, "d": 3}})
    (key,) = result["inputRequests"]
    retry = scene.call(
        arguments={"b": {"d": 3, "c": 2}, "a": 1.0},
        requestState=result["requestState"],
        inputResponses={key: {}},
    )
    await scene.server.hears(None)
    scene.server.answer("done")
    assert (await retry).status == 200


async def test_a_question_that_nobody_answers_expires() -> None:
    scene = Scene(suspended=SuspendedCalls(seconds=0.01))
    result = await scene.asked()
    assert (await scene.server.hears(None))["error"]["message"]
    cancelled = await scene.server.hears("notifications/cancelled")
    assert cancelled["params"]["requestId"] == scene.server.calls[0]["id"]
    assert (await scene.call(requestState=result["requestState"])).status == 400
    assert scene.server.closed == [0]
    await scene.bridge.aclose()


async def test_only_so_many_calls_wait() -> None:
    scene = Scene(suspended=SuspendedCalls(limit=0))
    calling = scene.call()
    await scene.server.until(0)
    scene.server.say({"id": 1, **ASKS})
    assert (await said(await calling))["error"]["code"] == -32603
    await scene.server.hears("notifications/cancelled")
    await scene.bridge.aclose()


async def test_what_the_agent_cannot_answer_is_refused_for_it(scene: Scene) -> None:
    poor = {"io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}
    calling = scene.call(meta=poor)
    await scene.server.until(0)
    scene.server.say({"id": 1, **ASKS})
    assert (await scene.server.hears(None))["error"]["code"] == -32601
    scene.server.say({"id": 2, "method": "ping"})
    assert (await scene.server.hears(None)) == {"jsonrpc": "2.0", "id": 2, "result": {}}
    scene.server.answer("done")
    assert (await said(await calling))["result"]["content"][0]["text"] == "done"


async def test_a_question_on_the_standing_stream_is_the_only_calls(scene: Scene) -> None:
    calling = scene.call()
    await scene.server.until(0)
    assert scene.server.standing is not None
    scene.server.standing.put(json.dumps({"jsonrpc": "2.0", "id": 1, **ASKS}).encode())
    assert (await said(await calling))["result"]["resultType"] == "input_required"


async def test_with_two_calls_under_way_nobody_is_asked_on_the_standing_stream(
    scene: Scene,
) -> None:
    callings = [scene.call(), scene.call()]
    await scene.server.until(1)
    assert scene.server.standing is not None
    scene.server.standing.put(json.dumps({"jsonrpc": "2.0", "id": 1, **ASKS}).encode())
    assert (await scene.server.hears(None))["error"]["code"] == -32601
    for number, calling in enumerate(callings):
        scene.server.answer(str(number), number)
        await calling


async def test_agents_that_share_a_session_get_their_own_answers(scene: Scene) -> None:
    callings = [scene.call(1, meta={"progressToken": 1}) for _ in range(3)]
    await scene.server.until(2)
    assert scene.server.opened == 1
    numbers = [call["id"] for call in scene.server.calls]
    assert len(set(numbers)) == 3
    for number in (2, 0, 1):
        scene.server.answer(f"answer {number}", number)
    texts = [(await said(await each))["result"]["content"][0]["text"] for each in callings]
    assert texts == ["answer 0", "answer 1", "answer 2"]


@pytest.mark.parametrize(
    "other",
    [
        {"headers": {"authorization": "Bearer b"}},
        {"headers": {"x-team": "b"}},
        {"meta": {"io.modelcontextprotocol/clientInfo": {"name": "other", "version": "1"}}},
        {"meta": {"io.modelcontextprotocol/clientCapabilities": {}}},
    ],
)
async def test_agents_that_differ_have_sessions_of_their_own(
    scene: Scene, other: dict[str, Any]
) -> None:
    callings = [scene.call(), scene.call(**other)]
    await scene.server.until(1)
    assert scene.server.opened == 2
    for number, calling in enumerate(callings):
        scene.server.answer("done", number)
        await calling


async def test_an_agent_that_leaves_cancels_and_one_that_left_is_not_waited_for(
    scene: Scene,
) -> None:
    calling = scene.call()
    await scene.server.until(0)
    calling.cancel()
    cancelled = await scene.server.hears("notifications/cancelled")
    assert cancelled["params"]["requestId"] == scene.server.calls[0]["id"]
    streaming = scene.call(meta={"progressToken": 1})
    call = await scene.server.until(1)
    progress = {"progressToken": call["id"], "progress": 1}
    scene.server.say({"method": "notifications/progress", "params": progress}, 1)
    (await streaming).close()
    cancelled = await scene.server.hears("notifications/cancelled")
    assert cancelled["params"]["requestId"] == call["id"]
    assert scene.server.closed == [0, 1]


async def test_a_lost_session_fails_a_call_and_serves_the_next(scene: Scene) -> None:
    calling = scene.call()
    await scene.server.until(0)
    scene.server.answer("done")
    await calling
    scene.server.forget()
    with pytest.raises(UpstreamFailed) as failed:
        await scene.call()
    assert (failed.value.reason, failed.value.sent) == ("session_lost", True)
    calling = scene.call()
    await scene.server.until(1)
    scene.server.answer("done", 1)
    assert (await calling).status == 200
    assert len(scene.server.calls) == 2


async def test_a_silent_server_is_given_up(scene: Scene) -> None:
    message = request("tools/call", {"name": "ask", "arguments": {}, "_meta": ENVELOPE})
    with pytest.raises(UpstreamFailed) as failed:
        await post(scene.bridge, message, timeout=0.05)
    assert (failed.value.reason, failed.value.sent) == ("timeout", True)
    await scene.server.hears("notifications/cancelled")


async def test_sessions_are_bounded_and_idle_ones_make_room() -> None:
    scene = Scene(max_sessions=1, idle_seconds=60)
    calling = scene.call(headers={"x-team": "a"})
    await scene.server.until(0)
    refused = await scene.call(headers={"x-team": "b"})
    assert refused.status == 503
    assert refused.header(b"retry-after") is not None
    assert (await said(refused))["id"] == 1
    scene.server.answer("done")
    await calling
    calling = scene.call(headers={"x-team": "b"})
    await scene.server.until(1)
    scene.server.answer("done", 1)
    await calling
    assert len(scene.bridge) == 1
    await scene.bridge.aclose()
    assert scene.server.sessions == set()


async def test_a_session_that_nobody_uses_ends() -> None:
    scene = Scene(idle_seconds=0.05)
    calling = scene.call()
    await scene.server.until(0)
    scene.server.answer("done")
    await calling
    async with asyncio.timeout(5):
        await scene.server.ended.wait()
    assert len(scene.bridge) == 0
    await scene.bridge.aclose()


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel"])
async def test_what_only_a_session_has_is_not_found(scene: Scene, method: str) -> None:
    response = await post(scene.bridge, request(method, {"_meta": ENVELOPE}))
    assert response.status == 404
    assert (await said(response))["error"]["code"] == -32601


async def test_an_upstream_that_refuses_the_session_answers_for_itself() -> None:
    async def refusing(sent: Sent) -> Any:
        return WholeResponse(401, b"who?", [(b"www-authenticate", b"Bearer")])

    bridge = ModernAgents(ScriptedPort(refusing))
    response = await post(bridge, request("tools/list", {"_meta": ENVELOPE}))
    assert response.status == 401
    assert response.header(b"www-authenticate") == b"Bearer"
    assert len(bridge) == 0
    await bridge.aclose()


async def test_what_is_no_request_is_taken_and_dropped(scene: Scene) -> None:
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert (await post(scene.bridge, cancelled)).status == 202
    assert scene.upstream.sent == []


async def test_an_answer_to_another_request_is_passed_over(scene: Scene) -> None:
    calling = scene.call("mine")
    call = await scene.server.until(0)
    for other in (call["id"] + 1, str(call["id"]), True, {}, -call["id"]):
        scene.server.say({"id": other, "result": {"content": "of another"}})
    scene.server.answer("mine")
    answer = await said(await calling)
    assert answer["id"] == "mine"
    assert answer["result"]["content"][0]["text"] == "mine"


async def test_an_id_of_any_length_is_only_another_one(scene: Scene) -> None:
    calling = scene.call()
    await scene.server.until(0)
    long = b'{"jsonrpc":"2.0","id":%b,"result":{}}' % (b"1" * 10_000)
    scene.server.streams[0].put(long)
    assert scene.server.standing is not None
    scene.server.standing.put(long)
    scene.server.answer("done")
    assert "result" in await said(await calling)


async def test_a_whole_answer_to_another_request_fails_the_call_at_once() -> None:
    scene = Scene()
    talking = scene.upstream.answering

    async def answering(sent: Sent) -> Any:
        if sent.asks != "tools/call":
            return await talking(sent)
        return result(Sent(sent.method, sent.headers, b'{"id":77}', None), {"content": []})

    scene.upstream.answering = answering
    with pytest.raises(UpstreamFailed) as caught:
        await scene.call()
    assert (caught.value.reason, caught.value.sent) == ("protocol_error", True)
    await scene.bridge.aclose()


async def test_an_agent_that_does_not_read_loses_notifications_and_holds_up_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridged_call, "GRACE_SECONDS", 0.01)
    calling = scene.call(meta={"progressToken": "p"})
    call = await scene.server.until(0)
    token = {"progressToken": call["id"], "message": "x" * 100_000}
    scene.server.say({"method": "notifications/progress", "params": token})
    response = await calling
    for _ in range(50):
        scene.server.say({"method": "notifications/progress", "params": token})
    async with asyncio.timeout(5):
        await scene.server.streams[0].room()
    scene.server.answer("done")
    body = await response.read(50 * 110_000)
    assert 10 < body.count(b"notifications/progress") < 40
    assert b"done" in body
