"""An upstream that forgets its sessions, and agents that do not notice."""

import asyncio
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.made import WholeResponse
from helio.upstream.sessions import PAUSE_SECONDS, ReopenedSessions
from upstream.scripted import (
    INITIALIZE,
    LegacyServer,
    ScriptedPort,
    Sent,
    post,
    refusal,
    request,
    said,
    send,
)

LIST = request("tools/list")
CALL = request("tools/call", {"name": "pay", "arguments": {}})


class Scene:
    """An agent in a session with a server, through `ReopenedSessions`."""

    def __init__(self, **options: Any) -> None:
        self.server = LegacyServer()
        self.upstream = ScriptedPort(self.server)
        self.now = 0.0
        self.port = ReopenedSessions(self.upstream, clock=lambda: self.now, **options)
        self.headers: dict[str, str] = {}

    async def open(self, headers: dict[str, str] | None = None) -> "Scene":
        response = await post(self.port, INITIALIZE, headers)
        given = response.header(b"mcp-session-id")
        assert given is not None
        self.headers = {
            "mcp-session-id": given.decode(),
            "mcp-protocol-version": "2025-11-25",
            **(headers or {}),
        }
        return self

    async def ask(self, message: Any) -> Any:
        return await post(self.port, message, self.headers)


async def test_a_forgotten_session_is_opened_anew_and_the_request_sent_again() -> None:
    scene = await Scene().open()
    scene.server.forget()
    response = await scene.ask(LIST)
    assert (await said(response))["result"] == {"asked": "tools/list"}
    assert scene.upstream.asked[1:] == [
        "tools/list",
        "initialize",
        "notifications/initialized",
        "tools/list",
    ]
    first, again = scene.upstream.sent[0], scene.upstream.sent[2]
    assert (first.body, first.headers) == (again.body, again.headers)
    assert scene.upstream.sent[3].headers["mcp-session-id"] == "session-2"


async def test_the_agent_keeps_its_id_in_both_directions() -> None:
    scene = await Scene().open()
    scene.server.forget()
    await scene.ask(LIST)

    async def echoing(sent: Sent) -> WholeResponse:
        return WholeResponse(
            200, b"{}", [(b"mcp-session-id", sent.headers["mcp-session-id"].encode())]
        )

    scene.upstream.answering = echoing
    response = await scene.ask(LIST)
    assert scene.upstream.sent[-1].headers["mcp-session-id"] == "session-2"
    assert response.header(b"mcp-session-id") == b"session-1"
    assert await response.read(10) == b"{}"


async def test_a_call_is_never_sent_twice() -> None:
    scene = await Scene().open()
    scene.server.forget()
    with pytest.raises(UpstreamFailed) as failed:
        await scene.ask(CALL)
    assert (failed.value.reason, failed.value.sent) == ("session_lost", True)
    assert scene.upstream.asked.count("tools/call") == 1
    answer = await said(await scene.ask(CALL))
    assert answer["result"] == {"asked": "tools/call"}


async def test_concurrent_requests_open_the_session_once() -> None:
    scene = await Scene().open()
    scene.server.forget()
    answers = await asyncio.gather(*(scene.ask(LIST) for _ in range(20)))
    assert all([(await said(answer))["result"] for answer in answers])
    assert scene.server.opened == 2


async def test_what_is_about_the_lost_session_is_taken_and_dropped() -> None:
    scene = await Scene().open()
    scene.server.forget()
    response = {"jsonrpc": "2.0", "id": 0, "result": {}}
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert (await scene.ask(response)).status == 202
    scene.server.forget()
    assert (await scene.ask(cancelled)).status == 202
    assert scene.upstream.asked.count("response") == 1
    assert scene.upstream.asked.count("notifications/cancelled") == 1


async def test_other_notifications_are_sent_again() -> None:
    scene = await Scene().open()
    scene.server.forget()
    changed = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    assert (await scene.ask(changed)).status == 202
    assert scene.upstream.asked[-1] == "notifications/roots/list_changed"
    assert scene.upstream.sent[-1].headers["mcp-session-id"] == "session-2"


async def test_a_standing_stream_starts_anew_and_a_resumed_answer_does_not() -> None:
    scene = await Scene().open()
    scene.server.forget()
    headers = {**scene.headers, "last-event-id": "7"}
    resumed = await send(scene.port, "GET", None, headers, timeout=5)
    assert resumed.status == 404
    assert scene.upstream.asked[-1] == "notifications/initialized"
    scene.server.forget()
    await send(scene.port, "GET", None, headers, timeout=None)
    assert scene.upstream.asked[-1] == "GET"
    assert "last-event-id" not in scene.upstream.sent[-1].headers


