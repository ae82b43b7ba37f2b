"""Small answers on the wire, as a client of HTTP sees them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp.web import BaseRequest, Server, StreamResponse

from helio.protocol.headers import Header
from helio.transport.http import respond
from helio.transport.inbound import Whole
from helio.transport.plain import PLAIN_BYTES, PlainResponse

JSON: Header = (b"content-type", b"application/json")
Ask = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Sends raw requests to a server that gives one answer; returns all that comes until the server
    closes the connection."""
    answers: list[StreamResponse] = []
    servers: list[asyncio.Server] = []

    async def exchange(reply: Whole, *requests: bytes, plain: bool = True) -> bytes:
        async def handle(request: BaseRequest) -> StreamResponse:
            response = await respond(reply, request)
            answers.append(response)
            return response

        loop = asyncio.get_running_loop()
        server = await loop.create_server(Server(handle), "127.0.0.1", 0)
        servers.append(server)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"".join(requests))
        received = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert {isinstance(answer, PlainResponse) for answer in answers} == {plain}
        return received

    yield exchange
    for server in servers:
        server.close()


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join((line, "host: localhost", *headers, "", "")).encode()


LAST = request("GET / HTTP/1.1", "connection: close")


async def test_an_answer_is_whole_and_the_connection_serves_again(ask: Ask) -> None:
    received = await ask(Whole(200, (JSON,), b'{"a":1}'), request("GET / HTTP/1.1"), LAST)
    first, second = received.removeprefix(b"HTTP/1.1 ").split(b"HTTP/1.1 ")
    for answer in (first, second):
        head, _, body = answer.partition(b"\r\n\r\n")
        names = [line.partition(b":")[0] for line in head.split(b"\r\n")]
        assert names[:3] == [b"200 OK", b"content-type", b"content-length"]
        assert b"date" in names
        assert body == b'{"a":1}'
    assert b"connection: close" not in first
    assert b"connection: close" in second


async def test_an_answer_without_a_body_says_so(ask: Ask) -> None:
    received = await ask(Whole(202), LAST)
    assert received.startswith(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n")
    assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("reply", "last"),
    [
        (Whole(405, (JSON,), b"{}"), request("HEAD / HTTP/1.1", "connection: close")),
        (Whole(200, (JSON,), b"{}"), request("GET / HTTP/1.0")),
        (Whole(204), LAST),
        (Whole(304), LAST),
        (Whole(200, (), b"no media type"), LAST),
        (Whole(200, (JSON,), b"x" * (PLAIN_BYTES + 1)), LAST),
    ],
)
async def test_what_needs_more_is_left_to_aiohttp(ask: Ask, reply: Whole, last: bytes) -> None:
    received = await ask(reply, last, plain=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"%d" % reply.status
    assert body == (b"" if last.startswith(b"HEAD") else reply.body)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
async def test_a_header_never_breaks_the_framing(ask: Ask, value: bytes) -> None:
    assert await ask(Whole(200, (JSON, (b"allow", value)), b"{}"), LAST) == b""
