"""One standing stream out of several."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.aggregate import standing
from upstream.aggregate.several import MODERN, Heard, Server, Several, several, until
from upstream.scripted import send

CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def updated(uri: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LEAST_PAUSE", 0.005)
    monkeypatch.setattr(standing, "MOST_PAUSE", 0.01)
    monkeypatch.setattr(standing, "READY_SECONDS", 0.2)


@pytest.fixture
async def pair() -> AsyncIterator[Several]:
    found = several(one=Server(resources_subscribe={}), two=Server(resources_subscribe={}))
    yield found
    await found.port.aclose()


async def test_questions_with_one_id_are_told_apart(pair: Several) -> None:
    await pair.open()
    heard = await pair.stand()
    one, two = pair.servers["one"], pair.servers["two"]
    question = {"jsonrpc": "2.0", "id": 1, "method": "roots/list"}
    for server, name in ((two, "two"), (one, "one")):
        server.say(question)
        assert await heard.next() == {**question, "id": f"{name}:1"}
    await pair.respond("one:1", {"roots": [1]})
    await pair.respond("two:1", {"roots": [2]})
    for forged in ("three:1", "one:", "1", 1):
        await pair.respond(forged, {"roots": [3]})
    for server, roots in ((one, [1]), (two, [2])):
        (sent,) = server.of("response")
        assert sent.message == {"jsonrpc": "2.0", "id": 1, "result": {"roots": roots}}
        assert sent.headers["mcp-session-id"] == "session-1"
    await heard.leave()


async def test_notifications_name_their_upstream_where_they_must(pair: Several) -> None:
    await pair.open()
    heard = await pair.stand()
    await pair.ask("resources/subscribe", {"uri": "helio://two/text://x"})
    pair.servers["two"].say(updated("text://x"))
    assert await heard.next() == updated("helio://two/text://x")
    pair.servers["one"].say(CHANGED)
    assert await heard.next() == CHANGED
    assert pair.changed == ["one"]
    await heard.leave()


async def test_what_was_subscribed_to_without_a_prefix_is_told_without_one(pair: Several) -> None:
    await pair.open()
    heard = await pair.stand()
    await pair.ask("resources/subscribe", {"uri": "ui://x"})
    pair.servers["one"].say(updated("ui://x"))
    assert await heard.next() == updated("ui://x")
    pair.servers["one"].results["resources/unsubscribe"] = {}
    await pair.ask("resources/unsubscribe", {"uri": "ui://x"})
    pair.servers["one"].say(updated("ui://x"))
    assert await heard.next() == updated("helio://one/ui://x")
    await heard.leave()


async def test_a_stream_that_breaks_is_opened_again_and_what_was_missed_is_said(
    pair: Several,
) -> None:
    await pair.open()
    heard = await pair.stand()
    one, two = pair.servers["one"], pair.servers["two"]
    one.down = "down"
    one.streams[-1].fail(UpstreamFailed("closed", sent=True))
    await until(lambda: len(one.of("GET")) > 2)
    two.say(updated("text://x"))
    assert await heard.next() == updated("helio://two/text://x")
    one.down = None
    assert await heard.next() == CHANGED
    one.say(updated("text://y"))
    assert await heard.next() == updated("helio://one/text://y")
    await heard.leave()


async def test_one_that_was_down_from_the_start_joins() -> None:
    one, two = Server(), Server()
    one.capabilities = {"prompts": {}}
    one.down = "down"
    found = several(one=one, two=two)
    await found.open()
    heard = await found.stand()
    one.down = None
    assert await heard.next() == CHANGED
    assert (await heard.next())["method"] == "notifications/prompts/list_changed"
    await heard.leave()
    await found.port.aclose()


async def test_one_that_came_before_the_stream_is_told_of_too() -> None:
    one, two = Server(tools_list={"tools": []}), Server(tools_list={"tools": []})
    one.down = "down"
    found = several(one=one, two=two)
    await found.open()
    await found.ask("tools/list")
    one.down = None
    heard = await found.stand()
    assert await heard.next() == CHANGED
    await heard.leave()
    await found.port.aclose()


async def test_who_has_no_stream_is_not_asked_again(pair: Several) -> None:
    pair.servers["one"].has_streams = False
    await pair.open()
    heard = await pair.stand()
    pair.servers["two"].streams[-1].end()
    await until(lambda: len(pair.servers["two"].streams) == 2)
    assert len(pair.servers["one"].of("GET")) == 1
    await heard.leave()


async def test_a_stream_goes_on_where_it_ended(pair: Several) -> None:
    await pair.open()
    heard = await pair.stand()
    one = pair.servers["one"]
    one.streams[-1]._pieces.append(b"id: 5\ndata: \n\n")
    one.say(CHANGED)
    assert await heard.next() == CHANGED
    one.streams[-1].end()
    await until(lambda: len(one.streams) == 2)
    assert one.of("GET")[-1].headers["last-event-id"] == "5"
    await heard.leave()


async def test_a_session_has_one_stream_and_it_ends_with_it(pair: Several) -> None:
    await pair.open()
    heard = await pair.stand()
    again = await send(pair.port, "GET", None, pair.session, None)
    assert again.status == 409
    await heard.leave()
    heard = await pair.stand()
    assert (await send(pair.port, "DELETE", None, pair.session)).status == 200
    with pytest.raises(StopAsyncIteration):
        await heard.next()
    for server in pair.servers.values():
        assert all(stream.closed for stream in server.streams)
        assert not server.sessions


async def test_the_rest_of_a_call_is_asked_for_where_it_is(pair: Several) -> None:
    await pair.open()
    headers = {**pair.session, "last-event-id": "two:a:7"}
    response = await send(pair.port, "GET", None, headers)
    assert response.status == 200
    (sent,) = pair.servers["two"].of("GET")
    assert sent.headers["last-event-id"] == "a:7"
    assert not pair.servers["one"].of("GET")
    response.close()


async def listen(found: Several, **notifications: object) -> Heard:
    return Heard(await found.modern("subscriptions/listen", {"notifications": notifications}))


def acknowledge(server: Server, **honoured: object) -> None:
    params = {"notifications": honoured, "_meta": {SUBSCRIPTION: 7}}
    server.say(
        {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": params,
        }
    )


async def test_one_subscription_out_of_several(pair: Several) -> None:
    one, two = pair.servers["one"], pair.servers["two"]
    uris = ["helio://two/text://x", "ui://y"]
    opening = asyncio.create_task(listen(pair, toolsListChanged=True, resourceSubscriptions=uris))
    await until(lambda: bool(one.streams and two.streams))
    wanted = [
        server.of("subscriptions/listen")[0].message["params"]["notifications"]
        for server in (one, two)
    ]
    assert wanted == [
        {"toolsListChanged": True, "resourceSubscriptions": ["ui://y"]},
        {"toolsListChanged": True, "resourceSubscriptions": ["text://x", "ui://y"]},
    ]
    acknowledge(one, toolsListChanged=True)
    one.say(CHANGED)
    acknowledge(two, resourceSubscriptions=["text://x", "ui://y"])
    heard = await opening
    acknowledged = await heard.next()
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"] == {
        "notifications": {"toolsListChanged": True, "resourceSubscriptions": uris},
        "_meta": {SUBSCRIPTION: 7},
    }
    assert await heard.next() == CHANGED
    two.say(updated("text://x"))
    assert await heard.next() == updated(uris[0])
    two.say(updated("ui://y"))
    assert await heard.next() == updated(uris[1])
    await heard.leave()
    await until(lambda: all(each.closed for each in (*one.streams, *two.streams)))


async def test_a_subscription_is_opened_again_and_acknowledged_once(pair: Several) -> None:
    one, two = pair.servers["one"], pair.servers["two"]
    opening = asyncio.create_task(listen(pair, toolsListChanged=True))
    await until(lambda: bool(one.streams and two.streams))
    acknowledge(one, toolsListChanged=True)
    acknowledge(two, toolsListChanged=True)
    heard = await opening
    await heard.next()
    one.down = "down"
    one.streams[-1].end()
    await until(lambda: len(one.of("subscriptions/listen")) > 1)
    one.down = None
    await until(lambda: len(one.streams) == 2)
    missed = await heard.next()
    assert (missed["method"], missed["params"]) == (CHANGED["method"], {"_meta": {SUBSCRIPTION: 7}})
    acknowledge(one, toolsListChanged=True)
    one.say(updated("text://x"))
    assert await heard.next() == updated("helio://one/text://x")
    await heard.leave()


async def test_a_subscription_without_anybody_fails(pair: Several) -> None:
    for server in pair.servers.values():
        server.down = "down"
    with pytest.raises(UpstreamFailed, match="down"):
        await listen(pair, toolsListChanged=True)


async def test_a_subscription_does_not_wait_for_the_silent(pair: Several) -> None:
    opening = asyncio.create_task(listen(pair, toolsListChanged=True))
    await until(lambda: bool(pair.servers["one"].streams))
    acknowledge(pair.servers["one"], toolsListChanged=True)
    heard = await opening
    assert (await heard.next())["params"]["notifications"] == {"toolsListChanged": True}
    await heard.leave()
    assert pair.servers["one"].port.sent[0].headers["mcp-protocol-version"] == MODERN
