"""SIGKILL at random points, again and again: what counts afterwards is what the journal charged.

The journal is read as plain JSON by an oracle; Helio is asked through the operator port.
"""

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from conftest import HelioFactory
from end_to_end.burst import Call, Crowd, outcome
from end_to_end.recording import Recorder
from oracle.ledger import Ledger
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

KILLS = 200 if os.environ.get("HELIO_PROOF") == "1" else 4
CALLERS = 12
SESSIONS = ("s0", "s1", "s2")

TEXT = """
policies:
  rules:
    - { name: gone, match: { tool: delete_order }, action: deny }
    - { name: chain, match: { tool: ship }, requires: [create_payment] }
    - { name: payments, match: { tool: create_payment }, action: spend_limit,
        limits: { max_calls: 100000000, window: 24h, key: session,
                  max_spend: { field: amount, limit: 100000000, currency: GBP, window: 24h,
                               key: [session, tool] } } }
budgets:
  - { name: everything, limit: 100000000, currency: GBP, window: 24h, contributors: [
      { match: { tool: create_payment }, field: amount },
      { match: { tool: read_mail }, amount: 0.05 } ] }
  - { name: pots, limit: 100000000, currency: GBP, window: session, contributors: [
      { match: { tool: create_payment }, field: amount } ] }
"""


@dataclass
class Load:
    """Callers that call until Helio is gone. `acknowledged` are the marks of calls that passed."""

    process: HelioProcess
    chance: random.Random
    acknowledged: set[str] = field(default_factory=set)
    sent: int = 0

    async def run(self, seconds: float) -> None:
        """Loads for that long, kills, and waits for the callers."""
        async with Crowd(CALLERS) as crowd:
            callers = [asyncio.create_task(self._call(crowd)) for _ in range(CALLERS)]
            await asyncio.sleep(seconds)  # the random point
            self.process.kill()
            await asyncio.gather(*callers)

    async def _call(self, crowd: Crowd) -> None:
        while True:
            self.sent += 1
            mark = f"m{self.sent}"
            tool = self.chance.choice(["create_payment", "create_payment", "read_mail", "gone"])
            amount = self.chance.randrange(1, 500) / 100
            arguments = {"amount": amount, "mark": mark}
            call = Call(tool, arguments, self.chance.choice(SESSIONS))
            try:
                (reply,) = await crowd.send(self.process.mcp_url, [call])
            except (aiohttp.ClientError, ConnectionError):
                return  # cut off: nothing was acknowledged
            if outcome(reply.message) == "passed":
                self.acknowledged.add(mark)


def counted(process: HelioProcess) -> dict[tuple[str, str], Fraction]:
    """What Helio says that counts, by limit or budget and key."""
    limits, budgets = process.ask("/api/limits"), process.ask("/api/budgets")
    shown: list[tuple[str, str, list[Any]]] = [
        *((f"rate:{each['rule']}", "current", each["buckets"]) for each in limits["rate_limits"]),
        *((f"spend:{each['rule']}", "current", each["buckets"]) for each in limits["spend_limits"]),
        *((f"budget:{each['name']}", "spent", each["buckets"]) for each in budgets["budgets"]),
    ]
    assert all(bucket["reserved"] == 0 for _, _, buckets in shown for bucket in buckets)
    return {
        (name, bucket["key"]): Fraction(bucket[used])
        for name, used, buckets in shown
        for bucket in buckets
    }


def expected(ledger: Ledger) -> dict[tuple[str, str], Fraction]:
    """What the journal says that counts, under the same names."""
    return {
        (":".join(limit.split(":")[:2]), key): total
        for (limit, key), total in ledger.totals().items()
        if total
    }


def marks(ledger: Ledger) -> Counter[str]:
    return Counter(json.loads(intent["tool_input"])["mark"] for intent in ledger.charged)


def forwarded(process: HelioProcess) -> dict[str, int]:
    """How many calls of each session are known to have been made."""
    found = {name: process.ask(f"/api/evidence/{name}") for name in SESSIONS}
    return {name: each["data"]["counters"]["forwarded"] for name, each in found.items()}


async def test_no_charge_is_lost_or_doubled_by_kills_at_random_points(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = sometimes_an_error
    process = helio(TEXT, upstream=recorder.url)
    chance = random.Random(20)
    load = Load(process, chance)
    ledger = Ledger()
    for number in range(KILLS):
        await load.run(chance.uniform(0.0, 0.5))
        ledger.read(process.audit_dir)
        if number % 4 == 3:
            # A start that does not get far, either.
            process.start(until_healthy=False)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            process.kill()
            ledger.read(process.audit_dir)
        process.start()
        assert counted(process) == expected(ledger), f"after kill {number + 1}"

    arrived = Counter(
        json.loads(body)["params"]["arguments"]["mark"] for body in recorder.arrived()
    )
    charged = marks(ledger)
    assert set(arrived.values()) == set(charged.values()) == {1}
    assert arrived.keys() <= charged.keys(), "the upstream got a call that nothing was charged for"
    assert load.acknowledged <= charged.keys()
    assert len(load.acknowledged) > KILLS
    by_session = Counter(intent["session_id"] for intent in ledger.charged)
    assert forwarded(process) == by_session
    assert process.stop() == 0
    process.start()
    assert counted(process) == expected(ledger), "after an orderly end"


def sometimes_an_error(message: Any) -> Any:
    """An upstream whose tools fail for one amount in three; what it got counts all the same."""
    failed = int(message["params"]["arguments"]["amount"] * 100) % 3 == 0
    return {"result": {"content": [{"type": "text", "text": "done"}], "isError": failed}}
