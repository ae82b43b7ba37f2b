"""An MCP server on the official library that speaks both eras, doors that force one of them, and
the official client in front of any port."""

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import mcp_types as types
import orjson
import uvicorn
from aiohttp import web
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, ListRoots, Resolve, Sample
from mcp.shared.exceptions import MCPDeprecationWarning
from pydantic import BaseModel

from helio.protocol.headers import Header, answer_headers, forward_rules, request_headers
from helio.protocol.revisions import is_modern
from helio.upstream.http import HttpUpstream
from helio.upstream.made import WholeResponse, find
from helio.upstream.port import Port, Response

LOOPBACK = "127.0.0.1"
AnyContext = Context[Any, Any]
RULES = forward_rules(patterns=["x-*"])


class Size(BaseModel):
    """What a person is asked for."""

    colour: str
    number: int


def ask_a_person() -> Elicit[Size]:
    """Asks for a size."""
    return Elicit("Which one?", Size)


def ask_a_model() -> Sample:
    """Asks for a word."""
    content = types.TextContent(type="text", text="Say something.")
    return Sample([types.SamplingMessage(role="user", content=content)], max_tokens=20)


def ask_for_roots() -> ListRoots:
    """Asks what the agent works on."""
    return ListRoots()


class Everything:
    """The server, and what it saw: `cancelled` has the names of calls that were cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.news = asyncio.Event()
        self.begun = asyncio.Event()
        self.subscribed: list[str] = []
        self.server: MCPServer[Any] = MCPServer(
            "everything", version="1", instructions="Use it.", log_level="ERROR"
        )
        self._add_tools()
        self._add_questions()
        self._add_changes()
        self._add_contents()

    def _add_tools(self) -> None:
        @self.server.tool(structured_output=False)
        def echo(text: str) -> str:
            """Says it again."""
            return text

        @self.server.tool(structured_output=False)
        async def progress(steps: int, context: AnyContext) -> str:
            """Reports each step."""
            for step in range(1, steps + 1):
                await context.report_progress(step, steps, f"step {step}")
            return f"{steps} steps"

        @self.server.tool(structured_output=False)
        async def log(context: AnyContext) -> str:
            """Logs on two levels."""
            await context.log("debug", "small")
            await context.log("warning", "large")
            return "logged"

        @self.server.tool(structured_output=False)
        async def slow(name: str, context: AnyContext) -> str:
            """Runs until it is cancelled."""
            self.begun.set()
            try:
                await context.report_progress(0, None, "began")
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                self.news.set()
                raise
            return "never"

        @self.server.tool(structured_output=False)
        def fail() -> str:
            """Fails as a tool does."""
            raise ToolError("no")

    def _add_questions(self) -> None:
        @self.server.tool(structured_output=False)
        async def decide(size: Annotated[Size, Resolve(ask_a_person)]) -> str:
            """Asks a person."""
            return f"{size.number} {size.colour}"

        @self.server.tool(structured_output=False)
        async def think(said: Annotated[types.CreateMessageResult, Resolve(ask_a_model)]) -> str:
            """Asks a model."""
            content = said.content
            return f"{said.model}: {getattr(content, 'text', content)}"

        @self.server.tool(structured_output=False)
        async def look(roots: Annotated[types.ListRootsResult, Resolve(ask_for_roots)]) -> str:
            """Asks for roots."""
            return " ".join(str(root.uri) for root in roots.roots)

        @self.server.tool(structured_output=False)
        async def both(
            size: Annotated[Size, Resolve(ask_a_person)],
            said: Annotated[types.CreateMessageResult, Resolve(ask_a_model)],
        ) -> str:
            """Asks a person and a model."""
            return f"{size.number} {said.model}"

    def _add_changes(self) -> None:
        @self.server.tool(structured_output=False)
        async def change(context: AnyContext) -> str:
            """Says that everything changed, in both eras."""
            session = context.session
            await session.send_tool_list_changed()
            await session.send_prompt_list_changed()
            await session.send_resource_updated("text://greeting")
            await context.notify_tools_changed()
            await context.notify_prompts_changed()
            await context.notify_resource_updated("text://greeting")
            return "changed"

        async def subscribe(_: Any, params: types.SubscribeRequestParams) -> types.EmptyResult:
            self.subscribed.append(f"+{params.uri}")
            return types.EmptyResult()

        async def unsubscribe(_: Any, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
            self.subscribed.append(f"-{params.uri}")
            self.news.set()
            return types.EmptyResult()

        async def level(_: Any, params: types.SetLevelRequestParams) -> types.EmptyResult:
            return types.EmptyResult()

        low = self.server._lowlevel_server
        low.add_request_handler("resources/subscribe", types.SubscribeRequestParams, subscribe)
        low.add_request_handler(
            "resources/unsubscribe", types.UnsubscribeRequestParams, unsubscribe
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            low.add_request_handler("logging/setLevel", types.SetLevelRequestParams, level)

    def _add_contents(self) -> None:
        @self.server.resource("text://greeting", mime_type="text/plain")
        def greeting() -> str:
            """A text."""
            return "Grüß Gott — ça va?"

        @self.server.prompt()
        def review(code: str) -> str:
            """Asks for a review."""
            return f"Review this: {code}"

        @self.server.completion()
        async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
            return types.Completion(values=[f"{argument.value}!"])


@asynccontextmanager
async def serving(everything: Everything, **options: Any) -> AsyncIterator[str]:
    """Serves it on loopback; gives its URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    application = everything.server.streamable_http_app(host=LOOPBACK, **options)
    config = uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - it tells in no other way
        await asyncio.sleep(0)
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        await serving


