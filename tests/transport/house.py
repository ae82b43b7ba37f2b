"""The agents' door with all that is behind it, in this process, and an agent with bare sockets."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.governance.identity import SessionResolver
from helio.governance.store import LocalStore
from helio.protocol.guards import host_rules, origin_rules
from helio.protocol.sse import EventStreamParser
from helio.runtime.driver import Driver
from helio.transport.admission import Guards
from helio.transport.door import HttpDoor, Identify, McpRoutes, nobody
from helio.transport.reception import Challenged, Reception
from helio.transport.sessions import SessionTable
from helio.transport.sse_door import SseDoor
from helio.transport.target import Target
from helio.upstream.build import HttpPort, UpstreamSettings
from helio.upstream.registry import Upstream
from pipeline.playbook import govern
from upstream.peers import Conversation, Peer

PATIENCE = 10.0
"""Seconds that anything may take before a test gives up."""
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SESSION = "mcp-session-id: s1\r\n"


def json_answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An upstream's answer with a JSON body."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; of no bytes, its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: bytes) -> bytes:
    """A chunk with one event."""
    return chunk(b"event: message\ndata: " + data + b"\n\n")


def result(identifier: bytes = b"1", value: bytes = b'{"content":[]}') -> bytes:
    """A JSON-RPC result."""
    return b'{"jsonrpc":"2.0","id":' + identifier + b',"result":' + value + b"}"


def message(method: str, identifier: str | None = "1", params: str = "{}") -> bytes:
    """A JSON-RPC request, or without an id a notification."""
    id_ = "" if identifier is None else f'"id":{identifier},'
    return f'{{"jsonrpc":"2.0",{id_}"method":"{method}","params":{params}}}'.encode()


def tool_call(identifier: str = "1", tool: str = "pay", arguments: str = "{}") -> bytes:
    """A `tools/call`."""
    return message("tools/call", identifier, f'{{"name":"{tool}","arguments":{arguments}}}')


@dataclass
class Reply:
    """An HTTP answer as an agent got it, headers in lower case. `rest` came behind it."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool
    """Whether the body ended as its head said it would."""

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of the body's events as JSON."""
        events = EventStreamParser().feed(self.body)
        return [json.loads(event.data) for event in events if event.data]


class Agent:
    """One connection of an agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(
        self, body: bytes | None = None, method: str = "POST", headers: str = "", path: str = "/mcp"
    ) -> None:
        """Sends a request as a good client does, with `headers` (each with its CRLF) besides."""
        await self.send(
            head(method, None if body is None else len(body), headers, path) + (body or b"")
        )

    async def reply(self) -> Reply:
        """The next answer."""
        async with asyncio.timeout(PATIENCE):
            status, headers = await self.head()
            body, whole = await self._body(status, headers)
            return Reply(status, headers, body, whole)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        pairs = (line.split(": ", 1) for line in lines)
        return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}

    async def _body(self, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
        if headers.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"])), True
        if status in (202, 204, 304):
            return b"", True
        return await self.reader.read(), True

    async def _chunks(self) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        while True:
            try:
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                pieces.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            except (asyncio.IncompleteReadError, ConnectionError):
                return b"".join(pieces), False
            if not size:
                return b"".join(pieces), True

    def leave(self) -> None:
        """Closes the connection at once."""
        self.writer.transport.abort()

    async def ended(self) -> None:
        """Waits until Helio has closed the connection."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass


def head(method: str, length: int | None, headers: str = "", path: str = "/mcp") -> bytes:
    """A request's head as a good client sends it."""
    lines = f"{method} {path} HTTP/1.1\r\n"
    if "host:" not in headers:
        lines += "host: 127.0.0.1\r\n"
    if length is not None:
        lines += f"content-length: {length}\r\n"
    if "content-type" not in headers:
        lines += "content-type: application/json\r\n"
    if "accept" not in headers:
        lines += "accept: application/json, text/event-stream\r\n"
    return (lines + headers + "\r\n").encode("latin-1")


