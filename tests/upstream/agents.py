"""An agent at a port: what tests say to an upstream, and what they hear from it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from helio.protocol.headers import Header
from helio.protocol.sse import EventStreamParser
from helio.upstream.port import Port, Response

LIMIT = 128 * 1024 * 1024


def request(identifier: object, method: str, **params: object) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
    ).encode()


def notification(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def tool_call(
    identifier: object, tool: str, arguments: object = None, token: object = None
) -> bytes:
    params: dict[str, object] = {"name": tool, "arguments": arguments or {}}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return request(identifier, "tools/call", **params)


def modern_call(identifier: object, tool: str, arguments: object = None, **meta: object) -> bytes:
    """A call of 2026-07-28."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
        **meta,
    }
    return request(identifier, "tools/call", name=tool, arguments=arguments or {}, _meta=envelope)


MODERN: list[Header] = [(b"mcp-protocol-version", b"2026-07-28")]


async def events(response: Response) -> AsyncIterator[dict[str, Any]]:
    """The messages of an event stream as they come."""
    parser = EventStreamParser(event_cap=LIMIT)
    async for chunk in response.chunks():
        for event in parser.feed(chunk):
            assert event.data is not None
            yield json.loads(event.data)


async def messages(response: Response) -> list[dict[str, Any]]:
    """All messages of an answer, whichever form it has."""
    if (response.header(b"content-type") or b"").startswith(b"text/event-stream"):
        return [message async for message in events(response)]
    body = await response.read(LIMIT)
    return [json.loads(body)] if body else []


async def answer_of(response: Response) -> dict[str, Any]:
    """The last message of an answer."""
    return (await messages(response))[-1]


@dataclass
class Agent:
    """One session at a port."""

    port: Port
    headers: list[Header] = field(default_factory=list)
    greeting: dict[str, Any] = field(default_factory=dict)
    timeout: float = 10.0

    async def open(self, revision: str = "2025-11-25", **more: object) -> "Agent":
        response = await self.send(
            request(
                0,
                "initialize",
                protocolVersion=revision,
                capabilities={},
                clientInfo={"name": "test", "version": "1"},
                **more,
            )
        )
        assert response.status == 200, (response.status, await response.read(LIMIT))
        session = response.header(b"mcp-session-id")
        assert session is not None
        self.greeting = await answer_of(response)
        self.headers = [
            *self.headers,
            (b"mcp-session-id", session),
            (b"mcp-protocol-version", revision.encode()),
        ]
        told = await self.send(notification("notifications/initialized"))
        assert told.status == 202
        return self

    async def send(self, body: bytes, *, silence: float | None = None) -> Response:
        return await self.port.send("POST", self.headers, body, timeout=silence or self.timeout)

    async def call(
        self, tool: str, arguments: object = None, *, identifier: object = 1
    ) -> dict[str, Any]:
        answer = await answer_of(await self.send(tool_call(identifier, tool, arguments)))
        assert answer["id"] == identifier
        return dict(answer["result"])

    async def listen(self) -> Response:
        return await self.port.send("GET", self.headers, None, timeout=None)

    async def close(self) -> int:
        return (await self.port.send("DELETE", self.headers, None, timeout=5)).status
