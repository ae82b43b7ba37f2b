"""Clients of 2026-07-28 at servers of earlier revisions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helio.upstream.bridge.modern_agent import ModernAgents
from upstream.bridge.agent import MODERN, Agent, connected, contents, conversations, play
from upstream.bridge.everything import Everything, OnlyLegacy, http, in_front_of, serving


@asynccontextmanager
async def bridge(url: str, **options: Any) -> AsyncIterator[str]:
    """The bridge in front of a server that is made to speak the legacy revisions only."""
    upstream = OnlyLegacy(http(url))
    async with in_front_of(ModernAgents(upstream, **options), upstream) as bridged:
        yield bridged


@pytest.mark.parametrize(
    ("json_response", "scenario"),
    [(False, contents), (True, contents), (False, conversations)],
)
async def test_a_client_sees_what_it_sees_at_a_modern_server(
    json_response: bool, scenario: Any
) -> None:
    async with serving(Everything(), json_response=json_response) as url, bridge(url) as bridged:
        direct = await play(url, MODERN, scenario)
        through = await play(bridged, MODERN, scenario)
        assert through.transcript == direct.transcript


async def test_logs_come_at_the_level_that_a_request_asks_for() -> None:
    async with serving(Everything()) as url, bridge(url) as bridged:

        async def logging(agent: Agent) -> None:
            await agent.call("log")

        for level in (None, "debug", "warning", "error"):
            direct = await play(url, MODERN, logging, log_level=level)
            through = await play(bridged, MODERN, logging, log_level=level)
            assert through.transcript == direct.transcript


async def test_a_client_that_leaves_cancels_its_call() -> None:
    everything = Everything()
    async with (
        serving(everything) as url,
        bridge(url) as bridged,
        connected(bridged, MODERN) as agent,
    ):
        calling = asyncio.create_task(agent.call("slow", {"name": "first"}))
        async with asyncio.timeout(10):
            await everything.begun.wait()
            calling.cancel()
            await everything.news.wait()
        assert everything.cancelled == ["first"]


async def test_a_client_hears_what_it_subscribed_to() -> None:
    everything = Everything()
    async with (
        serving(everything) as url,
        bridge(url) as bridged,
        connected(bridged, MODERN) as agent,
        asyncio.timeout(10),
    ):
        uris = ["text://greeting"]
        async with agent.client.listen(
            tools_list_changed=True, resource_subscriptions=uris
        ) as subscription:
            assert everything.subscribed == ["+text://greeting"]
            await agent.call("change")
            heard = [await anext(subscription), await anext(subscription)]
            assert {type(event).__name__ for event in heard} == {
                "ResourceUpdated",
                "ToolsListChanged",
            }
        await everything.news.wait()
        assert everything.subscribed == ["+text://greeting", "-text://greeting"]
