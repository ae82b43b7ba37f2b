"""Scripted upstreams, and an aggregate over them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from helio.errors import UpstreamFailed
from helio.protocol.headers import forward_rules
from helio.upstream.aggregate import Aggregate, Member
from helio.upstream.build import UpstreamSettings
from helio.upstream.made import StreamResponse, WholeResponse
from helio.upstream.port import Port, Response
from helio.upstream.registry import Upstream
from upstream.scripted import (
    INITIALIZE,
    LegacyServer,
    ScriptedPort,
    Sent,
    post,
    refusal,
    result,
    said,
    send,
)

MODERN = "2026-07-28"
PATIENCE = 5.0
Handler = Callable[[Sent], Awaitable[Response | None]]


class Server(LegacyServer):
    """One upstream of either era: `results` are its answers by method, `streams` its standing
    streams in the order opened. `handler` may answer before it does.
    """

    def __init__(self, **results: Any) -> None:
        super().__init__()
        self.results = {name.replace("_", "/"): value for name, value in results.items()}
        self.capabilities = {"tools": {}}
        self.streams: list[StreamResponse] = []
        self.has_streams = True
        self.handler: Handler | None = None
        self.down: str | None = None
        self.instructions: str | None = None
        self.port = ScriptedPort(self)

    async def __call__(self, sent: Sent) -> Response:
        if self.down is not None:
            raise UpstreamFailed("connect_failed", sent=False, detail=self.down)
        answered = None if self.handler is None else await self.handler(sent)
        if answered is not None:
            return answered
        if sent.headers.get("mcp-protocol-version") == MODERN:
            listens = sent.asks == "subscriptions/listen"
            return self._stream() if listens else self._answer(sent, 404)
        if sent.method == "GET" and sent.headers.get("mcp-session-id") in self.sessions:
            return self._stream() if self.has_streams else WholeResponse(405)
        response = await super().__call__(sent)
        if response.status != 200 or sent.method != "POST" or sent.asks == "initialize":
            return response
        return self._answer(sent, 200)

    def _answer(self, sent: Sent, unknown: int) -> Response:
        """The scripted result; `unknown` is the status of a method without one."""
        if "id" not in sent.message:
            return WholeResponse(202)
        if sent.asks in self.results:
            return result(sent, self.results[sent.asks])
        error = {"code": -32601, "message": f"no {sent.asks}"}
        body = {"jsonrpc": "2.0", "id": sent.message["id"], "error": error}
        return WholeResponse(unknown, json.dumps(body).encode())

    def initialize(self, sent: Sent) -> Response:
        response = super().initialize(sent)
        if self.instructions is None:
            return response
        told = {
            "protocolVersion": self.revision,
            "capabilities": self.capabilities,
            "instructions": self.instructions,
        }
        return result(sent, told, response.headers)

    def _stream(self) -> StreamResponse:
        self.streams.append(StreamResponse(timeout=None))
        return self.streams[-1]

    def say(self, message: Any) -> None:
        """Says something on its standing stream."""
        self.streams[-1].put(json.dumps(message).encode())

    def of(self, asks: str) -> list[Sent]:
        """What of this kind reached it."""
        return [sent for sent in self.port.sent if sent.asks == asks]


@dataclass
class Several:
    """An aggregate of servers, and an agent of it."""

    servers: dict[str, Server]
    port: Aggregate
    members: dict[str, Member]
    session: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    async def open(self, message: Any = None) -> Any:
        """Initializes a session; the result."""
        response = await post(self.port, message or INITIALIZE)
        answer = await said(response)
        session = response.header(b"mcp-session-id")
        if session is not None:
            self.session = {"mcp-session-id": session.decode()}
            await self.tell("notifications/initialized")
        return answer.get("result", answer)

    async def ask(self, method: str, params: Any = None, identifier: Any = 1) -> Any:
        """The whole answer to a request in the session."""
        return await said(await self.request(method, params, identifier))

    async def request(self, method: str, params: Any = None, identifier: Any = 1) -> Response:
        """The response to a request in the session."""
        message: Any = {"jsonrpc": "2.0", "id": identifier, "method": method}
        if params is not None:
            message["params"] = params
        return await post(self.port, message, self.session)

    async def modern(self, method: str, params: Any = None, **extra: str) -> Response:
        """The response to a request of 2026-07-28."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        message = {
            "jsonrpc": "2.0",
            "id": 7,
            "method": method,
            "params": {**(params or {}), "_meta": meta},
        }
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method, **extra}
        return await post(self.port, message, headers, None if "listen" in method else 5.0)

    async def tell(self, method: str, params: Any = None) -> Response:
        """Sends a notification in the session."""
        message: Any = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        return await post(self.port, message, self.session)

    async def respond(self, identifier: Any, value: Any) -> Response:
        """Answers a question."""
        return await post(
            self.port, {"jsonrpc": "2.0", "id": identifier, "result": value}, self.session
        )

    async def stand(self) -> "Heard":
        """Opens the session's standing stream."""
        headers = {**self.session, "accept": "text/event-stream"}
        return Heard(await send(self.port, "GET", None, headers, None))


class Heard:
    """What comes on a stream, message by message."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self._chunks = response.chunks()
        self._messages: list[Any] = []

    async def next(self) -> Any:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            while not self._messages:
                chunk = await anext(self._chunks)
                self._messages += [
                    json.loads(line[6:])
                    for line in chunk.split(b"\n")
                    if line.startswith(b"data: ")
                ]
        return self._messages.pop(0)

    async def leave(self) -> None:
        """Reads no more."""
        await self._chunks.aclose()
        self.response.close()


def several(patience: float = PATIENCE, **servers: Server) -> Several:
    """An aggregate of these servers, by their names."""
    made = Several(servers, None, {})  # type: ignore[arg-type]
    members = [
        member(name, server.port, patience, made.changed) for name, server in servers.items()
    ]
    made.members = {each.name: each for each in members}
    made.port = Aggregate(members)
    return made


def member(name: str, port: Port, patience: float, changed: list[str] | None = None) -> Member:
    """A member with this name and port, which gets `x-<name>` of an agent's headers."""
    settings = UpstreamSettings(name=name, url="http://unused.example/mcp")
    told = [] if changed is None else changed
    return Member(
        Upstream(settings, lambda: datetime.now(UTC), port=port),
        forward_rules(patterns=[f"x-{name}"], open_mode=False),
        patience=patience,
        on_tools_changed=lambda: told.append(name),
    )


def until(holds: Callable[[], bool]) -> Awaitable[None]:
    """Lets the loop run until something holds."""

    async def wait() -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.002)

    return wait()


__all__ = ["MODERN", "Heard", "Server", "Several", "refusal", "several", "until"]
