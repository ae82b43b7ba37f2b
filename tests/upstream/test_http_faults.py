"""The client against servers that misbehave, and against callers that give up."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.connection import BUFFER_LIMIT
from helio.upstream.http import HttpUpstream
from helio.upstream.response import UpstreamResponse
from upstream.peers import Connect, Conversation, Serve

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
MEBIBYTE = 1 << 20


async def ask(client: HttpUpstream, timeout: float | None = 5) -> bytes:  # noqa: ASYNC109
    response = await client.send("POST", [], b"{}", timeout=timeout)
    return await response.read(MEBIBYTE)


async def failure(work: Awaitable[object]) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as failed:
        await work
    assert failed.value.detail
    return failed.value


def answering(answer: bytes, then: str = "wait") -> Callable[[Conversation], Awaitable[None]]:
    """Answers one request; then waits for the client's end, closes, or resets."""

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(answer)
        if then == "wait":
            await conversation.ended()
        elif then == "reset":
            conversation.reset()

    return handler


# Before anything is sent.


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


async def test_a_handshake_that_never_ends(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    received = []

    async def handler(conversation: Conversation) -> None:
        received.append(await conversation.reader.read(65536))
        await conversation.ended()

    peer = await serve(handler)
    trusting = ssl.create_default_context(cafile=str(certificate))
    url = f"https://127.0.0.1:{peer.port}/mcp"
    failed = await failure(ask(connect(url, tls=trusting, connect_timeout=0.1)))
    assert (failed.reason, failed.sent) == ("connect_timeout", False)
    assert b"POST" not in received[0]


async def test_a_server_that_does_not_speak_tls(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.reader.read(100)
        await conversation.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    peer = await serve(handler)
    trusting = ssl.create_default_context(cafile=str(certificate))
    failed = await failure(ask(connect(f"https://127.0.0.1:{peer.port}/mcp", tls=trusting)))
    assert (failed.reason, failed.sent) == ("connect_failed", False)


async def test_headers_that_may_not_be_sent(serve: Serve, connect: Connect) -> None:
    peer = await serve(answering(HELLO))
    client = connect(peer.url)
    for header in ((b"x-a", b"b\r\nx: y"), (b"accept-encoding", b"gzip"), (b"host", b"other")):
        failed = await failure(client.send("POST", [header], b"{}", timeout=5))
        assert (failed.reason, failed.sent) == ("protocol_error", False)
    assert peer.connections == 0


# Answers that break off or cannot be trusted.


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


# Silence and slowness.


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", CHUNKED, OK + b"content-length: 9\r\n\r\nhello"]
)
async def test_a_silent_server(answer: bytes, serve: Serve, connect: Connect) -> None:
    client = connect((await serve(answering(answer))).url, max_connections=1)
    for _ in range(2):
        started = monotonic()
        failed = await failure(ask(client, timeout=0.1))
        assert 0.09 < monotonic() - started < 0.1 + 0.25
        assert (failed.reason, failed.sent) == ("timeout", True)


async def test_progress_keeps_a_call_alive(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(CHUNKED)
        for _ in range(8):
            await asyncio.sleep(0.05)
            await conversation.send(b"3\r\n:\n\n\r\n")
        await conversation.send(b"0\r\n\r\n")

    client = connect((await serve(handler)).url)
    assert await ask(client, timeout=0.2) == b":\n\n" * 8


@pytest.mark.parametrize("noise", [b"x-a: b\r\n", b"HTTP/1.1 102 P\r\n\r\n"])
async def test_noise_before_the_answer_is_no_progress(
    noise: bytes, serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK if noise.startswith(b"x") else b"")
        while not conversation.reader.at_eof():
            await conversation.send(noise)
            await asyncio.sleep(0.02)

    client = connect((await serve(handler)).url)
    started = monotonic()
    failed = await failure(ask(client, timeout=0.1))
    assert failed.reason == "timeout"
    assert monotonic() - started < 0.35


async def test_without_a_timeout_silence_is_borne(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(CHUNKED)
        await asyncio.sleep(0.4)
        await conversation.send(b"0\r\n\r\n")

    client = connect((await serve(handler)).url, request_timeout=0.1)
    assert await ask(client, timeout=None) == b""


async def test_a_slow_reader_stops_the_server_and_is_not_timed_out(
    serve: Serve, connect: Connect
) -> None:
    size = 64 * MEBIBYTE
    written = 0

    async def handler(conversation: Conversation) -> None:
        nonlocal written
        await conversation.request()
        await conversation.send(OK + b"content-length: %d\r\n\r\n" % size)
        for _ in range(64):
            await conversation.send(bytes(MEBIBYTE))
            written += 1

    client = connect((await serve(handler)).url)
    response = await client.send("POST", [], b"{}", timeout=0.25)
    await asyncio.sleep(0.6)
    # What both kernels buffer for one connection is some MiB; the rest has to wait.
    assert written < 48
    buffered = response._answer.buffered
    assert buffered < BUFFER_LIMIT + 256 * 1024
    received = 0
    async for chunk in response.chunks():
        assert len(chunk) < BUFFER_LIMIT + 256 * 1024
        received += len(chunk)
    assert received == size
    assert client.open_connections == 1


async def test_a_server_that_does_not_read_times_out(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        conversation.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await gone.wait()

    gone = asyncio.Event()
    client = connect((await serve(handler)).url)
    failed = await failure(client.send("POST", [], bytes(64 * MEBIBYTE), timeout=0.1))
    assert (failed.reason, failed.sent) == ("timeout", True)
    gone.set()


async def test_a_server_that_falls_silent_after_a_slow_reader_went_on(
    serve: Serve, connect: Connect
) -> None:
    answer = OK + b"content-length: %d\r\n\r\n" % (2 * BUFFER_LIMIT) + bytes(BUFFER_LIMIT)
    client = connect((await serve(answering(answer))).url)
    response = await client.send("POST", [], b"{}", timeout=0.1)
    for _ in range(10_000):
        if response._answer.buffered == BUFFER_LIMIT:
            break
        await asyncio.sleep(0)
    assert response._answer.buffered == BUFFER_LIMIT
    failed = await failure(asyncio.wait_for(response.read(MEBIBYTE), 2))
    assert (failed.reason, failed.sent) == ("timeout", True)


async def test_a_process_that_slept_reads_what_came_meanwhile(
    serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(CHUNKED)
        descriptor = conversation.writer.get_extra_info("socket").fileno()
        sockets.append(socket.socket(fileno=socket.dup(descriptor)))
        await conversation.ended()

    sockets: list[socket.socket] = []
    client = connect((await serve(handler)).url)
    response = await client.send("POST", [], b"{}", timeout=0.2)
    reading = asyncio.create_task(response.read(5))

    def sleep_through_the_answer() -> None:
        loop.remove_reader(waking)
        sockets[0].sendall(b"5\r\nhello\r\n0\r\n\r\n")
        sockets[0].close()
        stop = monotonic() + 0.4
        while monotonic() < stop:
            pass

    # It sleeps while the loop handles what came in, so that the timers are what comes next.
    loop = asyncio.get_running_loop()
    waking, other = socket.socketpair()
    with waking, other:
        loop.add_reader(waking, sleep_through_the_answer)
        other.send(b"!")
        assert await reading == b"hello"


# Callers that give up.


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
