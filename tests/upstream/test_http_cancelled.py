"""The client when its callers give up, or when it is closed."""

import asyncio
import ssl
from pathlib import Path

import pytest

from helio.upstream.response import UpstreamResponse
from upstream.peers import (
    CHUNKED,
    HELLO,
    Connect,
    Conversation,
    Serve,
    answering,
    ask,
    failure,
)


@pytest.mark.parametrize("when", ["head", "body", "read"])
async def test_a_cancellation_closes_the_connection(
    when: str, serve: Serve, connect: Connect
) -> None:
    got, closed = asyncio.Event(), asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"" if when == "head" else CHUNKED + b"2\r\nhi\r\n")
        got.set()
        await conversation.ended()
        closed.set()

    async def work() -> None:
        response = await client.send("POST", [], b"{}", timeout=5)
        if when == "read":
            await response.read(100)
        async for _ in response.chunks():
            pass

    peer = await serve(handler)
    client = connect(peer.url, max_connections=1)
    for _ in range(2):
        got.clear()
        closed.clear()
        task = asyncio.create_task(work())
        await got.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 2)
    assert peer.connections == 2
    assert client.open_connections == 0


async def test_a_cancellation_while_connecting_leaves_nothing(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    async def handler(conversation: Conversation) -> None:
        reached.set()
        await conversation.ended()

    reached = asyncio.Event()
    peer = await serve(handler)
    trusting = ssl.create_default_context(cafile=str(certificate))
    client = connect(f"https://127.0.0.1:{peer.port}/mcp", tls=trusting, max_connections=1)
    for _ in range(2):
        reached.clear()
        task = asyncio.create_task(ask(client))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert client.open_connections == 0


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_at_any_moment_of_connecting_leaves_nothing(
    turns: int, serve: Serve, connect: Connect
) -> None:
    """uvloop forgets to tell that it closed a connection that was nearly made."""

    async def handler(conversation: Conversation) -> None:
        await conversation.ended()

    peer = await serve(handler)
    client = connect(peer.url)
    task = asyncio.create_task(ask(client))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(2):
        await client.aclose()


async def test_a_cancellation_while_waiting_for_the_pool_keeps_it_whole(
    serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await conversation.send(CHUNKED)
            await going_on.wait()
            await conversation.send(b"0\r\n\r\n")

    going_on = asyncio.Event()
    peer = await serve(handler)
    client = connect(peer.url, max_connections=1)
    first = await client.send("POST", [], b"{}", timeout=5)
    waiting = [asyncio.create_task(ask(client)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    going_on.set()
    assert await first.read(0) == b""
    waiting[1].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[2] == b""
    assert await ask(client) == b""
    assert peer.connections <= 2


async def test_leaving_a_stream_early_closes_its_connection(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(CHUNKED + b"2\r\nhi\r\n"))
    client = connect(peer.url, max_connections=1)

    async def first_chunk(response: UpstreamResponse) -> bytes:
        chunks = response.chunks()
        try:
            return await anext(chunks)
        finally:
            await chunks.aclose()

    for _ in range(2):
        response = await client.send("GET", [], None, timeout=None)
        assert await first_chunk(response) == b"hi"
        assert (await failure(response.read(5))).reason == "closed"
    assert peer.connections == 2


async def test_close_of_a_whole_answer_keeps_the_connection(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await conversation.send(HELLO)

    peer = await serve(handler)
    client = connect(peer.url)
    for _ in range(3):
        response = await client.send("POST", [], b"{}", timeout=5)
        assert response.complete
        response.close()
    assert peer.connections == 1


async def test_closing_the_client_ends_what_is_under_way(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(CHUNKED))
    client = connect(peer.url, max_connections=2)
    reading = asyncio.create_task(ask(client))
    held = await client.send("GET", [], None, timeout=None)
    waiting = asyncio.create_task(ask(client))
    for _ in range(20):
        await asyncio.sleep(0)
    await client.aclose()
    assert client.open_connections == 0
    ended = await failure(reading)
    assert (ended.reason, ended.sent) == ("closed", True)
    assert (await failure(held.read(5))).reason == "closed"
    for later in (waiting, ask(client)):
        failed = await failure(later)
        assert (failed.reason, failed.sent) == ("closed", False)
    assert peer.connections == 2
    await client.aclose()


async def test_closing_the_client_while_it_connects(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    received = []

    async def handler(conversation: Conversation) -> None:
        received.append(await conversation.head())

    peer = await serve(handler, tls=context)
    client = connect(peer.url, tls=ssl.create_default_context(cafile=str(certificate)))
    connecting = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    await client.aclose()
    failed = await failure(connecting)
    assert (failed.reason, failed.sent) == ("closed", False)
    assert received in ([], [None])
