"""Calls that are blocked, given up at any point or reach nobody take nothing anywhere."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest

from helio.audit.journal import Journal
from helio.evaluator import parse_message
from helio.governance.identity import SessionIdentity
from helio.governance.store import LocalStore
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.pipeline.machine import CallMachine
from helio.runtime import clock
from helio.runtime.driver import Driver
from oracle.ledger import Ledger
from pipeline.playbook import govern

CALLERS, ROOM = 64, 40
POLICIES = f"""{{ rules: [
  {{ match: {{ input: {{ forbidden: {{ eq: true }} }} }}, action: deny }},
  {{ name: pay, limits: {{ max_calls: {ROOM}, window: 1h, max_spend: {{
     field: amount, limit: 1000, currency: GBP, window: 24h, key: session }} }} }}] }}"""

BUDGETS = """[
  { name: window, limit: 1000, currency: GBP, window: 1h, contributors: [
    { match: { tool: pay }, field: amount } ] },
  { name: pot, limit: 1000, currency: GBP, window: session, contributors: [
    { match: { tool: pay }, amount: 2 } ] } ]"""

Fate = Literal["answered", "unreached", "lost", "broken", "cancelled"]
FATES: tuple[Fate, ...] = ("answered", "unreached", "lost", "broken", "cancelled")


class Broken(Exception):
    """An exchange ended as none should."""


@dataclass
class Fated:
    """An exchange that takes some turns of the loop, and ends as its fate has it.

    `taken`: the upstream got the call, or may have got it.
    """

    fate: Fate
    turns: int
    taken: bool = False
    answered: Any = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        self.taken = True
        self.reached.set()
        for _ in range(self.turns):
            await asyncio.sleep(0)
        match self.fate:
            case "unreached":
                self.taken = False
                return UpstreamFailed("connect_failed", "refused", False, 0)
            case "lost":
                return UpstreamFailed("closed", "reset", True, 0)
            case "broken":
                raise Broken
            case "cancelled":
                raise asyncio.CancelledError
        return UpstreamAnswered(200, b"{}", b"", None, 0)

    async def deliver(self) -> None:
        self.answered = {}

    async def answer(self, body: bytes) -> None:
        self.answered = json.loads(body)


class House:
    """A driver, its journal and its store."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        self.directory = directory
        self.journal = journal
        self.store = LocalStore()
        self.driver = Driver(journal, self.store)
        self.governance = govern(POLICIES, budgets=BUDGETS)
        self.calls = 0

    async def call(self, exchange: Fated, *, forbidden: bool = False) -> None:
        self.calls += 1
        arguments = {"amount": 0.1, "forbidden": forbidden}
        params = {"name": "pay", "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        received = CallReceived(
            message=parse_message(json.dumps(body).encode()),
            call_id=f"c{self.calls}",
            upstream="default",
            session=SessionIdentity("s1", "header", ()),
            agent=None,
            protocol_version="2025-11-25",
        )
        await self.driver.run(CallMachine(self.governance), received, exchange)

    def levels(self) -> dict[str, tuple[Fraction, Fraction]]:
        """What counts and what is reserved, by the beginning of the identity."""
        found = self.store.levels(clock.now().monotonic)
        return {
            ":".join(each.limit.split(":")[:2]): (Fraction(each.current), Fraction(each.reserved))
            for each in found
        }


def taken_by(calls: int) -> dict[str, Fraction]:
    """What so many calls take from each limit and budget."""
    each = {"rate:pay": "1", "spend:pay": "0.1", "budget:window": "0.1", "budget:pot": "2"}
    return {name: calls * Fraction(amount) for name, amount in each.items()}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    journal = Journal.open(tmp_path)
    await journal.start(lambda: {})
    yield House(tmp_path, journal)
    await journal.close()


async def end(task: "asyncio.Task[None]", turns: int | None) -> None:
    """Lets the task go on for so many turns of the loop, cancels it, and waits for its end."""
    if turns is not None:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        assert task.exception() is None or isinstance(task.exception(), Broken)


@pytest.mark.parametrize("seed", range(12))
async def test_what_counts_is_what_the_upstream_may_have_got(house: House, seed: int) -> None:
    chance = random.Random(seed)
    exchanges = [Fated(chance.choice(FATES), chance.randrange(6)) for _ in range(CALLERS)]
    tasks = [
        asyncio.create_task(house.call(each, forbidden=chance.random() < 0.2)) for each in exchanges
    ]
    given_up = [chance.choice([None, chance.randrange(40)]) for _ in tasks]
    await asyncio.gather(*map(end, tasks, given_up))

    taken = sum(each.taken for each in exchanges)
    assert 0 < taken <= ROOM
    assert house.levels() == {name: (whole, Fraction(0)) for name, whole in taken_by(taken).items()}
    # The rest of the room is there for others, to the last place.
    others = [Fated("answered", chance.randrange(6)) for _ in range(CALLERS)]
    await asyncio.gather(*(house.call(each) for each in others))
    assert sum(each.taken for each in others) == ROOM - taken

    await house.journal.close()
    ledger = Ledger()
    ledger.read(house.directory)
    assert sorted(ledger.totals().values()) == sorted(taken_by(ROOM).values())
    assert set(ledger.outcomes.values()) == {1}


@pytest.mark.parametrize("turns", range(0, 30))
async def test_a_call_given_up_at_any_turn_holds_nothing_that_nobody_got(
    house: House, turns: int
) -> None:
    exchange = Fated("answered", 3)
    await end(asyncio.create_task(house.call(exchange)), turns)
    found = {name: level for name, level in house.levels().items() if level != (0, 0)}
    counted = {name: (whole, Fraction(0)) for name, whole in taken_by(1).items()}
    assert found == (counted if exchange.taken else {})


@pytest.mark.parametrize("turns", range(0, 8))
async def test_a_call_given_up_once_it_was_sent_keeps_its_charge(house: House, turns: int) -> None:
    exchange = Fated("answered", 5)
    task = asyncio.create_task(house.call(exchange))
    await exchange.reached.wait()
    await end(task, turns)
    counted = {name: (whole, Fraction(0)) for name, whole in taken_by(1).items()}
    assert house.levels() == counted
