"""A legacy server whose side of every call a test writes, and a 2026-07-28 agent at the bridge in
front of it."""

import asyncio
import json
from typing import Any

from helio.upstream.bridge.modern_agent import ModernAgents
from helio.upstream.made import StreamResponse, WholeResponse
from upstream.scripted import LegacyServer, ScriptedPort, Sent, post, request, said

CAPABILITIES = {"sampling": {}, "elicitation": {}, "roots": {}}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
ASKS = {"method": "elicitation/create", "params": {"message": "Which?", "n": 1.0}}


class Server(LegacyServer):
    """A legacy server whose calls are event streams that a test writes on.

    `calls` are the messages of requests under way, in order; `told` everything else it was sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.streams: list[StreamResponse] = []
        self.told: list[Any] = []
        self.closed: list[int] = []
        self.standing: StreamResponse | None = None
        self.news = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, sent: Sent) -> Any:
        if sent.asks in ("initialize", "DELETE"):
            response = await super().__call__(sent)
            if not self.sessions:
                self.ended.set()
            return response
        if sent.headers.get("mcp-session-id") not in self.sessions:
            return WholeResponse(404)
        if sent.method == "GET":
            self.standing = StreamResponse(timeout=None)
            return self.standing
        if sent.asks in ("tools/call", "prompts/get"):
            number = len(self.calls)
            stream = StreamResponse(timeout=None, on_close=lambda: self.closed.append(number))
            self.calls.append(sent.message)
            self.streams.append(stream)
            self.news.set()
            return stream
        self.told.append(sent.message)
        self.news.set()
        return WholeResponse(202)

    async def until(self, number: int) -> Any:
        """The call of this number, once it is there."""
        async with asyncio.timeout(5):
            while len(self.calls) <= number:
                self.news.clear()
                await self.news.wait()
        return self.calls[number]

    async def hears(self, method: str | None) -> Any:
        """The next message of a method (None: a response) that it was told, once it is there."""
        async with asyncio.timeout(5):
            while True:
                for message in self.told:
                    if message.get("method") == method:
                        self.told.remove(message)
                        return message
                self.news.clear()
                await self.news.wait()

    def say(self, message: dict[str, Any], number: int = 0) -> None:
        """Writes on the stream of a call."""
        self.streams[number].put(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def answer(self, text: str, number: int = 0) -> None:
        """Answers a call and ends its stream."""
        result = {"content": [{"type": "text", "text": text}]}
        self.say({"id": self.calls[number]["id"], "result": result}, number)
        self.streams[number].end()


class Scene:
    """An agent at the bridge in front of the server."""

    def __init__(self, **options: Any) -> None:
        self.server = Server()
        self.upstream = ScriptedPort(self.server)
        self.bridge = ModernAgents(self.upstream, **options)

    def call(
        self,
        identifier: Any = 1,
        arguments: Any = None,
        headers: dict[str, str] | None = None,
        meta: dict[str, Any] | None = None,
        **params: Any,
    ) -> asyncio.Task[Any]:
        """Calls the tool `ask`; its response."""
        held = {"name": "ask", "arguments": arguments or {"a": 1.0}, **params}
        message = request("tools/call", {**held, "_meta": {**ENVELOPE, **(meta or {})}}, identifier)
        version = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}
        return asyncio.create_task(post(self.bridge, message, version | (headers or {})))

    async def asked(self, **options: Any) -> Any:
        """A call that the server asks something in: the result that the agent gets."""
        calling = self.call(**options)
        await self.server.until(0)
        self.server.say({"id": "q\u00e9", **ASKS})
        return (await said(await calling))["result"]
