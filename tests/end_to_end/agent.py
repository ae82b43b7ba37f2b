"""The official client, with everything that reaches it written down.

One scenario runs against an upstream and against Helio in front of it; the two transcripts must be
equal. Values that are new in each run (session ids, dates) are not written down.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext, IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    REQUEST_TIMEOUT,
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    LoggingMessageNotificationParams,
    ServerNotification,
    TextContent,
)
from pydantic import BaseModel

PATIENCE = 20.0
"""Seconds until something that should have reached the client is missed."""

BLOCKED = -31001
UPSTREAM_FAILED = -31002
REQUEST_CANCELLED = -32800
"""What servers on the official library answer a cancelled call with."""

Scenario = Callable[["Agent"], Awaitable[None]]


@dataclass
class Agent:
    """A connected client and what it saw.

    `calls` are the tools it called, each with how that ended for the client; `session_id` is the
    one that the server gave it. The transcript keeps one list for each kind of thing, because the
    client itself handles what arrives at the same time in any order.
    """

    client: Client = field(init=False)
    session_id: str | None = None
    thinking: float = 0.0
    calls: list[tuple[str, str]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    progress: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    http: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def transcript(self) -> dict[str, Any]:
        """What must be the same, direct and through Helio."""
        return {
            "results": self.results,
            "progress": self.progress,
            "logs": self.logs,
            "notifications": self.notifications,
            "asked": self.asked,
            "http": dict(self.http),
        }

    def note(self, result: BaseModel | object) -> None:
        """Writes a result down."""
        self.results.append(dump(result))

    async def call(
        self, tool: str, arguments: dict[str, Any] | None = None, **keywords: Any
    ) -> CallToolResult:
        """Calls a tool, and writes the call and its result down."""
        result = await self.start(tool, arguments, **keywords)
        self.note(result)
        return result

    async def start(
        self, tool: str, arguments: dict[str, Any] | None = None, **keywords: Any
    ) -> CallToolResult:
        """Calls a tool, and writes the call down, with what the client was told, but no result."""
        outcome = "given up"
        try:
            result = await self.client.call_tool(tool, arguments, **keywords)
            outcome = _told(result)
        except MCPError as error:
            outcome = _raised(error)
            raise
        finally:
            self.calls.append((tool, outcome))
        return result

    async def refused(self, request: Awaitable[object]) -> MCPError:
        """The error that a request must end with, written down."""
        with pytest.raises(MCPError) as raised:
            await request
        self.note(raised.value.error)
        return raised.value

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something to reach the client."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        """For `progress_callback`."""
        self.progress.append((progress, total, message))
        self._news.set()

    async def on_log(self, message: LoggingMessageNotificationParams) -> None:
        """For `logging_callback`."""
        self.logs.append(dump(message))
        self._news.set()

    async def on_message(self, message: IncomingMessage) -> None:
        """For `message_handler`: notifications, by their method."""
        if isinstance(message, ServerNotification):
            self.notifications.append(message.method)
        elif isinstance(message, Exception):
            raise message
        self._news.set()

    async def on_sampling(
        self, _context: ClientRequestContext, asked: CreateMessageRequestParams
    ) -> CreateMessageResult:
        """A model that answers with the length of what it was asked."""
        self.asked.append(dump(asked))
        (message,) = asked.messages
        assert isinstance(message.content, TextContent)
        return CreateMessageResult(
            role="assistant",
            model="a-model",
            content=TextContent(text=f"{len(message.content.text)} characters"),
            stop_reason="endTurn",
        )

    async def on_elicitation(
        self, _context: ClientRequestContext, asked: ElicitRequestParams
    ) -> ElicitResult:
        """A person who likes green, and 7, after `thinking` seconds."""
        self.asked.append(dump(asked))
        await asyncio.sleep(self.thinking)
        return ElicitResult(action="accept", content={"colour": "green", "number": 7, "name": "N"})

    async def on_response(self, response: httpx2.Response) -> None:
        """Every HTTP answer."""
        media_type = response.headers.get("content-type", "").partition(";")[0]
        self.http[response.request.method, response.status_code, media_type] += 1
        self.session_id = response.headers.get("mcp-session-id", self.session_id)
        self._news.set()


def _told(result: CallToolResult) -> str:
    meta = result.meta or {}
    if "helio/blocked" in meta:
        return f"blocked: {meta['helio/blocked']['reason']}"
    if "helio/dry_run" in meta:
        return "dry run"
    return "tool error" if result.is_error else "answered"


def _raised(error: MCPError) -> str:
    data = error.error.data
    if error.code == REQUEST_TIMEOUT:
        return "given up"
    if error.code == BLOCKED:
        return f"blocked: {data['reason']}"
    if error.code == UPSTREAM_FAILED:
        return str(data["reason"])
    return f"error {error.code}"


def outcome_of(row: dict[str, Any]) -> tuple[str, str]:
    """What an audit row says of a call, in the words of `Agent.calls`."""
    tool, error = row["tool_name"], row["upstream_error"] or ""
    reason, _, _ = error.partition(":")
    if row["policy_decision"] == "dry_run":
        return tool, "dry run"
    if row["policy_decision"] != "allow":
        return tool, f"blocked: {row['block_reason']}"
    if not error:
        return tool, "answered"
    if error == "the tool reported an error":
        return tool, "tool error"
    if reason in ("cancelled", str(REQUEST_CANCELLED)):
        return tool, "given up"
    return tool, f"error {reason}" if reason.startswith("-") else f"upstream_{reason}"


def dump(value: object) -> Any:
    """A model as JSON values, fields that were not set left out."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value


@asynccontextmanager
async def connected(
    url: str, *, mode: str = "legacy", read_timeout: float | None = None, **options: Any
) -> AsyncIterator[Agent]:
    """A client of the MCP server at `url`; its session is ended with a DELETE."""
    agent = Agent()
    http_client = create_mcp_http_client()
    http_client.event_hooks = {"response": [agent.on_response]}
    async with http_client:
        transport = streamable_http_client(url, http_client=http_client, max_sse_event_size=None)
        async with _client(agent, transport, mode, read_timeout, **options):
            yield agent


def _client(
    agent: Agent, transport: Any, mode: str, read_timeout: float | None, **options: Any
) -> Client:
    agent.client = Client(
        transport,
        mode=mode,
        read_timeout_seconds=read_timeout,
        sampling_callback=agent.on_sampling,
        elicitation_callback=agent.on_elicitation,
        logging_callback=agent.on_log,
        message_handler=agent.on_message,
        **options,
    )
    return agent.client


async def play(scenario: Scenario, url: str, **options: Any) -> Agent:
    """Plays a scenario with a client of its own; the agent with all that it saw, closing
    included. The client opens its session's own stream on the side: the scenario begins when that
    stands, because a message that comes before is lost.
    """
    async with asyncio.timeout(60), connected(url, **options) as agent:
        if agent.client.protocol_version != "2026-07-28":
            await agent.until(lambda: any(method == "GET" for method, _, _ in agent.http))
        await scenario(agent)
    return agent


async def play_over(transport: Any, scenario: Scenario, *, mode: str = "legacy") -> Agent:
    """Plays a scenario over another transport of the official library."""
    agent = Agent()
    # What tells scenarios that the server can ask questions during a call.
    agent.http["POST", 200, "text/event-stream"] += 1
    async with asyncio.timeout(60), _client(agent, transport, mode, None):
        await scenario(agent)
    return agent
