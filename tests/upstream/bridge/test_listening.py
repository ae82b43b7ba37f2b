"""Subscriptions of 2026-07-28 agents at a legacy server, and what that says of itself."""

import asyncio
import json
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from upstream.bridge.talking import ENVELOPE, Scene
from upstream.scripted import post, request, said


@pytest.fixture
async def scene() -> Any:
    made = Scene()
    yield made
    await made.bridge.aclose()


class Subscriber:
    """The messages of a subscription, one at a time."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self._chunks = response.chunks()

    async def message(self) -> Any:
        async with asyncio.timeout(5):
            event = await anext(self._chunks)
        return json.loads(event.partition(b"data: ")[2])


async def subscribed(scene: Scene, **wanted: Any) -> Subscriber:
    params = {"notifications": wanted, "_meta": ENVELOPE}
    return Subscriber(
        await post(scene.bridge, request("subscriptions/listen", params, "l"), timeout=None)
    )


CHANGED = "notifications/tools/list_changed"
MARK = {"io.modelcontextprotocol/subscriptionId": "l"}


async def test_a_subscription_is_acknowledged_and_hears_only_what_it_wants(scene: Scene) -> None:
    scene.server.capabilities = {"tools": {}, "prompts": {}}
    subscriber = await subscribed(scene, toolsListChanged=True, resourcesListChanged=True)
    acknowledged = await subscriber.message()
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"] == {"notifications": {"toolsListChanged": True}, "_meta": MARK}
    assert scene.server.standing is not None
    for message in (
        {"method": "notifications/prompts/list_changed"},
        {"method": CHANGED},
        {"method": CHANGED, "params": {"n": 1.0}},
        {"method": CHANGED, "params": {"_meta": {"own": 1.0}}},
    ):
        scene.server.standing.put(json.dumps({"jsonrpc": "2.0", **message}).encode())
    assert [(await subscriber.message())["params"] for _ in range(3)] == [
        {"_meta": MARK},
        {"_meta": MARK, "n": 1.0},
        {"_meta": {**MARK, "own": 1.0}},
    ]
    subscriber.response.close()


async def test_what_comes_on_a_calls_stream_is_for_subscribers_too(scene: Scene) -> None:
    scene.server.capabilities = {"tools": {}}
    subscriber = await subscribed(scene, toolsListChanged=True)
    await subscriber.message()
    calling = scene.call()
    await scene.server.until(0)
    scene.server.say({"method": CHANGED})
    scene.server.answer("done")
    assert (await subscriber.message())["method"] == CHANGED
    assert CHANGED.encode() not in await (await calling).read(1 << 20)
    subscriber.response.close()


async def test_a_subscription_ends_with_its_session(scene: Scene) -> None:
    scene.server.capabilities = {"tools": {}}
    subscriber = await subscribed(scene, toolsListChanged=True)
    await subscriber.message()
    scene.server.forget()
    with pytest.raises(UpstreamFailed):
        await scene.call()
    with pytest.raises(UpstreamFailed) as failed:
        await subscriber.message()
    assert failed.value.reason == "closed"


async def test_a_subscriber_that_does_not_read_is_let_go(scene: Scene) -> None:
    scene.server.capabilities = {"tools": {}}
    subscriber = await subscribed(scene, toolsListChanged=True)
    assert scene.server.standing is not None
    large = {"jsonrpc": "2.0", "method": CHANGED, "params": {"x": "x" * 400_000}}
    for _ in range(12):
        await scene.server.standing.room()
        scene.server.standing.put(json.dumps(large).encode())
    with pytest.raises(UpstreamFailed):
        for _ in range(7):
            await subscriber.message()


@pytest.mark.parametrize("capabilities", [{}, {"tools": {"listChanged": True}, "tasks": {}}])
async def test_discovery_tells_what_helio_can_serve(scene: Scene, capabilities: Any) -> None:
    scene.server.capabilities = capabilities
    response = await post(scene.bridge, request("server/discover", {"_meta": ENVELOPE}, "d"))
    assert await said(response) == {
        "jsonrpc": "2.0",
        "id": "d",
        "result": {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28", "2025-11-25"],
            "capabilities": {name: held for name, held in capabilities.items() if name != "tasks"},
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s"}},
        },
    }


async def test_a_uri_that_is_no_text_ends_nothing(scene: Scene) -> None:
    scene.server.capabilities = {"resources": {}, "tools": {}}
    subscriber = await subscribed(
        scene, toolsListChanged=True, resourceSubscriptions=["text://one"]
    )
    await subscriber.message()
    assert scene.server.standing is not None
    updated = b'{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":%b}}'
    for uri in (b'"\\ud800"', b"7", b"null"):
        scene.server.standing.put(updated % uri)
    changed = {"jsonrpc": "2.0", "method": CHANGED}
    scene.server.standing.put(json.dumps(changed).encode())
    assert (await subscriber.message())["method"] == CHANGED
