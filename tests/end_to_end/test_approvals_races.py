"""Operators, agents and a signal fall upon many tickets of one Helio at the same moment.

`tests/runtime/test_approval_races.py` has the thousands; here everything is real. With
`HELIO_PROOF=1` there are 400 of them.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest

from conftest import HelioFactory
from end_to_end.burst import outcome
from end_to_end.people import People
from end_to_end.recording import Recorder
from end_to_end.test_faults import faults
from processes import HelioProcess
from transport.house import Agent, message, tool_call

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

CALLS = 400 if os.environ.get("HELIO_PROOF") == "1" else 60
ACTS = ("approve", "deny", "leave", "cancel")
DECISIONS = {"approve": ("approved_by", "approved"), "deny": ("denied_by", "denied")}
POLICIES = """
approval: { timeout: 5s }
policies:
  rules:
    - { name: people, match: { tool: create_payment }, action: require_approval }
"""


async def test_every_ticket_ends_once_whoever_falls_upon_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(POLICIES, upstream=recorder.url)
    assert process.process is not None
    chance = random.Random(7)
    agents = [await sent(process, number) for number in range(CALLS)]
    tickets = await People(process).waiting(CALLS)
    by_call = {each["tool_input"]["number"]: each for each in tickets}
    said: list[tuple[str, str]] = []
    headers = {"authorization": f"Bearer {process.secret}"}
    async with aiohttp.ClientSession(process.operator_url, headers=headers) as operators:
        besetter = Besetting(process, operators, said)
        beset = [
            besetter.act(act, agent, number, by_call[number]["id"])
            for number, agent in enumerate(agents)
            for act in chance.sample(ACTS, chance.randint(1, len(ACTS)))
        ]
        chance.shuffle(beset)
        answers = asyncio.gather(*[came_out(agent) for agent in agents])
        for number, done in enumerate(asyncio.as_completed(beset)):
            if number == len(beset) * 2 // 3:
                process.process.send_signal(signal.SIGTERM)
            await done
        told = await answers
    assert process.stop() == 0
    check(process, recorder, said, told)


def check(
    process: HelioProcess, recorder: Recorder, said: list[tuple[str, str]], told: list[str | None]
) -> None:
    """One row of each ticket, one of each call, at most one forward, and all of one mind."""
    rows = process.export("--record-kind", "approval", "--limit", "2000")
    ends = {row["id"]: row["approval_status"] for row in rows}
    assert len(rows) == len(ends)
    by_people = {"approved", "denied"}
    assert len(set(said)) == len(said)
    # Who decided at the very end may not have heard that it counts.
    assert set(said) <= {pair for pair in ends.items() if pair[1] in by_people}
    forwarded = Counter(each.message["params"]["arguments"]["number"] for each in recorder.calls())
    assert set(forwarded.values()) <= {1}
    calls = process.calls("--limit", "2000")
    assert sorted(row["tool_input"]["number"] for row in calls) == list(range(CALLS))
    for row in calls:
        number = row["tool_input"]["number"]
        (ticket,) = row["metadata"]["tickets"]
        ran = row["policy_decision"] == "allow"
        assert forwarded[number] == ran
        if ran:
            assert ends[ticket["ticket_id"]] == "approved"
        if told[number] is not None:
            assert (told[number] == "passed") == ran
    print(f"{CALLS} calls: {dict(Counter(ends.values()))}, {len(forwarded)} of them ran")
    assert forwarded
    assert len(set(ends.values())) > 2
    assert faults(process) == []


async def sent(process: HelioProcess, number: int) -> Agent:
    """A call that waits, in a session of its own."""
    agent = Agent(*await asyncio.open_connection("127.0.0.1", process.mcp_port))
    body = tool_call("1", "create_payment", json.dumps({"number": number}))
    await agent.ask(body, headers=f"mcp-session-id: s{number}\r\naccept: application/json\r\n")
    return agent


async def came_out(agent: Agent) -> str | None:
    """How the agent heard that it ended; None for one that had left."""
    try:
        reply = await agent.reply()
    except (ConnectionError, asyncio.IncompleteReadError):
        return None
    finally:
        agent.leave()
        await agent.ended()
    return outcome(reply.message)


@dataclass
class Besetting:
    """Falls upon calls while Helio ends; `said` is what operators were told that they decided."""

    process: HelioProcess
    operators: aiohttp.ClientSession
    said: list[tuple[str, str]]

    async def act(self, act: str, agent: Agent, number: int, ticket: str) -> None:
        """Does one of `ACTS`. A Helio that has ended answers nobody."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, aiohttp.ClientError):
            if act == "leave":
                agent.leave()
            elif act == "cancel":
                await self._cancel(number)
            else:
                await self._decide(act, ticket)

    async def _cancel(self, number: int) -> None:
        agent = Agent(*await asyncio.open_connection("127.0.0.1", self.process.mcp_port))
        body = message("notifications/cancelled", None, '{"requestId":1}')
        try:
            await agent.ask(body, headers=f"mcp-session-id: s{number}\r\n")
            assert (await agent.reply()).status == 202
        finally:
            agent.leave()
            await agent.ended()

    async def _decide(self, act: str, ticket: str) -> None:
        who, decided = {"approve": ("approved_by", "approved"), "deny": ("denied_by", "denied")}[
            act
        ]
        path = f"/api/approvals/{ticket}/{act}"
        async with self.operators.post(path, json={who: "ann"}) as answer:
            assert answer.status in (200, 409), await answer.text()
            if answer.status == 200:
                self.said.append((ticket, decided))
