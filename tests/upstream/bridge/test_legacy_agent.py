"""Clients of the legacy revisions at servers of 2026-07-28."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helio.upstream.bridge.legacy_agent import LegacyAgents
from upstream.bridge.agent import LEGACY, Agent, connected, contents, conversations, play
from upstream.bridge.everything import Everything, OnlyModern, http, in_front_of, serving

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@asynccontextmanager
async def bridge(url: str, **options: Any) -> AsyncIterator[str]:
    """The bridge in front of a server that is made to speak 2026-07-28 only."""
    upstream = OnlyModern(http(url))
    async with in_front_of(LegacyAgents(upstream, **options), upstream) as bridged:
        yield bridged


@pytest.mark.parametrize("scenario", [contents, conversations])
async def test_a_client_sees_what_it_sees_at_a_legacy_server(scenario: Any) -> None:
    async with serving(Everything()) as url, bridge(url) as bridged:
        direct = await play(url, LEGACY, scenario)
        through = await play(bridged, LEGACY, scenario)
        assert through.transcript == direct.transcript


async def test_logs_come_at_the_level_that_the_session_set() -> None:
    async def logging(agent: Agent) -> None:
        await agent.client.set_logging_level("warning")
        await agent.call("log")

    async with serving(Everything()) as url, bridge(url) as bridged:
        agent = await play(bridged, LEGACY, logging)
        assert agent.logs == [("warning", "large")]


async def test_a_cancelled_call_is_cancelled_at_the_upstream() -> None:
    everything = Everything()
    async with (
        serving(everything) as url,
        bridge(url) as bridged,
        connected(bridged, LEGACY) as agent,
    ):
        calling = asyncio.create_task(agent.call("slow", {"name": "first"}))
        async with asyncio.timeout(10):
            await everything.begun.wait()
            calling.cancel()
            await everything.news.wait()
        assert everything.cancelled == ["first"]
        assert (await agent.call("echo", {"text": "on"})).content[0].text == "on"


async def test_a_client_hears_what_changes() -> None:
    async with (
        serving(Everything()) as url,
        bridge(url) as bridged,
        connected(bridged, LEGACY) as agent,
        asyncio.timeout(20),
    ):
        await agent.client.subscribe_resource("text://greeting")
        while "notifications/resources/updated" not in agent.notifications:
            # The stream that brings it is opened in the client's own time.
            await agent.call("change")
            await asyncio.sleep(0.02)
        await agent.hears("notifications/tools/list_changed")
        await agent.client.unsubscribe_resource("text://greeting")
