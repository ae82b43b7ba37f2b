"""Calls that people decide about, through the real driver, journal and broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.errors import AlreadyResolved
from helio.governance.ticket import Ticket
from runtime.simulation import Simulation

ASK = "{ rules: [{ name: large, match: { tool: pay }, action: require_approval }] }"
ONCE = (
    "{ rules: [{ name: large, action: require_approval, limits: { max_calls: 1, window: 1h } }] }"
)
MONEY = (
    "[{ name: money, limit: 10, currency: GBP, window: 24h, on_exceed: require_approval, "
    "contributors: [{ match: { tool: pay }, field: amount }] }]"
)
AMOUNT = {"amount": 12}
HEADERS = {"x-helio-session-id": "s1"}


@pytest.fixture
async def helio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    """Starts a Helio, as often as it is called, on one directory."""
    running: list[Simulation] = []

    async def start(policies: str = ASK, budgets: str = "[]", **asking: Any) -> Simulation:
        while running:
            await running.pop().stop()
        running.append(Simulation(tmp_path, monkeypatch))
        await running[0].start(policies, budgets, **asking)
        return running[0]

    yield start
    for each in running:
        await each.stop()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nothing tells the loop about it
            await asyncio.sleep(0.001)


def pay(helio: Simulation) -> asyncio.Task[Any]:
    return asyncio.create_task(helio.call("pay", AMOUNT, HEADERS))


async def ticket(helio: Simulation, count: int = 1) -> Ticket:
    """The last of so many tickets that wait, once a call is held for it."""
    await until(lambda: len(helio.broker.tickets("pending")) == count and helio.held)
    return helio.broker.tickets("pending")[-1]


def reason(answer: Any) -> str | None:
    """Why a call was blocked; None when it came through."""
    blocked = answer["result"].get("_meta", {}).get("helio/blocked", {})
    return blocked.get("reason")  # type: ignore[no-any-return]


def rows(helio: Simulation, *kinds: str) -> list[dict[str, Any]]:
    lines = recovery.read(helio.directory)
    return [line.values() for line in lines if line.kind in kinds]


async def test_a_held_call_runs_when_it_is_approved(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    waiting = await ticket(house)
    assert house.forwarded == []
    await house.broker.approve(waiting.id, "ada")
    assert reason(await call) is None
    assert house.forwarded == [("pay", AMOUNT)]
    (intent,) = rows(house, "intent")
    assert (intent["approvals"], intent["approved_by"]) == ([waiting.id], "ada")
    (row,) = rows(house, "approval")
    assert (row["call_id"], row["approval_status"]) == (waiting.id, "approved")


async def test_a_held_call_is_told_who_denied_it(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    await house.broker.deny((await ticket(house)).id, "ada", "too much")
    answer = await call
    told = answer["result"]["_meta"]["helio/blocked"]
    assert (told["reason"], told["denied_by"]) == ("approval_denied", "ada")
    assert told["denial_reason"] == "too much"
    assert house.forwarded == []


@pytest.mark.parametrize(("default", "expected"), [("deny", "approval_timeout"), ("allow", None)])
async def test_the_timeout_decides_as_configured(
    helio: Any, default: str, expected: str | None
) -> None:
    house = await helio(default_on_timeout=default, timeout_ms=20)
    assert reason(await pay(house)) == expected
    assert len(house.forwarded) == (expected is None)


async def test_an_agent_that_comes_back_finds_its_grant_once(helio: Any) -> None:
    house = await helio(mode="return")
    answer = await pay(house)
    told = answer["result"]["_meta"]["helio/blocked"]
    assert told["reason"] == "approval_pending"
    again = await pay(house)
    assert again["result"]["_meta"]["helio/blocked"]["ticket_id"] == told["ticket_id"]
    await house.broker.approve(told["ticket_id"], "ada")
    first, second = await asyncio.gather(pay(house), pay(house))
    assert sorted(map(str, (reason(first), reason(second)))) == ["None", "approval_pending"]
    assert house.forwarded == [("pay", AMOUNT)]


async def test_a_grant_is_over_after_its_time(helio: Any) -> None:
    house = await helio(mode="return")
    answer = await pay(house)
    told = answer["result"]["_meta"]["helio/blocked"]
    await house.broker.approve(told["ticket_id"], "ada")
    house.wait(901)
    again = await pay(house)
    found = again["result"]["_meta"]["helio/blocked"]
    assert found["reason"] == "approval_pending"
    assert found["ticket_id"] != told["ticket_id"]


async def test_a_pending_call_holds_no_room(helio: Any) -> None:
    house = await helio(ONCE, mode="return")
    answer = await pay(house)
    other = await house.call("pay", {"amount": 13}, HEADERS)
    assert reason(other) == "approval_pending"
    told = answer["result"]["_meta"]["helio/blocked"]
    await house.broker.approve(told["ticket_id"], "ada")
    assert reason(await pay(house)) is None
    assert reason(await pay(house)) == "rate_limited"


async def test_a_held_call_holds_its_room(helio: Any) -> None:
    house = await helio(ONCE)
    call = pay(house)
    waiting = await ticket(house)
    assert reason(await house.call("pay", {"amount": 13}, HEADERS)) == "rate_limited"
    await house.broker.deny(waiting.id, "ada")
    await call
    assert house.store.levels(house.now().monotonic) == []


async def test_a_client_that_left_comes_back_to_its_grant(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    waiting = await ticket(house)
    house.held[0].part("gone")
    assert reason(await call) == "client_disconnected"
    await house.broker.approve(waiting.id, "ada")
    assert house.forwarded == []
    assert reason(await pay(house)) is None
    assert house.forwarded == [("pay", AMOUNT)]


async def test_a_client_that_comes_back_waits_for_its_own_ticket(helio: Any) -> None:
    house = await helio()
    first = pay(house)
    waiting = await ticket(house)
    house.held[0].part("gone")
    await first
    second = pay(house)
    await until(lambda: len(house.held) == 2)
    assert (await ticket(house)).id == waiting.id
    await house.broker.approve(waiting.id, "ada")
    assert reason(await second) is None


async def test_a_client_that_leaves_while_it_is_approved_gets_a_grant(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    waiting = await ticket(house)
    house.held[0].part("gone")
    await house.broker.approve(waiting.id, "ada")
    assert reason(await call) == "client_disconnected"
    assert reason(await pay(house)) is None
    assert len(house.forwarded) == 1


async def test_a_cancelled_call_is_over(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    waiting = await ticket(house)
    house.held[0].part("cancelled")
    assert reason(await call) == "approval_cancelled"
    with pytest.raises(AlreadyResolved):
        await house.broker.approve(waiting.id, "ada")


async def test_a_shutdown_ends_what_is_held(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    await ticket(house)
    await house.broker.shutdown()
    assert reason(await call) == "shutdown_cancelled"
    (row,) = rows(house, "approval")
    assert row["approval_status"] == "shutdown_cancelled"


async def test_budgets_are_asked_about_after_the_rules_and_charged_on_top(helio: Any) -> None:
    house = await helio(ASK, MONEY)
    call = pay(house)
    first = await ticket(house)
    assert first.kind == "rule"
    await house.broker.approve(first.id, "ada")
    await until(lambda: len(house.held) == 2)
    second = await ticket(house)
    assert (second.kind, second.default_on_timeout) == ("budget", "deny")
    assert [each.name for each in second.breached_budgets] == ["money"]
    await house.broker.approve(second.id, "bob")
    assert reason(await call) is None
    (level,) = house.store.levels(house.now().monotonic)
    assert (level.current, level.reserved) == ("12", "0")
    (intent,) = rows(house, "intent")
    assert intent["approvals"] == [first.id, second.id]
    tickets = json.loads(intent["metadata"])["tickets"]
    assert [each["resolved_by"] for each in tickets] == ["ada", "bob"]


async def test_both_grants_are_used_at_once_when_a_call_comes_back(helio: Any) -> None:
    house = await helio(ASK, MONEY, mode="return")
    await pay(house)
    (first,) = house.broker.tickets("pending")
    await house.broker.approve(first.id, "ada")
    assert reason(await pay(house)) == "approval_pending"
    (second,) = house.broker.tickets("pending")
    assert second.kind == "budget"
    # The first is not used up by that.
    assert reason(await pay(house)) == "approval_pending"
    await house.broker.approve(second.id, "ada")
    assert reason(await pay(house)) is None
    assert reason(await pay(house)) == "approval_pending"
    assert len(house.forwarded) == 1


async def test_a_charge_on_top_counts_after_a_restart(helio: Any) -> None:
    house = await helio("{ default: allow }", MONEY, mode="return")
    await pay(house)
    (waiting,) = house.broker.tickets("pending")
    await house.broker.approve(waiting.id, "ada")
    assert reason(await pay(house)) is None
    found = recovery.recover(house.directory, house.now().wall)
    assert [charge.amount for charge in found.charges] == ["12"]


async def test_a_grant_that_was_used_is_used_after_a_restart(helio: Any) -> None:
    house = await helio(mode="return")
    await pay(house)
    (waiting,) = house.broker.tickets("pending")
    await house.broker.approve(waiting.id, "ada")
    assert reason(await pay(house)) is None
    again = await helio(mode="return")
    assert reason(await pay(again)) == "approval_pending"
    assert again.forwarded == []


async def test_what_waits_is_decided_after_a_restart(helio: Any) -> None:
    house = await helio(mode="return")
    await pay(house)
    (waiting,) = house.broker.tickets("pending")
    again = await helio(mode="return")
    (same,) = again.broker.tickets("pending")
    assert (same.id, same.timeout_at) == (waiting.id, waiting.timeout_at)
    await again.broker.approve(same.id, "ada")
    assert reason(await pay(again)) is None


async def test_a_given_up_call_leaves_its_ticket_for_the_next_one(helio: Any) -> None:
    house = await helio()
    call = pay(house)
    waiting = await ticket(house)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert house.broker.get(waiting.id).state == "left"
    await house.broker.approve(waiting.id, "ada")
    assert reason(await pay(house)) is None
