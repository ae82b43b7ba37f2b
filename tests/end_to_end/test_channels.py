"""People in Slack and programs behind webhooks decide about calls of real agents."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from end_to_end.agent import Agent, connected
from end_to_end.recording import Recorder
from helio.approvals.channels.slack_messages import APPROVE, DENY, REASON
from processes import HelioFactory, HelioProcess
from receiver import Receiver
from slack import Member, Slack

pytestmark = pytest.mark.end_to_end

ALICE = Member("U0ALICE", "alice")
SECRET = "a-secret-that-receivers-know"
PAYMENT = {"amount": 1500, "to": "acme"}


@dataclass
class House:
    """Helio, its upstream, and those whom it asks."""

    helio: HelioFactory
    upstream: Recorder
    slack: Slack
    receiver: Receiver

    def start(self, text: str, *others: Slack) -> HelioProcess:
        """Starts Helio, and tells all Slacks where it is."""
        process = self.helio(text, upstream=self.upstream.url)
        for slack in (self.slack, *others):
            slack.request_url = f"http://127.0.0.1:{process.mcp_port}/slack/actions"
        return process


@pytest.fixture
async def house(helio: HelioFactory, recorder: Recorder) -> AsyncIterator[House]:
    async with Slack() as slack, Receiver() as receiver:
        yield House(helio, recorder, slack, receiver)


def slack_channel(slack: Slack, name: str = "people") -> str:
    return json.dumps(
        {
            "type": "slack",
            "name": name,
            "bot_token": slack.bot_token,
            "signing_secret": slack.signing_secret,
            "channel": "#approvals",
            "approvers": [ALICE.id],
            "api_url": slack.api_url,
        }
    )


def webhook_channel(receiver: Receiver) -> str:
    return json.dumps(
        {"type": "webhook", "name": "programs", "url": receiver.url, "secret": SECRET}
    )


def configuration(*channels: str, approval: str = "", rule: str = "") -> str:
    """Large payments are asked about: `approval` and `rule` are more of these sections."""
    listed = "".join(f"    - {channel}\n" for channel in channels)
    return f"""
policies:
  rules:
    - name: large
      match: {{ tool: create_payment, input: {{ $.amount: {{ gt: 1000 }} }} }}
      action: require_approval
      approval: {{ {rule} }}
