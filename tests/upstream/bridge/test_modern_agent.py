"""Clients of 2026-07-28 at servers of earlier revisions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helio.upstream.bridge.modern_agent import ModernAgents
from upstream.bridge.agent import MODERN, contents, conversations, play
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
