"""The client against servers that are not there, break off, or cannot be trusted."""

import asyncio
import socket

import pytest

from upstream.peers import (
    CHUNKED,
    HELLO,
    OK,
    Connect,
    Conversation,
    Serve,
    answering,
    ask,
    failure,
)


async def test_nobody_listens(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = connect(f"http://127.0.0.1:{port}/mcp")
    for _ in range(3):
        failed = await failure(ask(client))
        assert (failed.reason, failed.sent) == ("connect_failed", False)


async def test_a_host_that_no_resolver_takes(connect: Connect) -> None:
    failed = await failure(ask(connect(f"http://{'a' * 64}.invalid/mcp")))
    assert (failed.reason, failed.sent) == ("connect_failed", False)


async def test_headers_that_may_not_be_sent(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(HELLO))
    client = connect(peer.url)
    for header in ((b"x-a", b"b\r\nx: y"), (b"accept-encoding", b"gzip"), (b"host", b"other")):
        failed = await failure(client.send("POST", [header], b"{}", timeout=5))
        assert (failed.reason, failed.sent) == ("protocol_error", False)
    assert peer.connections == 0


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        OK + b"content-length: 5\r\n",
        OK + b"content-length: 5\r\n\r\nhel",
        CHUNKED,
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
    ],
)
async def test_an_answer_that_breaks_off(
    answer: bytes, then: str, serve: Serve, connect: Connect
) -> None:
    peer = await serve(answering(answer, then))
    client = connect(peer.url, max_connections=1)
    for _ in range(2):
        failed = await failure(ask(client))
        assert (failed.reason, failed.sent) == ("closed", True)
    assert peer.connections == 2


async def test_a_body_without_length_that_is_reset_is_not_whole(
    serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK + b"\r\nhello")
        await seen.wait()
        conversation.reset()

    seen = asyncio.Event()
    client = connect((await serve(handler)).url)
    response = await client.send("POST", [], b"{}", timeout=5)
    chunks = response.chunks()
    assert await anext(chunks) == b"hello"
    seen.set()
    failed = await failure(anext(chunks))
    assert (failed.reason, failed.sent) == ("closed", True)


async def test_what_came_before_the_break_is_given_first(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(OK + b"content-length: 9\r\n\r\nhello", "close"))
    response = await connect(peer.url).send("POST", [], b"{}", timeout=5)
    chunks = response.chunks()
    assert await anext(chunks) == b"hello"
    assert (await failure(anext(chunks))).reason == "closed"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", "protocol_error"),
        (CHUNKED + b"zz\r\n", "protocol_error"),
        (OK + b"x-a: b\r\n c\r\n\r\n", "protocol_error"),
        (b"220 mail.example ESMTP\r\n", "protocol_error"),
        (b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "protocol_error"),
        (OK + b"x-a: " + b"b" * 70_000, "too_large"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 3000, "too_large"),
    ],
)
async def test_an_answer_that_cannot_be_trusted(
    answer: bytes, reason: str, serve: Serve, connect: Connect
) -> None:
    peer = await serve(answering(answer))
    client = connect(peer.url, max_connections=1)
    for _ in range(2):
        failed = await failure(ask(client))
        assert (failed.reason, failed.sent) == (reason, True)
    assert peer.connections == 2


async def test_bytes_behind_the_answer_are_never_the_next_answer(
    serve: Serve, connect: Connect
) -> None:
    evil = OK + b"content-length: 4\r\n\r\nevil"
    peer = await serve(answering(HELLO + evil))
    client = connect(peer.url)
    for _ in range(3):
        assert await ask(client) == b"hello"
    assert peer.connections == 3


async def test_an_answer_over_the_readers_limit(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(CHUNKED + b"8\r\n01234567\r\n" * 100))
    client = connect(peer.url, max_connections=1)
    response = await client.send("POST", [], b"{}", timeout=5)
    failed = await failure(response.read(100))
    assert (failed.reason, failed.sent) == ("too_large", True)
    response = await client.send("POST", [], b"{}", timeout=5)
    response.close()
    assert peer.connections == 2


async def test_a_whole_answer_over_the_limit(serve: Serve, connect: Connect) -> None:
    response = await connect((await serve(answering(HELLO))).url).send("POST", [], b"{}", timeout=5)
    assert (await failure(response.read(4))).reason == "too_large"
