"""The client against servers that behave: what is sent, and what is read."""

import asyncio
import socket

import pytest
import uvicorn
from aiohttp import web

from upstream.peers import (
    HELLO,
    OK,
    Connect,
    Conversation,
    Serve,
    always,
    ask,
)


async def test_the_request_on_the_wire_is_what_was_given(serve: Serve, connect: Connect) -> None:
    received = []

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            received.append(request)
            await conversation.send(HELLO)

    peer = await serve(handler)
    client = connect(peer.url, headers={"X-Static": "1"})
    body = b'{ "raw": 1.0,\n "kept":"\\u00e9" }'
    headers = [(b"accept", b"application/json, text/event-stream"), (b"mcp-session-id", b"s")]
    response = await client.send("POST", headers, memoryview(body), timeout=5)
    assert await response.read(100) == b"hello"
    (request,) = received
    assert request.head == (
        b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nX-Static: 1\r\n"
        b"accept: application/json, text/event-stream\r\nmcp-session-id: s\r\n"
        b"content-length: %d\r\n\r\n" % (peer.port, len(body))
    )
    assert request.body == body
    assert request.header("accept-encoding") is None


async def test_the_answer_as_it_came(serve: Serve, connect: Connect) -> None:
    peer = await serve(
        always(b"HTTP/1.1 404 No\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 2\r\n\r\nno")
    )
    response = await connect(peer.url).send("GET", [], None, timeout=5)
    assert response.status == 404
    assert response.header(b"x-a") == b"1"
    assert response.header(b"x-b") is None
    assert response.headers[:2] == ((b"x-a", b"1"), (b"x-a", b"2"))
    assert await response.read(2) == b"no"
    assert response.complete


async def test_redirects_are_answers(serve: Serve, connect: Connect) -> None:
    peer = await serve(always(b"HTTP/1.1 307 T\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"))
    response = await connect(peer.url).send("POST", [], b"{}", timeout=5)
    assert (response.status, response.header(b"location")) == (307, b"/other")
    assert await response.read(0) == b""


async def test_a_stream_is_given_piece_by_piece_as_it_comes(serve: Serve, connect: Connect) -> None:
    seen = asyncio.Queue[bytes]()

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK + b"transfer-encoding: chunked\r\n\r\n")
        for text in (b"id: 1\n\n", b"id: 2\n\n", b"id: 3\n\n"):
            await conversation.send(b"%x\r\n%b\r\n" % (len(text), text))
            # The next event is sent only when the client has got this one.
            assert await seen.get() == text
        await conversation.send(b"0\r\n\r\n")
        assert await conversation.request() is None

    client = connect((await serve(handler)).url)
    response = await client.send("POST", [], b"{}", timeout=5)
    assert not response.complete
    async for chunk in response.chunks():
        seen.put_nowait(chunk)
    assert response.complete
    assert client.open_connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 102 Processing\r\n\r\n" + HELLO,
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\nh\r\n4;x=y\r\nello\r\n0\r\nx-sum: 1\r\n\r\n",
    ],
)
async def test_an_answer_byte_by_byte(answer: bytes, serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            for index in range(len(answer)):
                await conversation.send(answer[index : index + 1])
                await asyncio.sleep(0)

    peer = await serve(handler)
    client = connect(peer.url)
    for _ in range(2):
        assert await ask(client) == b"hello"
    assert peer.connections == 1


async def test_a_body_that_ends_with_the_connection(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK + b"\r\nhel")
        await conversation.send(b"lo")

    peer = await serve(handler)
    client = connect(peer.url)
    assert await ask(client) == b"hello"
    assert await ask(client) == b"hello"
    assert peer.connections == 2


async def test_head_and_no_content(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if request.method == "HEAD":
                await conversation.send(OK + b"content-length: 5\r\n\r\n")
            else:
                await conversation.send(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    client = connect((await serve(handler)).url)
    response = await client.send("HEAD", [], None, timeout=5)
    assert await response.read(0) == b""
    response = await client.send("POST", [], b"{}", timeout=5)
    assert (response.status, await response.read(0)) == (202, b"")


async def test_a_big_body_is_sent_whole_at_the_servers_pace(serve: Serve, connect: Connect) -> None:
    body = bytes(range(256)) * (1 << 14)
    reading = asyncio.Event()

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.head()) is not None:
            await reading.wait()
            length = int(request.header("content-length") or 0)
            received = await conversation.reader.readexactly(length)
            await conversation.send(HELLO if received == body else b"wrong")

    client = connect((await serve(handler)).url)
    for _ in range(2):
        reading.clear()
        sending = asyncio.create_task(client.send("POST", [], memoryview(body), timeout=5))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not sending.done()
        reading.set()
        assert await (await sending).read(5) == b"hello"
    assert client.open_connections == 1


async def test_an_answer_may_come_before_a_big_body_is_sent(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await conversation.ended()

    peer = await serve(handler)
    client = connect(peer.url)
    response = await client.send("POST", [], bytes(32 << 20), timeout=5)
    assert (response.status, await response.read(2)) == (413, b"no")
    response = await client.send("POST", [], bytes(32 << 20), timeout=5)
    response.close()
    assert peer.connections == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_addresses_of_both_families(host: str, serve: Serve, connect: Connect) -> None:
    if host == "::1":
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind((host, 0))
            except OSError as error:
                pytest.skip(f"no IPv6 loopback: {error}")
    received = []

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            received.append(request.header("host"))
            await conversation.send(HELLO)

    peer = await serve(handler, host=host)
    assert await ask(connect(peer.url)) == b"hello"
    assert received == [f"[::1]:{peer.port}" if host == "::1" else f"127.0.0.1:{peer.port}"]


async def test_an_aiohttp_server(connect: Connect) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.query_string == "stream":
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            for index in range(3):
                await response.write(b"data: %d %d\n\n" % (index, len(body)))
            return response
        return web.Response(body=body)

    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/mcp", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        client = connect(f"http://127.0.0.1:{runner.addresses[0][1]}/mcp")
        for size in (0, 2, 70_000, 3_000_000):
            response = await client.send("POST", [], b"x" * size, timeout=5)
            assert await response.read(1 << 23) == b"x" * size
            response = await client.send("POST", [], b"abc", path_suffix="?stream", timeout=5)
            stream = b"".join([chunk async for chunk in response.chunks()])
            assert stream == b"data: 0 3\n\ndata: 1 3\n\ndata: 2 3\n\n"
        assert client.open_connections == 1
        await client.aclose()
    finally:
        await runner.cleanup()


async def test_a_uvicorn_server(connect: Connect) -> None:
    async def application(scope, receive, send):  # type: ignore[no-untyped-def]
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for index in range(3):
            await send({"type": "http.response.body", "body": body[index::3], "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, lifespan="off", log_level="critical", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))
    try:
        client = connect(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        for body in (b"", b"abcdef", b"xyz" * 100_000):
            answer = await (await client.send("POST", [], body, timeout=5)).read(1 << 20)
            assert answer == body[0::3] + body[1::3] + body[2::3]
        assert client.open_connections == 1
        await client.aclose()
    finally:
        server.should_exit = True
        await serving
        listening.close()