approval:
  {approval}
  channels:
{listed}"""


async def pay(agent: Agent) -> str:
    """Calls the tool; how that ended for the agent."""
    await agent.start("create_payment", PAYMENT)
    return agent.calls[-1][1]


def blocked(result: Any) -> dict[str, Any]:
    """What an agent is told of a blocked call."""
    return dict(result.meta["helio/blocked"])


async def until_kept(process: HelioProcess, *texts: str) -> None:
    """Waits until the journal holds these."""
    async with asyncio.timeout(20):
        while True:
            kept = "".join(each.read_text() for each in process.audit_dir.glob("journal-*.jsonl"))
            if all(text in kept for text in texts):
                return
            await asyncio.sleep(0.02)


async def test_a_call_runs_once_somebody_approved_in_slack(house: House) -> None:
    slack = house.slack
    process = house.start(configuration(slack_channel(slack)))
    async with connected(process.mcp_url) as agent:
        paying = asyncio.create_task(pay(agent))
        message = await slack.message()
        assert '"amount": 1500' in message.shown()
        assert house.upstream.calls() == []
        assert await slack.click(ALICE, message, APPROVE) == 200
        assert await paying == "answered"
    await slack.until(lambda: message.text.startswith("Approved"))
    assert message.elements() == []
    assert len(house.upstream.calls()) == 1
    (row,) = await asyncio.to_thread(process.calls)
    assert (row["approval_status"], row["approved_by"]) == ("approved", "slack:U0ALICE (alice)")


async def test_a_denial_tells_the_agent_why(house: House) -> None:
    slack = house.slack
    process = house.start(configuration(slack_channel(slack)))
    async with connected(process.mcp_url) as agent:
        paying = asyncio.create_task(agent.client.call_tool("create_payment", PAYMENT))
        message = await slack.message()
        await slack.click(ALICE, message, DENY)
        await slack.until(lambda: slack.views)
        await slack.submit(ALICE, slack.views[0], **{REASON: "acme was paid yesterday"})
        told = blocked(await paying)
    assert told["reason"] == "approval_denied"
    assert told["denied_by"] == "slack:U0ALICE (alice)"
    assert told["denial_reason"] == "acme was paid yesterday"
    await slack.until(lambda: message.text.startswith("Denied"))
    assert "acme was paid yesterday" in message.shown()
    assert house.upstream.calls() == []


@pytest.mark.parametrize(
    ("default", "outcome", "shown"),
    [
        ("deny", "blocked: approval_timeout", "Nobody answered: denied"),
        ("allow", "answered", "Nobody answered: let through"),
    ],
)
async def test_nobody_answers(house: House, default: str, outcome: str, shown: str) -> None:
    slack, receiver = house.slack, house.receiver
    approval = f"default_on_timeout: {default}\n  timeout: 1s"
    text = configuration(slack_channel(slack), webhook_channel(receiver), approval=approval)
    process = house.start(text)
    async with connected(process.mcp_url) as agent:
        assert await pay(agent) == outcome
    await slack.until(lambda: slack.messages[0].text.startswith(shown))
    await receiver.until(lambda: receiver.events() == ["approval_requested", "approval_resolved"])
    assert receiver.received[1].ticket["status"] == "timeout"


async def test_delegates_are_asked_when_nobody_answers(house: House) -> None:
    slack = house.slack
    async with Slack(bot_token="xoxb-2", signing_secret="the-secret-of-oncall") as oncall:
        text = configuration(
            slack_channel(slack),
            slack_channel(oncall, "oncall"),
            rule="channel: people, escalation_after: 500ms, delegates: [oncall]",
        )
        process = house.start(text, oncall)
        async with connected(process.mcp_url) as agent:
            paying = asyncio.create_task(pay(agent))
            first = await slack.message()
            assert oncall.messages == []
            second = await oncall.message()
            assert second.text == "Still waiting for an answer: create_payment"
            assert await oncall.click(ALICE, second, APPROVE) == 200
            assert await paying == "answered"
        await slack.until(lambda: first.text.startswith("Approved"))
        await oncall.until(lambda: second.text.startswith("Approved"))


async def test_a_channel_that_fails_holds_up_nobody(house: House) -> None:
    """Slack is down and a webhook answers 500: another webhook is told at once, the default
    applies, and each failure is listed."""
    slack, receiver = house.slack, house.receiver
    receiver.always = 500
    async with Receiver() as well:
        text = configuration(
            slack_channel(slack).replace(slack.api_url, "http://127.0.0.1:9/api/"),
            webhook_channel(receiver),
            webhook_channel(well).replace('"programs"', '"others"'),
            approval="timeout: 1500ms",
        )
        process = house.start(text)
        async with connected(process.mcp_url) as agent:
            paying = asyncio.create_task(pay(agent))
            await well.until(lambda: well.events() == ["approval_requested"])
            assert await paying == "blocked: approval_timeout"
            await well.until(lambda: len(well.events()) == 2)
        await receiver.until(lambda: len(receiver.received) == 5)
    await until_kept(process, '"detail":"answered 500, 5 times"', '"detail":"no connection: ')
    log = process.log.read_text()
    assert SECRET not in log
    assert slack.bot_token not in log
    assert await asyncio.to_thread(process.stop) == 0


async def test_a_message_of_before_a_crash_can_be_answered(house: House) -> None:
    slack, receiver = house.slack, house.receiver
    text = configuration(slack_channel(slack), webhook_channel(receiver), approval="mode: return")
    process = house.start(text)
    async with connected(process.mcp_url) as agent:
        assert await pay(agent) == "blocked: approval_pending"
    message = await slack.message()
    await receiver.until(lambda: receiver.events() == ["approval_requested"])
    await until_kept(process, '"people":{"messages"', '"programs":{"requested"')
    process.kill()
    await asyncio.to_thread(process.start)
    assert await slack.click(ALICE, message, APPROVE) == 200
    await slack.until(lambda: message.text.startswith("Approved"))
    await receiver.until(lambda: receiver.events()[-1] == "approval_resolved")
    assert len(slack.messages) == 1
    assert receiver.events().count("approval_requested") == 1
    async with connected(process.mcp_url) as agent:
        assert [await pay(agent), await pay(agent)] == ["answered", "blocked: approval_pending"]
    assert len(house.upstream.calls()) == 1


async def test_helio_stops_while_somebody_thinks(house: House) -> None:
    slack, receiver = house.slack, house.receiver
    process = house.start(configuration(slack_channel(slack), webhook_channel(receiver)))
    async with connected(process.mcp_url) as agent:
        paying = asyncio.create_task(pay(agent))
        message = await slack.message()
        await until_kept(process, '"people":{"messages"', '"programs":{"requested"')
        assert await asyncio.to_thread(process.stop) == 0
        assert await paying == "blocked: shutdown_cancelled"
        await slack.until(lambda: message.text.startswith("Cancelled, because Helio stopped"))
        assert message.elements() == []
        assert receiver.received[-1].ticket["status"] == "shutdown_cancelled"
    assert house.upstream.calls() == []


async def test_what_the_audit_hides_is_hidden_from_channels(house: House) -> None:
    slack, receiver = house.slack, house.receiver
    text = configuration(slack_channel(slack), webhook_channel(receiver))
    process = house.start(f"{text}audit: {{ redact: [{{ path: $.to }}] }}\n")
    async with connected(process.mcp_url) as agent:
        paying = asyncio.create_task(pay(agent))
        message = await slack.message()
        await receiver.until(lambda: receiver.received)
        for told in (message.shown(), receiver.received[0].body.decode()):
            assert "[redacted:" in told
            assert "acme" not in told
        await slack.click(ALICE, message, APPROVE)
        assert await paying == "answered"
    (forwarded,) = house.upstream.calls()
    assert forwarded.message["params"]["arguments"] == PAYMENT


async def test_strangers_at_the_path_of_slack(house: House) -> None:
    slack = house.slack
    process = house.start(configuration(slack_channel(slack)))
    body = Slack.body({"type": "block_actions"})
    forged = Slack(signing_secret="another").signed(body)
    status, answer = await slack.post(body, forged)
    assert (status, json.loads(answer)) == (
        401,
        {"error": "the signature does not count here, or is too old"},
    )
    assert (await slack.post(body, forged | {"content-type": "application/json"}))[0] == 415
    request = urllib.request.Request(slack.request_url, method="GET")
    with pytest.raises(urllib.error.HTTPError, match="405"):
        await asyncio.to_thread(urllib.request.urlopen, request)
    rows = await asyncio.to_thread(process.export)
    assert [row for row in rows if row["policy_decision"] == "rejected"] == []
    assert process.health() is not None


async def test_without_a_slack_channel_there_is_no_such_path(house: House) -> None:
    slack = house.slack
    house.start("")
    body = Slack.body({"type": "block_actions"})
    assert (await slack.post(body, slack.signed(body)))[0] == 404