class OnlyLegacy:
    """A port of a server from before 2026-07-28, which knows no such header."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - the port's own
    ) -> Response:
        revision = find(headers, b"mcp-protocol-version")
        if revision is not None and is_modern(revision.decode()):
            error = {"code": -32600, "message": f"Unsupported protocol version: {revision!r}"}
            return WholeResponse(
                400, orjson.dumps({"jsonrpc": "2.0", "id": "server-error", "error": error})
            )
        return await self._port.send(method, headers, body, timeout=timeout)

    async def aclose(self) -> None:
        await self._port.aclose()


class OnlyModern:
    """A port of a server that knows nothing but 2026-07-28."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - the port's own
    ) -> Response:
        revision = find(headers, b"mcp-protocol-version")
        if method != "POST":
            return WholeResponse(405)
        if revision is None or not is_modern(revision.decode()):
            asked = orjson.loads(bytes(body or b"{}"))
            error = {
                "code": -32022,
                "message": "Unsupported protocol version",
                "data": {"supported": ["2026-07-28"], "requested": str(revision)},
            }
            return WholeResponse(
                400, orjson.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "error": error})
            )
        return await self._port.send(method, headers, body, timeout=timeout)

    async def aclose(self) -> None:
        await self._port.aclose()


def http(url: str) -> HttpUpstream:
    """The port of a streamable HTTP server."""
    return HttpUpstream(url, headers={}, connect_timeout=5, request_timeout=20)


@asynccontextmanager
async def in_front_of(port: Port, *below: Port) -> AsyncIterator[str]:
    """Serves a port as what it stands for, streamable HTTP; gives the URL. In the end it is closed,
    and so are those `below`."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        response = await port.send(
            request.method,
            request_headers(request.raw_headers, RULES, modern=_is_modern(request)),
            body if request.method == "POST" else None,
            timeout=None if request.method == "GET" else 20,
        )
        headers = {
            name.decode(): value.decode() for name, value in answer_headers(response.headers)
        }
        stream = web.StreamResponse(status=response.status, headers=headers)
        try:
            await stream.prepare(request)
            async for chunk in response.chunks():
                await stream.write(chunk)
            await stream.write_eof()
        except ConnectionError:
            request.protocol.force_close()
        finally:
            response.close()
        return stream

    server = web.Server(handle, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()
        for each in (port, *below):
            await each.aclose()


def _is_modern(request: web.BaseRequest) -> bool:
    return is_modern(request.headers.get("mcp-protocol-version"))
