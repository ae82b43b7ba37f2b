"""The client against silence and slowness, on either side."""

import asyncio
import socket
from time import monotonic

import pytest

from helio.upstream.connection import BUFFER_LIMIT
from upstream.peers import (
    CHUNKED,
    MEBIBYTE,
    OK,
    Connect,
    Conversation,
    Serve,
    answering,
    ask,
    failure,
)


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


@pytest.mark.parametrize(("allowed", "reason"), [(None, None), (0.1, "timeout")])
async def test_the_silence_of_a_body_may_be_another(
    allowed: float | None, reason: str | None, serve: Serve, connect: Connect
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(CHUNKED)
        await asyncio.sleep(0.6)
        await conversation.send(b"2\r\nok\r\n0\r\n\r\n")

    client = connect((await serve(handler)).url)
    timeout = 0.2 if allowed is None else 5.0
    response = await client.send("GET", [], None, timeout=timeout)
    response.allow_silence(allowed)
    if reason is None:
        assert await response.read(9) == b"ok"
    else:
        assert (await failure(response.read(9))).reason == reason


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
