"""The client's connections: shared, kept, waited for, and let go in time."""

import asyncio
import socket
import threading

import pytest

from helio.errors import UpstreamFailed
from helio.upstream import http
from upstream.peers import (
    HELLO,
    OK,
    Connect,
    Conversation,
    Serve,
    always,
    ask,
)


async def test_one_connection_carries_request_after_request(serve: Serve, connect: Connect) -> None:
    peer = await serve(always(HELLO))
    client = connect(peer.url)
    for _ in range(20):
        assert await ask(client) == b"hello"
    assert peer.connections == 1
    assert client.open_connections == 1


async def test_requests_at_once_share_a_bounded_pool(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            await asyncio.sleep(0)
            await conversation.send(OK + b"content-length: %d\r\n\r\n" % len(request.body))
            await conversation.send(request.body)

    peer = await serve(handler)
    client = connect(peer.url, max_connections=8)
    bodies = [b"%d" % index for index in range(200)]
    assert await asyncio.gather(*(ask(client, body) for body in bodies)) == bodies
    assert peer.connections == 8


async def test_a_request_waits_for_a_connection_only_so_long(
    serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK + b"content-length: 5\r\n\r\nhel")
        await conversation.ended()

    peer = await serve(handler)
    client = connect(peer.url, max_connections=1, connect_timeout=0.05)
    held = await client.send("POST", [], b"{}", timeout=5)
    with pytest.raises(UpstreamFailed) as failed:
        await client.send("POST", [], b"{}", timeout=5)
    assert (failed.value.reason, failed.value.sent) == ("connect_timeout", False)
    held.close()
    following = await client.send("POST", [], b"{}", timeout=5)
    following.close()
    assert peer.connections == 2


async def test_an_idle_connection_that_the_server_closed_is_not_used(
    serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(HELLO)

    peer = await serve(handler)
    client = connect(peer.url)
    for _ in range(50):
        assert await ask(client) == b"hello"
    assert peer.connections == 50


async def test_the_kernel_is_asked_before_an_idle_connection_is_used(connect: Connect) -> None:
    idle, ended = threading.Event(), threading.Event()

    def answer(listening: socket.socket) -> None:
        with listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(HELLO)
            assert idle.wait(5)
        ended.set()
        with listening.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(HELLO)
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer, args=(listening,))
        server.start()
        client = connect(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        assert await ask(client) == b"hello"
        # Nothing is awaited here, so that the loop cannot see the end before the next request.
        idle.set()
        assert ended.wait(5)
        assert await ask(client) == b"hello"
        await client.aclose()
        server.join()


@pytest.mark.parametrize("seen", [False, True])
async def test_unasked_bytes_end_an_idle_connection(
    seen: bool, serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(HELLO)
        await idle.wait()
        await conversation.send(OK + b"content-length: 4\r\n\r\nevil")
        sent.set()
        await conversation.ended()

    idle, sent = asyncio.Event(), asyncio.Event()
    peer = await serve(handler)
    client = connect(peer.url)
    assert await ask(client) == b"hello"
    idle.set()
    await sent.wait()
    # Then they are still in the kernel, or the loop has read them.
    for _ in range(20 if seen else 0):
        await asyncio.sleep(0)
    assert await ask(client) == b"hello"
    assert peer.connections == 2


async def test_idle_connections_are_dropped_after_a_while(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    ended = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(HELLO)
        await conversation.ended()
        ended.set()

    client = connect((await serve(handler)).url)
    assert await ask(client) == b"hello"
    await asyncio.wait_for(ended.wait(), 2)
    assert client.open_connections == 0
