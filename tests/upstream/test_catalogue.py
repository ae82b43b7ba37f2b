import asyncio
import json
import socket
import threading
from collections.abc import Callable

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from helio.errors import CatalogueError, UpstreamFailed
from helio.protocol.sse import encode_event
from helio.upstream import catalogue
from helio.upstream.catalogue import fetch_tools
from upstream.peers import Connect, Conversation, Peer, Request, Serve

Message = dict[str, object]
INITIALIZED: Message = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "s", "version": "1"},
}


class McpPeer:
    """An MCP server of few words: `results` by method, each a result or a function of params."""

    def __init__(self, *, streams: bool = False, session: str | None = "s-1") -> None:
        self.requests: list[Request] = []
        self.results: dict[str, object] = {"initialize": INITIALIZED, "tools/list": {"tools": []}}
        self.streams = streams
        self.session = session
        self.deletion = 200

    async def __call__(self, conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            self.requests.append(request)
            await conversation.send(self._answer(request))

    def _answer(self, request: Request) -> bytes:
        if request.method == "DELETE":
            return http(self.deletion, b"", "text/plain")
        message = json.loads(request.body)
        if "id" not in message:
            return http(202, b"", "text/plain")
        result = self.results[message["method"]]
        if isinstance(result, Callable):  # type: ignore[arg-type]
            result = result(message["params"])  # type: ignore[operator]
        if isinstance(result, bytes):
            return result
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        answer |= result if "error" in result else {"result": result}  # type: ignore[operator]
        opening = message["method"] == "initialize"
        extra = f"mcp-session-id: {self.session}\r\n" if opening and self.session else ""
        if self.streams:
            return http(200, stream_of(answer), "text/event-stream", extra)
        return http(200, json.dumps(answer).encode(), "application/json; charset=utf-8", extra)

    def messages(self) -> list[str]:
        return [
            json.loads(request.body)["method"] if request.body else request.method
            for request in self.requests
        ]


def http(status: int, body: bytes, media_type: str, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\n{extra}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def stream_of(answer: Message) -> bytes:
    """The answer in a stream, behind a priming event, a ping of the server's and a comment."""
    ping = {"jsonrpc": "2.0", "id": answer["id"], "method": "ping"}
    other = {"jsonrpc": "2.0", "id": 999, "result": {}}
    events = [encode_event(json.dumps(message).encode()) for message in (ping, other, answer)]
    return encode_event(b"", identifier=b"0", retry=10) + b": ping\r\n\r\n" + b"".join(events)


async def fetch(peer: Peer, connect: Connect, **options: float) -> list[Message]:
    found = await fetch_tools(connect(peer.url), client_version="1.2.3", **options)
    return [json.loads(tool) for tool in found]


async def refusal(peer: Peer, connect: Connect, **options: float) -> str:
    with pytest.raises(CatalogueError) as refused:
        await fetch(peer, connect, **options)
    return str(refused.value)


@pytest.mark.parametrize("streams", [False, True])
async def test_a_session_from_its_beginning_to_its_end(
    streams: bool, serve: Serve, connect: Connect
) -> None:
    server = McpPeer(streams=streams)
    tools = [{"name": "a", "x-vendor": {"kept": True}, "annotations": {"readOnlyHint": "odd"}}]
    server.results["tools/list"] = {"tools": tools}
    assert await fetch(await serve(server), connect) == tools
    assert server.messages() == [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "DELETE",
    ]
    first, *later = server.requests
    assert json.loads(first.body)["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "helio", "version": "1.2.3"},
    }
    assert first.header("accept") == "application/json, text/event-stream"
    assert first.header("content-type") == "application/json"
    assert first.header("mcp-session-id") is None
    assert first.header("mcp-protocol-version") is None
    for request in later:
        assert request.header("mcp-session-id") == "s-1"
        assert request.header("mcp-protocol-version") == "2025-11-25"


async def test_definitions_come_byte_for_byte(serve: Serve, connect: Connect) -> None:
    server = McpPeer()
    first = b'{ "name":"a", "maximum": 12345678901234567890.10, "name" : "b" }'
    page = b'{"jsonrpc":"2.0","id":2,"result":{"tools":[ %b ,{"name":"\\u0063"}]}}' % first
    server.results["tools/list"] = http(200, page, "application/json")
    found = await fetch_tools(connect((await serve(server)).url), client_version="1")
    assert found == [first, b'{"name":"\\u0063"}']


async def test_more_than_can_be_kept(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "DEFINITIONS_LIMIT", 1000)
    server = McpPeer()
    server.results["tools/list"] = {"tools": [{"name": "a", "description": "x" * 1000}]}
    assert "1000 bytes" in await refusal(await serve(server), connect)


async def test_without_a_session_there_is_none_to_end(serve: Serve, connect: Connect) -> None:
    server = McpPeer(session=None)
    assert await fetch(await serve(server), connect) == []
    assert server.messages()[-1] == "tools/list"
    assert server.requests[-1].header("mcp-session-id") is None


async def test_all_pages(serve: Serve, connect: Connect) -> None:
    server = McpPeer()

    def page(params: Message) -> Message:
        index = int(str(params.get("cursor", "0")))
        following = {"nextCursor": str(index + 1)} if index < 4 else {}
        return {"tools": [{"name": f"t{index}"}], **following}

    server.results["tools/list"] = page
    tools = await fetch(await serve(server), connect)
    assert [tool["name"] for tool in tools] == ["t0", "t1", "t2", "t3", "t4"]


async def test_an_older_revision_is_spoken_as_the_server_wants(
    serve: Serve, connect: Connect
) -> None:
    server = McpPeer()
    server.results["initialize"] = INITIALIZED | {"protocolVersion": "2025-03-26"}
    assert await fetch(await serve(server), connect) == []
    assert server.requests[-1].header("mcp-protocol-version") == "2025-03-26"


@pytest.mark.parametrize("status", [405, 404, 500])
async def test_a_session_that_may_not_be_ended(status: int, serve: Serve, connect: Connect) -> None:
    server = McpPeer()
    server.deletion = status
    assert await fetch(await serve(server), connect) == []


async def test_a_server_without_the_method_has_no_tools(serve: Serve, connect: Connect) -> None:
    server = McpPeer()
    server.results["tools/list"] = {"error": {"code": -32601, "message": "no"}}
    assert await fetch(await serve(server), connect) == []


@pytest.mark.parametrize("cursor", ["same", "", 7])
async def test_cursors_that_lead_nowhere(cursor: object, serve: Serve, connect: Connect) -> None:
    server = McpPeer()
    server.results["tools/list"] = {"tools": [], "nextCursor": cursor}
    assert "cursor" in await refusal(await serve(server), connect)
    assert server.messages()[-1] == "DELETE"


async def test_pages_without_end(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "PAGE_LIMIT", 5)
    server = McpPeer()
    server.results["tools/list"] = lambda params: {
        "tools": [],
        "nextCursor": f"{params.get('cursor', '')}x",
    }
    assert "5 pages" in await refusal(await serve(server), connect)


@pytest.mark.parametrize(
    ("method", "result", "says"),
    [
        ("initialize", {"error": {"code": -32603, "message": "busy"}}, "-32603 busy"),
        ("initialize", INITIALIZED | {"protocolVersion": "1999-01-01"}, "1999-01-01"),
        ("initialize", {"capabilities": {}}, "unknown revision"),
        ("initialize", http(401, b"", "text/plain"), "HTTP 401"),
        ("initialize", http(307, b"", "text/plain"), "HTTP 307"),
        ("initialize", http(200, b"<html>", "text/html"), "text/html"),
        ("initialize", http(200, b"{", "application/json"), "not JSON"),
        ("initialize", http(200, b"[]", "application/json"), "did not answer"),
        ("initialize", http(200, b"{}", "application/json"), "did not answer"),
        ("initialize", http(200, b"", "text/event-stream"), "stream ended"),
        ("initialize", http(200, b"data: {\n\n", "text/event-stream"), "not JSON"),
        (
            "initialize",
            http(
                200,
                b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}',
                "application/json",
            ),
            "-32700",
        ),
        ("tools/list", {"error": {"code": -32000, "message": "x" * 999}}, "-32000 xxx"),
        ("tools/list", {"tools": {}}, "something else"),
        ("tools/list", {"tools": [1]}, "something else"),
        ("tools/list", {}, "something else"),
        ("tools/list", http(404, b"", "text/plain"), "HTTP 404"),
    ],
)
async def test_answers_that_are_none(
    method: str, result: object, says: str, serve: Serve, connect: Connect
) -> None:
    server = McpPeer()
    server.results[method] = result
    text = await refusal(await serve(server), connect)
    assert says in text
    assert len(text) < 400


async def test_an_event_without_end(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "ANSWER_LIMIT", 1000)
    server = McpPeer()
    server.results["tools/list"] = http(200, b"data: " + b"x" * 2000, "text/event-stream")
    assert "1000 bytes" in await refusal(await serve(server), connect)


async def test_an_upstream_that_will_not_end_the_session_is_not_waited_for(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_FAREWELL_SECONDS", 0.05)
    server = McpPeer()

    async def handler(conversation: Conversation) -> None:
        while (request := await conversation.request()) is not None:
            if request.method == "DELETE":
                await conversation.ended()
                return
            await conversation.send(server._answer(request))

    assert await fetch(await serve(handler), connect) == []


async def test_everything_has_one_deadline(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        while not conversation.reader.at_eof():
            await conversation.send(b": ping\n\n")
            await asyncio.sleep(0.02)

    assert "0.2 s" in await refusal(await serve(handler), connect, silence=0.1, deadline=0.2)


async def test_a_request_that_fails(serve: Serve, connect: Connect) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()

    peer = await serve(handler)
    with pytest.raises(UpstreamFailed) as failed:
        await fetch(peer, connect)
    assert failed.value.reason == "closed"


async def test_a_server_on_the_mcp_library(connect: Connect) -> None:
    server = MCPServer("shop")

    @server.tool()
    def lookup(order: int) -> str:
        """Looks an order up."""
        return str(order)

    @server.tool(name="orders.delete")
    def delete(order: int) -> str:
        """Deletes an order."""
        return str(order)

    # In a thread with a loop of its own: the library's server leaves tasks behind on its loop.
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(server.streamable_http_app(), log_level="critical", ws="none")
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, args=([listening],))
    thread.start()
    try:
        client = connect(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        found = await fetch_tools(client, client_version="1")
        tools = [json.loads(tool) for tool in found]
        assert [tool["name"] for tool in tools] == ["lookup", "orders.delete"]
        assert tools[0]["inputSchema"]["required"] == ["order"]
        await client.aclose()
    finally:
        uvicorn_server.should_exit = True
        await asyncio.to_thread(thread.join)
        listening.close()
