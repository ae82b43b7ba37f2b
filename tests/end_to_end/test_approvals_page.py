"""docs/approvals.md leads from nothing to a call that somebody approves in Slack."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from end_to_end.agent import connected
from end_to_end.recording import Recorder
from end_to_end.wire import request
from helio.approvals.channels.slack_messages import APPROVE
from helio.protocol.media import FORM
from processes import HelioFactory
from slack import Member, Slack

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs/approvals.md").read_text("utf-8")


def shown_configuration(slack: Slack) -> tuple[dict[str, Any], Member]:
    """The page's whole configuration, with the stand-in for Slack, and who may approve by it."""
    blocks = re.findall(r"^```yaml\n(version:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = (yaml.safe_load(each) for each in blocks if "type: slack" in each)
    (channel,) = found["approval"]["channels"]
    channel["api_url"] = slack.api_url
    found["upstream"]["url"] = "${HELIO_TEST_UPSTREAM}"
    found["listen"]["port"] = "${HELIO_TEST_PORT}"
    return found, Member(channel["approvers"][0], "alice")


async def test_from_nothing_to_an_approval(helio: HelioFactory, recorder: Recorder) -> None:
    async with Slack() as slack:
        configuration, alice = shown_configuration(slack)
        secrets = {
            "HELIO_SLACK_TOKEN": slack.bot_token,
            "HELIO_SLACK_SIGNING_SECRET": slack.signing_secret,
        }
        text = yaml.safe_dump(configuration, sort_keys=False)
        process = helio(text, upstream=recorder.url, environment=secrets)
        url = f"http://127.0.0.1:{process.mcp_port}/slack/actions"
        slack.request_url = url
        # The request of step 7, and two rows of the table behind it.
        headers = {"content-type": FORM, "host": "helio.example"}
        unsigned = await asyncio.to_thread(request, url, b"payload=", headers=headers)
        assert f"HTTP/1.1 {unsigned.status} Unauthorized\n{unsigned.body.decode()}\n" in PAGE
        foreign = await asyncio.to_thread(
            request, url, b"payload=", headers=headers | {"host": "another.example"}
        )
        changed = await asyncio.to_thread(
            request, url, b"payload=", headers=headers | {"content-type": "application/json"}
        )
        assert (foreign.status, changed.status) == (403, 415)
        assert all(f"\n| {status} |" in PAGE for status in (403, 404, 415))
        async with connected(process.mcp_url) as agent:
            calling = asyncio.create_task(
                agent.client.call_tool("create_payment", {"amount": 1500})
            )
            message = await slack.message()
            for told in ("create_payment", "1500", "Agent", "large-payments", "Until"):
                assert told in message.shown()
            assert await slack.click(alice, message, APPROVE) == 200
            assert not (await calling).is_error
        await slack.until(lambda: message.text.startswith("Approved"))
    *_, row = await asyncio.to_thread(process.calls)
    assert row["approved_by"] == f"slack:{alice.id} (alice)"
    assert "slack:U012AB3CD (name)" in PAGE
