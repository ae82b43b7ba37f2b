import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pytest

from helio.errors import UpstreamFailed
from helio.protocol.headers import request_headers
from helio.upstream import build
from helio.upstream.build import UpstreamSettings
from helio.upstream.registry import Upstreams
from upstream.peers import CHUNKED, HELLO, Conversation, Serve

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


async def answer(conversation: Conversation) -> None:
    while await conversation.request() is not None:
        await conversation.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")


def free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/mcp"


async def test_upstreams_by_name_in_their_order() -> None:
    upstreams = Upstreams(UpstreamSettings(name, "http://localhost/mcp") for name in ("b", "a"))
    assert [upstream.name for upstream in upstreams] == ["b", "a"]
    assert len(upstreams) == 2
    assert upstreams["a"].name == "a"
    with pytest.raises(KeyError):
        upstreams["c"]
    await upstreams.aclose()


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="'a'"):
        Upstreams([UpstreamSettings("a", "http://h"), UpstreamSettings("a", "http://i")])


def test_secrets_in_headers_are_not_shown() -> None:
    settings = UpstreamSettings("a", "http://h", headers={"authorization": "Bearer hunter2"})
    assert "hunter2" not in repr(settings)


async def test_an_answer_of_any_status_is_a_sign_of_health(serve: Serve) -> None:
    peer = await serve(answer)
    now = NOON
    upstreams = Upstreams([UpstreamSettings("a", peer.url)], now=lambda: now)
    upstream = upstreams["a"]
    health = upstream.health
    assert (health.status, health.last_success, health.last_failure) == ("unknown", None, None)
    response = await upstream.send("POST", [], b"{}", timeout=5)
    assert response.status == 500
    assert (health.status, health.last_success) == ("up", "2026-01-02T12:00:00.000Z")
    now += timedelta(seconds=1)
    await upstreams.aclose()
    with pytest.raises(UpstreamFailed):
        await upstream.send("POST", [], b"{}", timeout=5)
    assert health.status == "up"


async def test_a_failure_is_taken_down_until_the_next_answer(serve: Serve) -> None:
    now = NOON
    upstreams = Upstreams([UpstreamSettings("a", free_url())], now=lambda: now)
    health = upstreams["a"].health
    with pytest.raises(UpstreamFailed):
        await upstreams["a"].send("POST", [], b"{}", timeout=5)
    assert (health.status, health.last_failure) == ("down", "2026-01-02T12:00:00.000Z")
    assert health.last_error is not None
    assert health.last_error.startswith("connect_failed: ")
    health.answered()
    assert (health.status, health.last_failure) == ("up", "2026-01-02T12:00:00.000Z")
    health.failed(UpstreamFailed("closed", sent=True))
    assert (health.status, health.last_error) == ("down", "closed")
    await upstreams.aclose()


async def test_a_request_that_may_not_be_sent_says_nothing_of_health() -> None:
    upstreams = Upstreams([UpstreamSettings("a", "http://localhost/mcp")])
    with pytest.raises(UpstreamFailed):
        await upstreams["a"].send("POST", [(b"a", b"\n")], b"{}", timeout=5)
    assert upstreams["a"].health.status == "unknown"
    await upstreams.aclose()


async def test_what_the_operator_set_goes_up_and_wins(serve: Serve) -> None:
    received: asyncio.Queue[object] = asyncio.Queue()

    async def handler(conversation: Conversation) -> None:
        received.put_nowait(await conversation.request())
        await conversation.send(b"HTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n")

    peer = await serve(handler)
    settings = UpstreamSettings(
        "a",
        peer.url,
        headers={"Authorization": "Bearer operator"},
        forward_headers=["x-trace"],
    )
    upstreams = Upstreams([settings])
    upstream = upstreams["a"]
    agents = [(b"Authorization", b"Bearer agent"), (b"X-Trace", b"1"), (b"Cookie", b"c")]
    await upstream.send("POST", request_headers(agents, upstream.rules), b"{}", timeout=5)
    request = received.get_nowait()
    assert request.header("authorization") == "Bearer operator"  # type: ignore[attr-defined]
    assert request.header("x-trace") == "1"  # type: ignore[attr-defined]
    assert request.header("cookie") is None  # type: ignore[attr-defined]
    await upstreams.aclose()


async def test_standing_streams_never_keep_calls_waiting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "CALL_CONNECTIONS", 1)

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if request.method == "GET":
                await conversation.send(CHUNKED)
            else:
                await conversation.send(HELLO)

    peer = await serve(handler)
    upstreams = Upstreams([UpstreamSettings("a", peer.url, connect_timeout=0.1)])
    streams = [await upstreams["a"].send("GET", [], None, timeout=None) for _ in range(5)]
    response = await upstreams["a"].send("POST", [], b"{}", timeout=5)
    assert await response.read(5) == b"hello"
    assert not any(stream.complete for stream in streams)
    await upstreams.aclose()
    with pytest.raises(UpstreamFailed, match="closed"):
        await streams[0].read(5)
