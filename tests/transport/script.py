"""A reception that does what a test tells it, for doors that are tested without one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from helio.protocol.modern import Parameters, parameter_headers
from helio.transport.channel import AgentChannel
from helio.transport.inbound import Inbound, Reply, Whole
from transport.house import message

INITIALIZE = message("initialize", "0")
INITIALIZED = message("notifications/initialized", None)
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
JSON = ((b"content-type", b"application/json"),)
EVENTS = ((b"content-type", b"text/event-stream"),)
ACCEPTED = Whole(202)
NO_STREAM = Whole(405, ((b"allow", b"POST"),))

Answer = Callable[[Inbound], Awaitable[Reply]]


def answer(inbound: Inbound, value: object = None) -> bytes:
    """A result for the request."""
    identifier = json.loads(inbound.body)["id"]
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "result": value or {}}).encode()


def event(data: bytes, identifier: str | None = None) -> bytes:
    """One event."""
    name = b"" if identifier is None else b"id: " + identifier.encode() + b"\n"
    return name + b"event: message\ndata: " + data + b"\n\n"


class Script:
    """Answers `initialize` with session `s-1`, notifications with 202, GET with 405, and each other
    method as told in `on`. `seen` holds what was asked.
    """

    def __init__(self, revision: str = "2025-11-25", session: str | None = "s-1") -> None:
        self.revision = revision
        self.session = session
        self.seen: list[Inbound] = []
        self.on: dict[str, Answer] = {}
        self.rejected: list[tuple[str, bytes]] = []
        self.drained: list[float] = []
        self.under_way = 0
        self.given_up = asyncio.Event()

    async def handle(self, inbound: Inbound) -> Reply:
        self.seen.append(inbound)
        self.under_way += 1
        try:
            return await self._handle(inbound)
        finally:
            self.under_way -= 1

    async def _handle(self, inbound: Inbound) -> Reply:
        if inbound.method != "POST":
            told = self.on.get(inbound.method)
            return NO_STREAM if told is None else await told(inbound)
        message = json.loads(inbound.body)
        told = self.on.get(message.get("method", "response"))
        if told is not None:
            return await told(inbound)
        if message.get("method") == "initialize":
            headers = JSON
            if self.session is not None:
                headers = (*JSON, (b"mcp-session-id", self.session.encode()))
            return Whole(200, headers, answer(inbound, {"protocolVersion": self.revision}))
        if "id" in message and "method" in message:
            return Whole(200, JSON, answer(inbound))
        return ACCEPTED

    def parameters(self, _target: str | None, tool: str) -> Parameters | None:
        """The mirrored arguments of `pay`."""
        region = {"type": "string", "x-mcp-header": "Region"}
        return parameter_headers({"properties": {"region": region}}) if tool == "pay" else None

    async def drain(self, seconds: float) -> int:
        """As the reception's: waits for what is under way, then sets `given_up`."""
        self.drained.append(seconds)
        try:
            async with asyncio.timeout(seconds):
                while self.under_way:  # noqa: ASYNC110 - a script has no event for it
                    await asyncio.sleep(0.005)
        except TimeoutError:
            left = self.under_way
            self.given_up.set()
            return left
        return 0

    async def record_rejected(
        self, reason: str, _detail: str, body: bytes, _upstream: str | None
    ) -> None:
        self.rejected.append((reason, body))

    def asked(self, method: str) -> list[Inbound]:
        """What was asked by this HTTP method, or by this method in a POST."""
        return [
            inbound
            for inbound in self.seen
            if method == inbound.method
            or (inbound.method == "POST" and json.loads(inbound.body).get("method") == method)
        ]


class Outbox:
    """What the agent gets."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self._more = asyncio.Event()

    async def send(self, message: bytes) -> None:
        self.raw.append(message)
        self._more.set()

    @property
    def messages(self) -> list[Any]:
        return [json.loads(message) for message in self.raw]

    async def holds(self, number: int) -> list[Any]:
        """The messages, once there are so many."""
        async with asyncio.timeout(10):
            while len(self.raw) < number:
                self._more.clear()
                await self._more.wait()
        return self.messages


async def opened(script: Script, outbox: Outbox, **options: object) -> AgentChannel:
    """A channel whose session is open; what it sent until then is forgotten."""
    channel = AgentChannel(script, None, outbox.send, **options)  # type: ignore[arg-type]
    await channel.take(INITIALIZE)
    await channel.take(INITIALIZED)
    outbox.raw.clear()
    return channel