@dataclass
class House:
    """One door before one upstream."""

    peer: Peer
    directory: Path
    policies: str = "{}"
    request_timeout: float = 5.0
    max_body: int = 4 * 1024 * 1024
    headers: dict[str, str] = field(default_factory=dict)
    changes: int = 0
    agents: list[Agent] = field(default_factory=list)
    url: str | None = None
    max_sse_sessions: int = 10
    identify: Identify = nobody
    held: SessionTable | None = None
    challenged: Challenged | None = None
    driver: Driver | None = None

    async def open(self) -> "House":
        """Listens."""
        self.journal = Journal.open(self.directory)
        await self.journal.start(lambda: {})
        self.store = LocalStore()
        settings = UpstreamSettings(
            name="default",
            url=self.url or self.peer.url,
            headers=self.headers,
            connect_timeout=2.0,
            request_timeout=self.request_timeout,
        )
        # Straight to the wire: the peers here answer just what a test is about.
        self.upstream = Upstream(settings, lambda: datetime.now(UTC), HttpPort(settings))
        self.governance = govern(self.policies)
        self.rejected: list[str] = []
        self.reception = Reception(
            targets={None: Target(self.upstream, lambda: self.governance, self._changed)},
            driver=self.driver or Driver(self.journal, self.store),
            sessions=SessionResolver([("legacy_header", "mcp-session-id")]),
            record_rejected=self._record_rejected,
            held=self.held,
            **({} if self.challenged is None else {"challenged": self.challenged}),
        )
        guards = Guards(
            hosts=host_rules(listen_host="127.0.0.1"),
            origins=origin_rules(own_ports=[3000]),
            max_body=self.max_body,
            paths=["/mcp", "/sse", "/messages"],
        )
        self.door = HttpDoor(
            guards, self._record_rejected, record_strangers=self.identify is nobody
        )
        routes = McpRoutes(self.reception, guards, self.door.partings, self.identify)
        self.door.serve(routes.of([None]))
        self.sse = SseDoor(
            self.reception, guards, self.door.partings, max_sessions=self.max_sse_sessions
        )
        self.door.serve(self.sse.routes([None]))
        self.runner = web.ServerRunner(self.door.server(), shutdown_timeout=0.2)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def _record_rejected(
        self, reason: str, _detail: str, _body: bytes, _upstream: str | None
    ) -> None:
        self.rejected.append(reason)

    def _changed(self) -> None:
        self.changes += 1

    async def agent(self) -> Agent:
        """A new connection."""
        found = Agent(*await asyncio.open_connection("127.0.0.1", self.port))
        self.agents.append(found)
        return found

    async def post(self, body: bytes, headers: str = "") -> Reply:
        """One POST on a connection of its own."""
        agent = await self.agent()
        await agent.ask(body, headers=headers)
        return await agent.reply()

    def records(self) -> list[tuple[str, Any]]:
        """Kind and data of every record that the journal holds by now."""
        lines = recovery.read(self.directory)
        return [(line.kind, json.loads(line.data)) for line in lines if line.kind != "segment"]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Lets the loop run until `holds`."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - it asks the house, which has no event for it
                await asyncio.sleep(0.005)

    async def outcome(self) -> Any:
        """The one outcome in the journal, once it is there."""
        found: list[Any] = []

        def there() -> bool:
            found[:] = [data for kind, data in self.records() if kind == "outcome"]
            return bool(found)

        await self.until(there)
        (only,) = found
        return only

    async def close(self) -> None:
        """Ends everything."""
        for agent in self.agents:
            agent.leave()
        await self.reception.drain(0.1)
        await self.sse.close()
        await self.runner.cleanup()
        await self.upstream.aclose()
        await self.journal.close()
        await self.peer.stop()


OpenHouse = Callable[..., Awaitable[House]]
Talk = Callable[[Conversation], Awaitable[None]]
