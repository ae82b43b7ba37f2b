"""An MCP server on the official library whose tools use everything that the protocol offers.

`python sdk_server.py` serves streamable HTTP with sessions on loopback and prints its URL. With
`--json` it answers with JSON instead of event streams; with `--resumable` its events have ids, and
streams that ended can be asked to go on. With `--sse` it serves HTTP+SSE instead, with `--stdio`
its own stdin and stdout. With `--era legacy` or `--era modern` it knows nothing of the other era.
"""

import argparse
import asyncio
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import (
    CreateMessageResult,
    JSONRPCMessage,
    LoggingLevel,
    SamplingMessage,
    TextContent,
    ToolAnnotations,
)
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
RETRY_MILLISECONDS = 100
MODERN = "2026-07-28"
LEVELS: tuple[LoggingLevel, ...] = ("debug", "info", "notice", "warning", "error")
READS = ToolAnnotations(title="Reads", read_only_hint=True, open_world_hint=False)
DESTROYS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)

AnyContext = Context[Any, Any]


class KeptEvents(EventStore):
    """Keeps all events, to be sent again from any of them on."""

    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keeps an event of a stream; its id. A None is the stream's beginning."""
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        """Sends the messages that came on the same stream after an event; that stream's id."""
        place = int(last_event_id)
        stream = self._events[place - 1][0]
        for number, (owner, message) in enumerate(self._events[place:], place + 1):
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


class OnlyLegacy:
    """An application that knows nothing of 2026-07-28, as servers of its time did not."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = {"code": -32600, "message": "Bad Request: Unsupported protocol version"}
        known = _revision(scope) != MODERN
        await (self._application if known else _refusing(refused))(scope, receive, send)


class OnlyModern:
    """An application that knows nothing else."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._application
        if scope["type"] == "http" and scope["method"] != "POST":
            answer = Response(status_code=405, headers={"allow": "POST"})
        elif scope["type"] == "http" and _revision(scope) != MODERN:
            data = {"supported": [MODERN], "requested": _revision(scope)}
            refused = {"code": -32022, "message": "Unsupported protocol version", "data": data}
            answer = _refusing(refused)
        await answer(scope, receive, send)


def _revision(scope: Scope) -> str:
    return Headers(scope=scope).get("mcp-protocol-version", "") if scope["type"] == "http" else ""


def _refusing(error: dict[str, Any]) -> ASGIApp:
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=400)


ERAS: dict[str, Callable[[ASGIApp], ASGIApp]] = {"legacy": OnlyLegacy, "modern": OnlyModern}


class Sum(BaseModel):
    """The structured result of `add`."""

    total: int
    terms: list[int]


class Size(BaseModel):
    """What `elicit` asks a person for."""

    colour: str
    number: int


def build_server() -> MCPServer[Any]:
    """The server with all its tools, one resource, one template and one prompt."""
    server: MCPServer[Any] = MCPServer(
        "sdk-server", version="1", instructions="Everything at once.", log_level="ERROR"
    )
    _add_answers(server)
    _add_governed(server)
    _add_notifications(server)
    _add_questions(server)
    _add_long_calls(server)
    _add_changes(server)
    _add_contents(server)
    return server


