"""The official client before an aggregate of servers of either era, against a server alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helio.evaluator import parse_message
from helio.protocol import modern
from helio.protocol.headers import Header
from helio.upstream.aggregate import Aggregate, by_name
from helio.upstream.eras import Eras
from helio.upstream.port import Port, Response
from upstream.aggregate.several import member
from upstream.bridge.agent import LEGACY, MODERN, Agent, connected, conversations, play
from upstream.bridge.everything import (
    Everything,
    OnlyLegacy,
    OnlyModern,
    http,
    in_front_of,
    serving,
)

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


class Calls:
    """A port before an aggregate that takes calls to their lines, as the reception does."""

    def __init__(self, aggregate: Aggregate, lines: dict[str, Port]) -> None:
        self._aggregate = aggregate
        self._lines = lines

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - the port's own
    ) -> Response:
        message = parse_message(bytes(body)) if method == "POST" and body else None
        if message is None or message.method != "tools/call":
            return await self._aggregate.send(method, headers, body, timeout=timeout)
        found = by_name(message, self._aggregate.names, "params", "name")
        assert found is not None
        line = self._lines[found.upstream]
        own = modern.renamed(headers, found.message)
        return await line.send(method, own, found.message.body, timeout=timeout)

    async def aclose(self) -> None:
        await self._aggregate.aclose()


@asynccontextmanager
async def aggregate(url: str) -> AsyncIterator[str]:
    """One server twice, once as if it knew only the older revisions, once only the newer one."""
    ports = {"old": Eras(OnlyLegacy(http(url))), "new": Eras(OnlyModern(http(url)))}
    members = [member(name, port, 10.0) for name, port in ports.items()]
    made = Aggregate(members)
    lines = {each.name: made.line(each) for each in members}
    async with in_front_of(Calls(made, lines), *ports.values()) as served:
        yield served


def at(upstream: str) -> Any:
    """`conversations` with the tools of one upstream."""

    async def scenario(agent: Agent) -> None:
        call = agent.call

        async def prefixed(tool: str, arguments: dict[str, Any] | None = None) -> Any:
            return await call(f"{upstream}__{tool}", arguments)

        agent.call = prefixed  # type: ignore[method-assign]
        await conversations(agent)

    return scenario


@pytest.mark.parametrize("mode", [LEGACY, MODERN])
@pytest.mark.parametrize("upstream", ["old", "new"])
async def test_progress_and_questions_pass_between_all_eras(mode: str, upstream: str) -> None:
    async with serving(Everything()) as url, aggregate(url) as served:
        direct = await play(url, mode, conversations)
        through = await play(served, mode, at(upstream))
        assert through.transcript == direct.transcript


@pytest.mark.parametrize("mode", [LEGACY, MODERN])
async def test_lists_hold_both(mode: str) -> None:
    async with (
        serving(Everything()) as url,
        aggregate(url) as served,
        connected(served, mode) as agent,
    ):
        tools = {tool.name for tool in (await agent.client.list_tools()).tools}
        assert {"old__decide", "new__decide"} <= tools
        for uri in ("helio://old/text://greeting", "helio://new/text://greeting"):
            read = await agent.client.read_resource(uri)
            assert str(read.contents[0].uri) == uri
        assert "Grüß Gott" in str(await agent.client.read_resource("text://greeting"))


async def test_a_client_hears_what_changes() -> None:
    async with (
        serving(Everything()) as url,
        aggregate(url) as served,
        connected(served, LEGACY) as agent,
    ):
        await agent.client.subscribe_resource("helio://old/text://greeting")
        await agent.call("old__change")
        await agent.hears("notifications/resources/updated")
        await agent.hears("notifications/tools/list_changed")
