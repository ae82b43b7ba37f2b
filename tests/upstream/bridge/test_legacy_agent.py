"""Clients of the legacy revisions at servers of 2026-07-28."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from helio.upstream.bridge.legacy_agent import LegacyAgents
from upstream.bridge.agent import LEGACY, contents, conversations, play
from upstream.bridge.everything import Everything, OnlyModern, http, in_front_of, serving


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