def _add_answers(server: MCPServer[Any]) -> None:
    @server.tool(annotations=READS, structured_output=False)
    def echo(text: str) -> str:
        """Says it again."""
        return text

    @server.tool(annotations=READS)
    def add(a: int, b: int) -> Sum:
        """Adds two numbers."""
        return Sum(total=a + b, terms=[a, b])

    @server.tool(structured_output=False)
    def fail(why: str) -> str:
        """Fails as a tool does."""
        raise ToolError(why)

    @server.tool(structured_output=False)
    def big(mebibytes: int) -> str:
        """A long text in which no part is like another."""
        return "".join(f"{line:015d}\n" for line in range(mebibytes * 1024 * 1024 // 16))


def _add_governed(server: MCPServer[Any]) -> None:
    """Tools that the tests' policies do not let through: plain ones, and with an output schema."""

    def plain(text: str) -> str:
        """Answers with a text."""
        return text

    def structured(text: str) -> Sum:
        """Answers as it was declared."""
        return Sum(total=len(text), terms=[])

    for name in ("denied", "rehearsed"):
        server.add_tool(plain, f"{name}_plain", annotations=DESTROYS, structured_output=False)
        server.add_tool(structured, f"{name}_structured", annotations=DESTROYS)


def _add_notifications(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def progress(steps: int, context: AnyContext) -> str:
        """Reports each step."""
        for step in range(1, steps + 1):
            await context.report_progress(step, steps, f"step {step}")
        return f"{steps} steps"

    @server.tool(structured_output=False)
    async def log(text: str, context: AnyContext) -> str:
        """Logs on every level, on the stream of this call."""
        for level in LEVELS:
            await context.log(level, {"text": text, "level": level}, logger_name="sdk-server")
        return f"{len(LEVELS)} messages"

    @server.tool(structured_output=False)
    async def announce(text: str, context: AnyContext) -> str:
        """Logs once, on the session's own stream."""
        await context.session.send_log_message("info", text)
        return "announced"


def _add_questions(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def sample(prompt: str, standing: bool, context: AnyContext) -> str:
        """Asks the client's model: on the session's stream when `standing`, else on the call's."""
        message = SamplingMessage(role="user", content=TextContent(text=prompt))
        answer = await context.session.create_message(
            [message],
            max_tokens=50,
            system_prompt="Be brief.",
            related_request_id=None if standing else context.request_id,
        )
        assert isinstance(answer, CreateMessageResult)
        assert isinstance(answer.content, TextContent)
        return f"{answer.model} said {answer.content.text!r}"

    @server.tool(structured_output=False)
    async def elicit(context: AnyContext, then_silent: float = 0.0) -> str:
        """Asks the client's person, and is silent for some seconds after the answer."""
        answer = await context.elicit("Which one?", Size)
        await asyncio.sleep(then_silent)
        data = getattr(answer, "data", None)
        return f"{answer.action}: {None if data is None else data.model_dump_json()}"


def _add_long_calls(server: MCPServer[Any]) -> None:
    cancelled: list[str] = []

    @server.tool(structured_output=False)
    async def slow(name: str, context: AnyContext) -> str:
        """Says that it began, and runs until it is cancelled."""
        try:
            await context.report_progress(0, None, "began")
            await context.session.send_log_message("info", "began")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise
        return "never"

    @server.tool(annotations=READS, structured_output=False)
    def cancellations(name: str) -> str:
        """How often `slow` was cancelled under this name."""
        return str(cancelled.count(name))

    @server.tool(structured_output=False)
    async def long(steps: int, pause: float, context: AnyContext) -> str:
        """Takes `steps` times `pause` seconds, with progress at each step."""
        for step in range(1, steps + 1):
            await asyncio.sleep(pause)
            await context.report_progress(step, steps)
        return f"{steps} steps"

    @server.tool(structured_output=False)
    async def poll(steps: int, context: AnyContext) -> str:
        """Ends its stream at each step, where the server keeps events to go on from."""
        for step in range(1, steps + 1):
            await context.report_progress(step, steps)
            await context.close_sse_stream()
            await asyncio.sleep(2 * RETRY_MILLISECONDS / 1000)
        return f"{steps} steps"

    @server.tool(structured_output=False)
    async def silent(seconds: float) -> str:
        """Takes its time without a word."""
        await asyncio.sleep(seconds)
        return "done"


def _add_changes(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def grow(name: str, read_only: bool, context: AnyContext) -> str:
        """Adds a tool, and tells the session."""

        def grown() -> str:
            """Was not there before."""
            return name

        hints = ToolAnnotations(read_only_hint=read_only)
        server.add_tool(grown, name=name, annotations=hints, structured_output=False)
        await context.session.send_tool_list_changed()
        return "grown"

    @server.tool(structured_output=False)
    async def shrink(name: str, context: AnyContext) -> str:
        """Takes a tool away, and tells the session."""
        server.remove_tool(name)
        await context.session.send_tool_list_changed()
        return "shrunk"


def _add_contents(server: MCPServer[Any]) -> None:
    @server.resource("text://greeting", mime_type="text/plain")
    def greeting() -> str:
        """A text."""
        return "Grüß Gott — ça va?"

    @server.resource("bytes://{length}", mime_type="application/octet-stream")
    def some_bytes(length: str) -> bytes:
        """So many bytes."""
        return bytes(range(256))[: int(length)]

    @server.prompt()
    def review(code: str) -> str:
        """Asks for a review."""
        return f"Review this: {code}"


async def serve(*, json_response: bool, resumable: bool, sse: bool, era: str | None) -> None:
    """Serves on a free port of loopback until SIGTERM."""
    # With its protocol named, asyncio sets TCP_NODELAY on what it accepts; else events wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    application: ASGIApp
    if sse:
        application = build_server().sse_app(host=LOOPBACK)
    else:
        application = build_server().streamable_http_app(
            host=LOOPBACK,
            json_response=json_response,
            session_idle_timeout=None,
            event_store=KeptEvents() if resumable else None,
            retry_interval=RETRY_MILLISECONDS,
        )
    if era is not None:
        application = ERAS[era](application)
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)
    )
    path = "sse" if sse else "mcp"
    sys.stdout.write(f"http://{LOOPBACK}:{listener.getsockname()[1]}/{path}\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--resumable", action="store_true")
    parser.add_argument("--sse", action="store_true")
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--era", choices=ERAS)
    options = parser.parse_args()
    # Sampling and logging are what the legacy revisions are about.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        if options.stdio:
            asyncio.run(build_server().run_stdio_async())
        else:
            serving = serve(
                json_response=options.json,
                resumable=options.resumable,
                sse=options.sse,
                era=options.era,
            )
            asyncio.run(serving)


if __name__ == "__main__":
    main()
