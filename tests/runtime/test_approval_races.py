"""People, time, agents and an ending Helio fall upon one ticket at the same moment: it ends once.

With `HELIO_PROOF=1` there are 10,000 such races.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from helio.errors import AlreadyResolved
from runtime.people import Helio, Sent

PROVING = os.environ.get("HELIO_PROOF") == "1"
CALLS = 20
"""Calls of one Helio, each with a ticket of its own: what ends Helio falls upon all of them."""
ROUNDS = 10_000 // CALLS if PROVING else 20
TIMEOUT_MS = 100
APPROVAL = f"{{ timeout: {TIMEOUT_MS}ms }}"
RULE = f"{{ match: {{ tool: pay }}, action: require_approval, approval: {APPROVAL} }}"

Act = Callable[[Helio, Sent, list[str]], Awaitable[None]]


async def approve(helio: Helio, call: Sent, said: list[str]) -> None:
    await helio.broker.approve(call.ticket_id, "ann")
    said.append("approved")


async def deny(helio: Helio, call: Sent, said: list[str]) -> None:
    await helio.broker.deny(call.ticket_id, "ben")
    said.append("denied")


async def break_glass(helio: Helio, call: Sent, said: list[str]) -> None:
    await helio.broker.break_glass(call.ticket_id, "eve", "It burns.")
    said.append("break_glass")


async def leave(_helio: Helio, call: Sent, _said: list[str]) -> None:
    call.leave()


async def give_up(_helio: Helio, call: Sent, _said: list[str]) -> None:
    call.give_up()


async def fall_upon(helio: Helio, call: Sent, act: Act, chance: random.Random) -> list[str]:
    """Acts somewhen while the ticket waits; what the person was told that they decided."""
    turns, seconds = chance.choice([0, 1, 2, 3, 5, 8, -1]), chance.random() * TIMEOUT_MS / 900
    await helio.waiting(call)
    if turns < 0:
        await asyncio.sleep(seconds)
    for _ in range(turns):
        await asyncio.sleep(0)
    said: list[str] = []
    try:
        await act(helio, call, said)
    except AlreadyResolved:
        return []
    return said


async def shut_down(helio: Helio, chance: random.Random) -> list[str]:
    await asyncio.sleep(chance.random() * TIMEOUT_MS / 500)
    await helio.broker.shutdown()
    return []


async def race(directory: Path, seed: int) -> Counter[str]:
    """One Helio; how its tickets ended, `+` for those whose call ran."""
    chance = random.Random(seed)
    helio = await Helio(directory, f"{{ rules: [{RULE}] }}").start()
    calls = [helio.send(arguments=f'{{"number":{number}}}') for number in range(CALLS)]
    ending = [shut_down(helio, chance)] if chance.random() < 0.4 else []
    said: dict[Sent, list[str]] = {}

    async def beset(call: Sent) -> None:
        every: list[Act] = [approve, deny, break_glass, leave, give_up]
        acts = chance.sample(every, chance.randint(0, len(every)))
        found = await asyncio.gather(*[fall_upon(helio, call, act, chance) for act in acts])
        said[call] = [each for one in found for each in one]

    await asyncio.gather(*[call.came_out() for call in calls], *map(beset, calls), *ending)
    await helio.over()
    await helio.stop()
    kept = Counter(
        (kind, str(data.get("ticket_id", data["call_id"])))
        for kind in ("approval", "blocked", "intent", "outcome")
        for data in helio.records(kind)
    )
    return Counter(check(helio, call, said[call], kept) for call in calls)


def check(helio: Helio, call: Sent, said: list[str], kept: Counter[tuple[str, str]]) -> str:
    """One terminal state, one row of the ticket, one of the call, at most one forward."""
    ticket, name = helio.broker.get(call.ticket_id), call.received.call_id
    assert kept["approval", ticket.id] == 1
    assert kept["blocked", name] + kept["outcome", name] == 1
    assert kept["intent", name] == kept["outcome", name] == call.forwards <= 1
    assert len(call.answers) == 1
    by_people = ("approved", "denied", "break_glass")
    assert said == ([ticket.status] if ticket.status in by_people else [])
    if call.forwards:
        assert ticket.allows
    return ticket.status + "+" * call.forwards


async def test_a_ticket_ends_once(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for seed in range(ROUNDS):
        found += await race(tmp_path / str(seed), seed)
    print(f"{ROUNDS * CALLS} races: {dict(found.most_common())}")
    assert found.total() == ROUNDS * CALLS
    # How often each comes up is chance, and the machine's.
    ends = {"approved+", "denied"}
    if PROVING:
        ends |= {"approved", "break_glass", "break_glass+", "cancelled"}
        ends |= {"client_disconnected", "shutdown_cancelled", "timeout"}
    assert ends <= set(found)
