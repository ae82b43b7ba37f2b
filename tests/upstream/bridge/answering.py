"""A 2026-07-28 server that answers as a test says, and a legacy agent at the bridge to it."""

import asyncio
import json
from typing import Any

from helio.upstream.bridge.legacy_agent import LegacyAgents
from helio.upstream.made import StreamResponse, WholeResponse
from upstream.scripted import INITIALIZE, ScriptedPort, Sent, post, refusal, request

ASKS = {"method": "elicitation/create", "params": {"message": "Which?", "n": 1.0}}
CAPABILITIES = {"elicitation": {}, "sampling": {}}


class Server:
    """A 2026-07-28 server that answers calls as a test says, one after the other."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.listening: list[tuple[Any, StreamResponse]] = []
        self.closed: list[str] = []
        self.listens = True
        self.news = asyncio.Event()

    async def __call__(self, sent: Sent) -> Any:
        assert sent.method == "POST"
        meta = sent.message["params"]["_meta"]
        version = meta["io.modelcontextprotocol/protocolVersion"]
        assert sent.headers["mcp-protocol-version"] == version == "2026-07-28"
        assert sent.headers["mcp-method"] == sent.message["method"]
        assert "mcp-session-id" not in sent.headers
        if sent.asks == "server/discover":
            told = {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": True}},
                "instructions": "Use it.",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}},
            }
            return self.result(sent, told)
        if sent.asks == "subscriptions/listen":
            return self.listen(sent)
        answer = self.answers.pop(0) if self.answers else {"resultType": "complete"}
        return self.result(sent, answer) if isinstance(answer, dict) else answer

    def listen(self, sent: Sent) -> Any:
        if not self.listens:
            return refusal(404, "no such method", -32601)
        name = json.dumps(sent.message["params"]["notifications"])
        stream = StreamResponse(timeout=None, on_close=lambda: self.closed.append(name))
        acknowledged = {"method": "notifications/subscriptions/acknowledged", "params": {}}
        stream.put(json.dumps({"jsonrpc": "2.0", **acknowledged}).encode())
        self.listening.append((sent.message["params"]["notifications"], stream))
        self.news.set()
        return stream

    async def until(self, number: int) -> Any:
        """What the listening of this number wants to hear, and its stream."""
        async with asyncio.timeout(5):
            while len(self.listening) <= number:
                self.news.clear()
                await self.news.wait()
        return self.listening[number]

    def result(self, sent: Sent, value: Any) -> WholeResponse:
        body = {"jsonrpc": "2.0", "id": sent.message["id"], "result": value}
        return WholeResponse(200, json.dumps(body).encode())


class Scene:
    """An agent in a session with the bridge in front of the server."""

    def __init__(self, **options: Any) -> None:
        self.server = Server()
        self.upstream = ScriptedPort(self.server)
        self.bridge = LegacyAgents(self.upstream, **options)
        self.session: dict[str, str] = {}

    async def open(self, revision: str = "2025-06-18", **headers: str) -> Any:
        params = {**INITIALIZE["params"], "protocolVersion": revision, "capabilities": CAPABILITIES}
        response = await post(self.bridge, request("initialize", params, "i"), headers)
        given = response.header(b"mcp-session-id")
        if given is not None:
            self.session = {"mcp-session-id": given.decode(), "mcp-protocol-version": revision}
        return response

    async def ask(self, method: str, params: Any = None, identifier: Any = 1) -> Any:
        return await post(self.bridge, request(method, params, identifier), self.session)

    async def tell(self, message: dict[str, Any]) -> int:
        return (await post(self.bridge, {"jsonrpc": "2.0", **message}, self.session)).status

    async def call(self, tool: str = "ask", identifier: Any = 1, **arguments: Any) -> Any:
        return await self.ask("tools/call", {"name": tool, "arguments": arguments}, identifier)


class Reader:
    """The messages of an event stream, one at a time."""

    def __init__(self, response: Any) -> None:
        assert response.header(b"content-type") == b"text/event-stream"
        self._chunks = response.chunks()

    async def message(self) -> Any:
        async with asyncio.timeout(5):
            event = await anext(self._chunks)
        return json.loads(event.partition(b"data: ")[2])

    async def close(self) -> None:
        await self._chunks.aclose()


def asking(state: Any = "s", **questions: Any) -> dict[str, Any]:
    held = {"inputRequests": questions} if questions else {}
    return {"resultType": "input_required", "requestState": state, **held}
