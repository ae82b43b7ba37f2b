"""A driver that asks about every call, and a person who answers when a test says so."""

import asyncio

from helio.governance.ticket import State, Ticket
from helio.pipeline.events import CallReceived, UpstreamFailed
from helio.pipeline.machine import CallMachine
from helio.runtime.driver import Exchange

REFUSED = b'{"jsonrpc":"2.0","id":1,"error":{"code":-31001,"message":"no"}}'


class AskingDriver:
    """Holds each call until `decide`, once for each of `rounds`; then forwards it, unless its agent
    left. `endings` are how the waits ended."""

    def __init__(self, rounds: int = 1) -> None:
        self.rounds = rounds
        self.endings: list[str] = []
        self._person: asyncio.Future[Ticket] | None = None
        self.asked = asyncio.Event()
        self.approved = True

    async def run(self, _machine: CallMachine, _call: CallReceived, exchange: Exchange) -> None:
        """As the real one's, without policy and record."""
        for _ in range(self.rounds):
            self._person = asyncio.get_running_loop().create_future()
            self.asked.set()
            self.endings.append(await exchange.hold(ticket(), self._person))
            if self.endings[-1] != "resolved" or not self.approved:
                await exchange.answer(REFUSED)
                return
        outcome = await exchange.forward()
        if isinstance(outcome, UpstreamFailed):
            await exchange.answer(REFUSED)
        else:
            await exchange.deliver()

    async def ask_nobody(self) -> None:
        """Helio stops: nobody is asked any more."""
        if self._person is not None and not self._person.done():
            self.decide(approved=False)

    def decide(self, *, approved: bool = True) -> None:
        """The person answers."""
        assert self._person is not None, "nobody asks"
        self.approved = approved
        self.asked.clear()
        self._person.set_result(ticket())


def ticket() -> Ticket:
    """A ticket about `pay`, until 2026-11-18 11:06:40 UTC."""
    return Ticket(
        id="t-1",
        call_id="c-1",
        kind="rule",
        binding="b",
        upstream="default",
        tool_name="pay",
        tool_input="{}",
        args_hash="h",
        policy_digest="sha256:0",
        environment=None,
        matched_rule="people",
        rule_index=0,
        reasons=(),
        session_id=None,
        agent_id=None,
        mode="hold",
        requested_at=1_794_999_900_000_000_000,
        timeout_at=1_795_000_000_000_000_000,
        default_on_timeout="deny",
        state=State.HELD,
    )
