"""An office whose people are in Slack: the stand-in, a channel, a broker, a door for clicks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.tickets import broker, request
from helio.app.reaching import SLACK_PATH
from helio.approvals.broker import Broker
from helio.approvals.channels.attempts import Attempts
from helio.approvals.channels.slack import SlackChannel
from helio.approvals.channels.slack_actions import SlackActions
from helio.audit.journal import Journal
from helio.governance.ticket import Ticket
from helio.protocol.guards import host_rules, origin_rules
from helio.transport.admission import Guards
from helio.transport.door import HttpDoor
from helio.transport.slack_actions import slack_handler
from slack import Member, Slack

ALICE, MALLORY = Member("U0ALICE", "alice"), Member("U0MALLORY", "mallory")


class Pauses:
    """Lets no time pass, and writes down how much would have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def channel_of(slack: Slack, name: str = "people", **options: Any) -> SlackChannel:
    options = {"attempts": Attempts(Pauses()), "channel": "#approvals", **options}
    return SlackChannel(
        name,
        **{
            "bot_token": slack.bot_token,
            "signing_secret": slack.signing_secret,
            "api_url": slack.api_url,
            **options,
        },
    )


@dataclass
class Office:
    """A broker whose people are in Slack."""

    slack: Slack
    channel: SlackChannel
    tickets: Broker

    async def ask(self, **changes: Any) -> Ticket:
        """A ticket that was posted."""
        before = len(self.slack.messages)
        ticket = await self.tickets.ask(request(channels=("people",), **changes))
        await self.slack.until(lambda: len(self.slack.messages) > before)
        async with asyncio.timeout(5):
            while "people" not in self.tickets.get(ticket.id).receipts:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return ticket

    async def told(self, text: str) -> None:
        """Waits until the last message begins so."""
        await self.slack.until(lambda: self.slack.messages[-1].text.startswith(text))


@asynccontextmanager
async def serving(desk: Any, *channels: SlackChannel) -> AsyncIterator[str]:
    """The agents' door with Slack's path alone; its URL, and nothing recorded of strangers."""

    async def record(reason: str, *_: object) -> None:
        raise AssertionError(f"recorded: {reason}")

    guards = Guards(
        host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[]), 1024, [SLACK_PATH]
    )
    door = HttpDoor(guards, record, record_strangers=False)
    door.serve({SLACK_PATH: slack_handler(SlackActions(channels, desk), guards)})
    runner = web.ServerRunner(door.server())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}{SLACK_PATH}"
    await runner.cleanup()


@asynccontextmanager
async def office_of(
    slack: Slack, journal: Journal, *others: SlackChannel, **options: Any
) -> AsyncIterator[Office]:
    channel = channel_of(slack, **options)
    tickets = broker(journal, channel, *others)
    async with serving(tickets, channel, *others) as url:
        slack.request_url = url
        yield Office(slack, channel, tickets)
    await tickets.aclose()