async def test_an_upstream_that_opens_no_session_answers_for_itself() -> None:
    scene = await Scene().open()

    async def gone(sent: Sent) -> WholeResponse:
        return refusal(404, "no such path")

    scene.upstream.answering = gone
    response = await scene.ask(CALL)
    assert response.status == 404
    assert (await said(response))["error"]["message"] == "no such path"
    await scene.ask(LIST)
    assert scene.upstream.asked.count("initialize") == 2, "it is left alone for a while"
    scene.now += PAUSE_SECONDS
    await scene.ask(LIST)
    assert scene.upstream.asked.count("initialize") == 3


@pytest.mark.parametrize(
    ("status", "message", "reopens"),
    [
        (400, "Bad Request: No valid session ID provided", True),
        (400, "Invalid params", False),
        (401, "no session", False),
        (500, "session store is down", False),
    ],
)
async def test_what_counts_as_a_forgotten_session(status: int, message: str, reopens: bool) -> None:
    scene = await Scene().open()

    async def refusing(sent: Sent) -> Any:
        if sent.headers.get("mcp-session-id") == "session-1":
            return refusal(status, message)
        return await scene.server(sent)

    scene.upstream.answering = refusing
    response = await scene.ask(LIST)
    assert response.status == (200 if reopens else status)
    assert scene.server.opened == (2 if reopens else 1)


async def test_a_session_of_another_revision_is_left_again() -> None:
    scene = await Scene().open()
    scene.server.forget()
    scene.server.revision = "2025-03-26"
    assert (await scene.ask(LIST)).status == 404
    assert scene.upstream.asked[-1] == "DELETE"
    assert scene.server.sessions == set()


async def test_a_session_that_the_agent_ended_stays_dead() -> None:
    scene = await Scene().open()
    await send(scene.port, "DELETE", None, scene.headers)
    assert (await scene.ask(LIST)).status == 404
    assert scene.server.opened == 1
    assert len(scene.port) == 0


async def test_a_session_that_ends_while_it_is_opened_anew_is_left() -> None:
    scene = await Scene().open()
    scene.server.forget()
    reached, released = asyncio.Event(), asyncio.Event()

    async def slow(sent: Sent) -> Any:
        if sent.asks == "initialize":
            reached.set()
            await released.wait()
        return await scene.server(sent)

    scene.upstream.answering = slow
    asking = asyncio.create_task(scene.ask(LIST))
    await reached.wait()
    await send(scene.port, "DELETE", None, scene.headers)
    released.set()
    assert (await asking).status == 404
    assert scene.server.sessions == set()


async def test_the_last_authorization_that_was_taken_opens_it_anew() -> None:
    scene = await Scene().open({"authorization": "Bearer old"})
    scene.headers["authorization"] = "Bearer new"
    await scene.ask(LIST)
    scene.server.forget()
    scene.headers["authorization"] = "Bearer somebody else's"
    await scene.ask(LIST)
    again = [sent for sent in scene.upstream.sent if sent.asks == "initialize"][1]
    assert again.headers["authorization"] == "Bearer new"


async def test_a_cancelled_request_leaves_the_opening_to_the_others() -> None:
    scene = await Scene().open()
    scene.server.forget()
    reached, released = asyncio.Event(), asyncio.Event()

    async def slow(sent: Sent) -> Any:
        if sent.asks == "initialize":
            reached.set()
            await released.wait()
        return await scene.server(sent)

    scene.upstream.answering = slow
    first, second = (asyncio.create_task(scene.ask(LIST)) for _ in range(2))
    await reached.wait()
    first.cancel()
    released.set()
    assert (await second).status == 200
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_sessions_are_bounded_by_number_by_bytes_and_by_time() -> None:
    scene = Scene(max_sessions=3, max_bytes=1500, idle_seconds=60)
    for _ in range(10):
        await scene.open()
    assert len(scene.port) == 3
    await scene.open({"x-long": "x" * 1200})
    assert len(scene.port) == 1
    scene.now = 61
    await scene.open()
    assert len(scene.port) == 1
    scene.server.forget()
    assert (await scene.ask(LIST)).status == 200


async def test_requests_without_a_session_pass() -> None:
    scene = Scene()
    response = await post(scene.port, LIST)
    assert response.status == 404
    assert len(scene.port) == 0


async def test_closing_ends_what_it_stands_on() -> None:
    scene = await Scene().open()
    await scene.port.aclose()
    assert scene.upstream.closed
