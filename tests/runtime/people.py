"""Calls that need a person, through the real machine, driver, broker and journal, in this process.

Nothing listens anywhere: an agent is an `Exchange` that a test has leave or give up.
"""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from helio.approvals.broker import Broker
from helio.approvals.channels.dashboard import DashboardChannel
from helio.approvals.settings import ApprovalSettings
from helio.audit import recovery
from helio.audit.journal import Journal
from helio.evaluator import tool_call
from helio.governance.identity import SessionIdentity
from helio.governance.store import LocalStore
from helio.governance.ticket import Ticket
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.transport.holding import Holding
from pipeline.playbook import TRIED, govern

PATIENCE = 10.0
RULE = "{ name: people, match: { tool: pay }, action: require_approval }"
POLICIES = f"{{ rules: [{RULE}] }}"
RESULT = b'{"jsonrpc":"2.0","id":0,"result":{"content":[]}}'


@dataclass(eq=False)
class Sent:
    """One call under way, its agent, and what both saw. `ticket` is the last one it waited for."""

    received: CallReceived
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    ticket: Ticket | None = None
    forwards: int = 0
    answers: list[Any] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    _holding: Holding | None = None

    @property
    def ticket_id(self) -> str:
        """Of the ticket that it waited for, or was told of."""
        return str(self.answers[0]["ticket_id"]) if self.ticket is None else self.ticket.id

    # what a transport is to the driver

    async def hold(
        self, ticket: Ticket, resolved: asyncio.Future[Ticket]
    ) -> Literal["resolved", "gone", "cancelled"]:
        self.ticket, self._holding = ticket, Holding(resolved)
        self.asked.set()
        return await self._holding.end()

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        self.forwards += 1
        return UpstreamAnswered(200, RESULT, b"", None, 0)

    async def deliver(self) -> None:
        self.answers.append(None)

    async def answer(self, body: bytes) -> None:
        told = json.loads(body)["result"]["_meta"]
        self.answers.append(told.get("helio/blocked", {"reason": "dry_run"}))

    # what its agent and a test do

    def leave(self) -> None:
        """The agent's connection is lost."""
        if self._holding is not None:
            self._holding.part("disconnected")

    def give_up(self) -> None:
        """The agent sends `notifications/cancelled`."""
        if self._holding is not None:
            self._holding.part("cancelled")

    async def came_out(self) -> str:
        """`passed`, or why it did not."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE):
            await self.task
        (answer,) = self.answers
        return "passed" if answer is None else str(answer["reason"])


class Helio:
    """One Helio without ports. `governance` may be replaced, as a reload does."""

    def __init__(
        self, directory: Path, policies: str = POLICIES, *, tools: Any = None, **settings: Any
    ) -> None:
        self.directory = directory
        self.governance = govern(policies, tools)
        self.sent: list[Sent] = []
        self._settings = ApprovalSettings(**settings)

    async def start(self) -> "Helio":
        """Serves."""
        self.journal = Journal.open(self.directory, durability="relaxed")
        await self.journal.start(lambda: {})
        self.store = LocalStore()
        self.broker = Broker(
            self.journal,
            {"dashboard": DashboardChannel()},
            self._settings,
            now=clock.now,
            new_id=clock.new_call_id,
        )
        self.broker.start()
        self.driver = Driver(self.journal, self.store, broker=self.broker)
        return self

    def reload(self, policies: str) -> None:
        """Takes another policy."""
        policy = govern(policies).policy
        self.governance = Governance(policy=policy, catalogue=self.governance.catalogue)

    def send(
        self,
        tool: str = "pay",
        arguments: str = "{}",
        *,
        session: str | None = "s1",
        agent: str | None = None,
        upstream: str = "default",
    ) -> Sent:
        """A call, on its way."""
        source: Any = None if session is None else "header"
        received = CallReceived(
            message=tool_call(tool, arguments.encode()),
            call_id=f"c{len(self.sent)}",
            upstream=upstream,
            session=SessionIdentity(session, source, TRIED),
            agent=agent,
            protocol_version="2025-11-25",
        )
        call = Sent(received)
        self.sent.append(call)
        call.task = asyncio.ensure_future(
            self.driver.run(CallMachine(self.governance), received, call)
        )
        return call

    async def waiting(self, call: Sent) -> Ticket:
        """The ticket that a held call waits for, or waited for at all."""
        asking = asyncio.ensure_future(call.asked.wait())
        assert call.task is not None
        await asyncio.wait(
            {asking, call.task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        asking.cancel()
        return self.broker.get(call.ticket_id)

    async def over(self) -> None:
        """Waits until no ticket waits for anybody."""
        async with asyncio.timeout(PATIENCE):
            while self.broker.tickets("pending"):  # noqa: ASYNC110 - a broker has no event for it
                await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """Ends it."""
        await self.broker.aclose()
        await self.journal.close()

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The data of the journal's records of a kind."""
        return [
            json.loads(line.data) for line in recovery.read(self.directory) if line.kind == kind
        ]
