"""What agents are shown of an upstream's tools: `policies.hide_denied` and the time to live."""

import asyncio

import pytest
from mcp import Client

from conftest import HelioFactory
from end_to_end.agent import PATIENCE

pytestmark = pytest.mark.end_to_end

POLICIES = """
policies:
  hide_denied: %s
  rules:
    - { name: drafts, match: { tool: delete_order, input: { $.draft: { eq: true } } },
        action: allow }
    - { name: big, match: { tool: create_payment, input: { $.amount: { gt: 10 } } }, action: deny }
    - { name: gone, match: { annotations: { destructiveHint: true } }, action: deny }
    - { name: mail, match: { tool: '*_mail' }, action: deny, shadow: true }
    - { name: lists, match: { tool: 'list_*' }, action: deny }
"""


async def names(url: str) -> list[str]:
    async with asyncio.timeout(PATIENCE), Client(url) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


async def test_denied_tools_are_not_shown(helio: HelioFactory, demo_upstream: str) -> None:
    offered = await names(demo_upstream)
    hiding = helio(POLICIES % "true", upstream=demo_upstream)
    gone = {"refund_payment", "list_payments"}
    assert gone < set(offered)
    assert await names(hiding.mcp_url) == [name for name in offered if name not in gone]
    text = hiding.config.read_text("utf-8")
    hiding.config.write_text(text.replace("hide_denied: true", "hide_denied: false"), "utf-8")
    async with asyncio.timeout(PATIENCE):
        while await names(hiding.mcp_url) != offered:  # noqa: ASYNC110 - another process reloads
            await asyncio.sleep(0.1)
