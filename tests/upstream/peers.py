"""A server on loopback that does what a test tells it, byte by byte."""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.http import HttpUpstream


@dataclass
class Request:
    """One request as a server got it; header names in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    head: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Conversation:
    """One connection as a server has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> Request | None:
        """The next request without its body; None at the end of the connection."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = [(line.split(": ", 1)[0].lower(), line.split(": ", 1)[1]) for line in lines]
        return Request(method, target, headers, b"", head)

    async def request(self) -> Request | None:
        """The next request with its body."""
        request = await self.head()
        if request is not None:
            length = int(request.header("content-length") or 0)
            request.body = await self.reader.readexactly(length)
        return request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ended(self) -> None:
        """Waits until the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Ends the connection with RST."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Conversation], Awaitable[None]]


@dataclass
class Peer:
    """A server that runs `handler` for each connection; its failures fail the test."""

    handler: Handler
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> "Peer":
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/mcp"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self.handler(Conversation(reader, writer))
        except (asyncio.CancelledError, ConnectionError):
            # The test is over, or the client left, which is its right.
            pass
        except BaseException as failure:  # noqa: BLE001 - raised again by `stop`
            self.failures.append(failure)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def stop(self) -> None:
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        if self.failures:
            raise self.failures[0]


Serve = Callable[..., Awaitable[Peer]]
Connect = Callable[..., HttpUpstream]


OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
MEBIBYTE = 1 << 20


def always(answer: bytes) -> Handler:
    """Answers every request so."""

    async def handler(conversation: Conversation) -> None:
        while await conversation.request() is not None:
            await conversation.send(answer)

    return handler


def answering(answer: bytes, then: str = "wait") -> Handler:
    """Answers one request; then waits for the client's end, closes, or resets."""

    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(answer)
        if then == "wait":
            await conversation.ended()
        elif then == "reset":
            conversation.reset()

    return handler


async def ask(client: HttpUpstream, body: bytes = b"{}", timeout: float | None = 5) -> bytes:  # noqa: ASYNC109
    """Sends one POST and reads its answer."""
    response = await client.send("POST", [], body, timeout=timeout)
    return await response.read(MEBIBYTE)


async def failure(work: Awaitable[object]) -> UpstreamFailed:
    """How `work` fails."""
    with pytest.raises(UpstreamFailed) as failed:
        await work
    assert failed.value.detail
    return failed.value
