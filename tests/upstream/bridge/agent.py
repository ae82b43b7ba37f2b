"""The official client with everything that reaches it written down."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.shared.exceptions import MCPError

LEGACY = "legacy"
MODERN = "2026-07-28"


class Agent:
    """A client and its transcript."""

    def __init__(self) -> None:
        self.client: Client
        self.results: list[Any] = []
        self.progress: list[Any] = []
        self.logs: list[Any] = []
        self.asked: list[Any] = []
        self.notifications: list[str] = []
        self.news = asyncio.Event()

    @property
    def transcript(self) -> dict[str, Any]:
        """What must be the same, direct and bridged."""
        return {
            "results": self.results,
            "progress": self.progress,
            "logs": self.logs,
            "asked": self.asked,
        }

    def note(self, result: Any) -> None:
        """Writes a result down, without what says how long it holds."""
        told = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        for name in ("ttlMs", "cacheScope"):
            told.pop(name, None)
        # Servers of 2026-07-28 say in each result who they are.
        told.get("_meta", {}).pop("io.modelcontextprotocol/serverInfo", None)
        if not told.get("_meta"):
            told.pop("_meta", None)
        self.results.append(told)

    async def call(self, tool: str, arguments: dict[str, Any] | None = None) -> Any:
        """Calls a tool and writes the result, or the error, down."""
        try:
            result = await self.client.call_tool(
                tool, arguments or {}, progress_callback=self._progress
            )
        except MCPError as error:
            self.results.append({"error": error.error.code, "message": error.error.message})
            return error
        self.note(result)
        return result

    async def hears(self, notification: str) -> None:
        """Waits for a notification."""
        async with asyncio.timeout(10):
            while notification not in self.notifications:
                self.news.clear()
                await self.news.wait()

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total, message))
        self.news.set()

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logs.append((params.level, params.data))

    async def _sample(self, _: Any, params: types.CreateMessageRequestParams) -> Any:
        self.asked.append(params.model_dump(mode="json", by_alias=True, exclude_none=True))
        content = types.TextContent(type="text", text="hm")
        return types.CreateMessageResult(role="assistant", content=content, model="tiny")

    async def _elicit(self, _: Any, params: types.ElicitRequestParams) -> Any:
        asked = params.model_dump(mode="json", by_alias=True, exclude_none=True)
        # The library describes a schema in one era and not in the other.
        for name in ("title", "description"):
            asked["requestedSchema"].pop(name, None)
        self.asked.append(asked)
        return types.ElicitResult(action="accept", content={"colour": "red", "number": 7})

    async def _roots(self, _: Any) -> Any:
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri="file:///work")])  # type: ignore[arg-type]

    async def _message(self, message: Any) -> None:
        if not isinstance(message, Exception):
            self.notifications.append(str(getattr(message, "method", message)))
            self.news.set()


@asynccontextmanager
async def connected(url: str, mode: str, **options: Any) -> AsyncIterator[Agent]:
    """A client that can do everything, connected in a mode."""
    agent = Agent()
    client = Client(
        url,
        mode=mode,
        read_timeout_seconds=20,
        sampling_callback=agent._sample,
        elicitation_callback=agent._elicit,
        list_roots_callback=agent._roots,
        logging_callback=agent._log,
        message_handler=agent._message,
        **options,
    )
    async with client:
        agent.client = client
        yield agent


async def play(
    url: str, mode: str, scenario: Callable[[Agent], Awaitable[None]], **options: Any
) -> Agent:
    """One scenario, from connecting to leaving."""
    async with asyncio.timeout(30), connected(url, mode, **options) as agent:
        await scenario(agent)
    return agent


async def contents(agent: Agent) -> None:
    """What a server answers without asking."""
    client = agent.client
    for listed in (client.list_tools, client.list_resources, client.list_prompts):
        agent.note(await listed())
    agent.note(await client.list_resource_templates())
    agent.note(await client.read_resource("text://greeting"))
    agent.note(await client.get_prompt("review", {"code": "x = 'ü'"}))
    prompt = types.PromptReference(type="ref/prompt", name="review")
    agent.note(await client.complete(prompt, {"name": "code", "value": "a"}))
    await agent.call("echo", {"text": "ü \U0001f600 \\u0000 </s>"})
    await agent.call("fail")
    await agent.call("unheard of")


async def conversations(agent: Agent) -> None:
    """What comes before an answer: progress, and questions of the server."""
    await agent.call("progress", {"steps": 3})
    for question in ("decide", "think", "look", "both"):
        await agent.call(question)
