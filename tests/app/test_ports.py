"""What the ports of applications do with connections on which nothing comes, or no HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from helio.app.ports import Ports

LARGE = 32 * 1024 * 1024
"""More bytes than a connection takes in by itself."""


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def answer_at_length(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    async def answer_late(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        late = web.StreamResponse()
        await late.prepare(request)
        return late

    async def fail_to_ask(_request: web.Request) -> web.Response:
        raise ConnectionResetError("another server is gone")

    monkeypatch.setattr("helio.transport.listener.FIRST_REQUEST_SECONDS", 0.1)
    app = web.Application()
    app.router.add_get("/late", answer_late)
    app.router.add_get("/fail", fail_to_ask)
    app.router.add_get("/", answer)
    app.router.add_get("/large", answer_at_length)
    ports = Ports()
    url = await ports.listen(app, "127.0.0.1", 0)
    yield int(url.rpartition(":")[2])
    await ports.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a"])
async def test_a_connection_on_which_no_request_comes_is_closed(port: int, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a"])
async def test_a_connection_on_which_no_other_comes_is_closed(
    port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("helio.transport.listener.NEXT_REQUEST_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + begun)
    async with asyncio.timeout(10):
        assert (await reader.read()).endswith(b"here")
    writer.close()


async def test_an_answer_that_is_taken_slowly_is_not_cut(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.transport.listener.NEXT_REQUEST_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    silent, other = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(20):
        assert await silent.read() == b""  # Longer than the next request may take.
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        assert len(await reader.readexactly(LARGE)) == LARGE
    writer.close()
    other.close()


async def test_a_connection_that_asked_is_kept(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    silent, other = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"here")
            assert await silent.read() == b""  # Its time is over, and that of the other, too.
    writer.close()
    other.close()


async def test_who_is_gone_before_the_answer_is_no_error_of_ours(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, leaving = await asyncio.open_connection("127.0.0.1", port)
    leaving.write(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.05)
    leaving.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readline()).split()[1] == b"500"
    writer.close()
    await asyncio.sleep(0.5)
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "another server is gone" in str(told.exc_info)


async def test_what_is_no_http_is_no_error_of_ours(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01")
    async with asyncio.timeout(10):
        assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
