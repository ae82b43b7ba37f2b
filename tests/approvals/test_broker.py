"""The broker with a real journal: what it asks, keeps, notifies and restores."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from approvals.tickets import Recording, binding, broker, kept, request, until
from helio.approvals import backlog, notifying
from helio.approvals.broker import Broker
from helio.audit.journal import Journal
from helio.errors import AlreadyResolved, JournalUnavailable, UnknownTicket
from helio.governance.ticket import State, Ticket


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(lambda: {})
    yield opened
    await opened.close()


async def test_a_ticket_is_on_the_disk_before_anybody_hears_of_it(journal: Journal) -> None:
    class Reading(Recording):
        async def notify(self, ticket: Ticket, occasion: str) -> Mapping[str, object]:
            found.extend(kept(journal.directory, "ticket"))
            return {}

    found: list[dict[str, Any]] = []
    tickets = broker(journal, Reading())
    asked = await tickets.ask(request())
    await until(lambda: bool(found))
    (line,) = found
    assert (line["event"], line["ticket"]["id"]) == ("requested", asked.id)
    await tickets.aclose()


async def test_an_approval_wakes_who_waits_and_leaves_one_row(journal: Journal) -> None:
    people = Recording()
    tickets = broker(journal, people)
    asked = await tickets.ask(request())
    waiter = tickets.waiter(asked.id)
    await until(lambda: bool(people.told))
    await tickets.approve(asked.id, "ada")
    resolved = waiter.result()
    assert (resolved.status, resolved.resolved_by, resolved.allows) == ("approved", "ada", True)
    with pytest.raises(AlreadyResolved) as error:
        await tickets.deny(asked.id, "bob")
    assert error.value.status == "approved"
    (row,) = kept(journal.directory, "approval")
    assert (row["approval_status"], row["approved_by"]) == ("approved", "ada")
    await until(lambda: people.told[-1] == ("resolved", asked.id, "approved"))
    await tickets.aclose()


async def test_a_held_call_has_its_approval_alone(journal: Journal) -> None:
    tickets = broker(journal)
    first = await tickets.ask(request())
    second = await tickets.ask(request(call_id="c2"))
    assert first.id != second.id
    await tickets.approve(first.id, "ada")
    third = await tickets.ask(request(call_id="c3"))
    assert third.id not in (first.id, second.id)
    tickets.give_back([first.id], "c1")
    fourth = await tickets.ask(request(call_id="c4"))
    assert (fourth.id, fourth.status) == (first.id, "approved")
    await tickets.aclose()


async def test_a_returned_call_gets_its_ticket_again_and_its_grant_once(journal: Journal) -> None:
    tickets = broker(journal, mode="return")
    asked = await tickets.ask(request())
    again = await tickets.ask(request(call_id="c2"))
    assert (again.id, again.status) == (asked.id, "pending")
    assert (await tickets.ask(request(binding=binding("another")))).id != asked.id
    await tickets.approve(asked.id, "ada")
    granted = await tickets.ask(request(call_id="c3"))
    assert granted.id == asked.id
    assert granted.allows
    tickets.use([granted.id], "c3")
    anew = await tickets.ask(request(call_id="c4"))
    assert (anew.id != asked.id, anew.status) == (True, "pending")
    await tickets.aclose()


async def test_a_denial_is_told_once_to_an_agent_that_comes_back(journal: Journal) -> None:
    tickets = broker(journal, mode="return")
    asked = await tickets.ask(request())
    await tickets.deny(asked.id, "ada", "too much")
    told = await tickets.ask(request(call_id="c2"))
    assert (told.id, told.status, told.reason) == (asked.id, "denied", "too much")
    anew = await tickets.ask(request(call_id="c3"))
    assert (anew.id != asked.id, anew.status) == (True, "pending")
    await tickets.aclose()


@pytest.mark.parametrize(("default", "allows"), [("deny", False), ("allow", True)])
async def test_a_timeout_does_what_is_configured(
    journal: Journal, default: str, allows: bool
) -> None:
    tickets = broker(journal, default_on_timeout=default)
    asked = await tickets.ask(request(timeout_ms=20))
    ended = await tickets.waiter(asked.id)
    assert (ended.status, ended.allows, ended.resolved_by) == ("timeout", allows, None)
    overage = await tickets.ask(request(timeout_ms=20, kind="budget", binding="b"))
    assert not (await tickets.waiter(overage.id)).allows
    await tickets.aclose()


async def test_a_client_that_left_finds_its_approval_when_it_comes_back(journal: Journal) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request())
    tickets.client_gone(asked.id)
    assert tickets.get(asked.id).state is State.LEFT
    await tickets.approve(asked.id, "ada")
    granted = await tickets.ask(request(call_id="c2"))
    assert (granted.id, granted.allows) == (asked.id, True)
    await tickets.aclose()


async def test_a_client_that_left_is_said_to_be_gone_at_the_timeout(journal: Journal) -> None:
    tickets = broker(journal, default_on_timeout="allow")
    asked = await tickets.ask(request(timeout_ms=20))
    waiter = tickets.waiter(asked.id)
    tickets.client_gone(asked.id)
    assert ((await waiter).status, waiter.result().allows) == ("client_disconnected", False)
    anew = await tickets.ask(request(call_id="c2"))
    assert (anew.id != asked.id, anew.status) == (True, "pending")
    await tickets.aclose()


async def test_an_escalation_tells_delegates_once(journal: Journal) -> None:
    people, others = Recording(), Recording("others")
    tickets = broker(journal, people, others)
    asked = await tickets.ask(
        request(channels=("people",), delegates=("others",), escalation_after_ms=10)
    )
    await until(lambda: others.told == [("escalated", asked.id, "pending")])
    assert people.told == [("requested", asked.id, "pending")]
    await tickets.aclose()


async def test_a_channel_that_fails_is_noted_and_holds_nobody(journal: Journal) -> None:
    well, ill = Recording("well", receipt={"ts": "1"}), Recording("ill", fails=True)
    tickets = broker(journal, ill, well)
    seen: list[tuple[str, str]] = []
    tickets.subscribe(lambda change, ticket: seen.append((change, ticket.status)))
    asked = await tickets.ask(request(channels=("well", "ill", "unknown")))
    await until(lambda: len(tickets.get(asked.id).notification_failures) == 2)
    await until(lambda: tickets.get(asked.id).receipts == {"well": {"ts": "1"}})
    failed = {each.channel for each in tickets.get(asked.id).notification_failures}
    assert failed == {"ill", "unknown"}
    await tickets.deny(asked.id, "ada")
    await until(lambda: well.told[-1] == ("resolved", asked.id, "denied"))
    assert ("resolved", asked.id, "denied") not in ill.told
    assert sorted(seen) == [
        ("notification_failed", "pending"),
        ("notification_failed", "pending"),
        ("requested", "pending"),
        ("resolved", "denied"),
    ]
    await tickets.aclose()


async def test_a_shutdown_ends_what_is_held_and_nothing_else(journal: Journal) -> None:
    tickets = broker(journal)
    held = await tickets.ask(request())
    left = await tickets.ask(request(binding="left"))
    tickets.client_gone(left.id)
    await tickets.shutdown()
    assert tickets.get(held.id).status == "shutdown_cancelled"
    assert tickets.get(left.id).status == "pending"
    late = await tickets.ask(request(binding="late"))
    assert late.status == "shutdown_cancelled"
    await tickets.aclose()


async def restarted(directory: Path, tickets: Broker, journal: Journal) -> tuple[Journal, Broker]:
    """What a process finds that comes after one that was killed."""
    await tickets.aclose()
    await journal.close()
    again = Journal.open(directory)
    found = broker(again, mode="return")
    recovered = again.recovered
    state = recovered.state or {}
    found.restore(state.get("tickets", ()), 0, recovered.approvals)
    await again.start(lambda: {"tickets": found.checkpoint()})
    found.start()
    return again, found


async def test_a_restart_finds_what_waits_and_what_was_granted(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    tickets = broker(journal)
    await journal.start(lambda: {"tickets": tickets.checkpoint()})
    held = await tickets.ask(request())
    granted = await tickets.ask(request(binding="granted"))
    used = await tickets.ask(request(binding="used"))
    denied = await tickets.ask(request(binding="denied"))
    for each in (granted, used):
        await tickets.approve(each.id, "ada")
    await tickets.deny(denied.id, "ada")
    tickets.use([used.id], "c1")
    await journal.append_intent({"call_id": "c1", "approvals": [used.id]})
    for _ in range(2):
        # The first restart reads the lines, the second one the checkpoint.
        journal, tickets = await restarted(tmp_path, tickets, journal)
        waiting = tickets.get(held.id)
        assert (waiting.state, waiting.timeout_at) == (State.RETURNED, held.timeout_at)
        (pending,) = tickets.tickets("pending")
        assert pending.id == held.id
    assert (await tickets.ask(request(binding="granted"))).id == granted.id
    assert (await tickets.ask(request(binding="used"))).id != used.id
    await tickets.aclose()
    await journal.close()


async def test_what_cannot_be_recorded_is_not_decided(journal: Journal) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request())
    await journal.close()
    with pytest.raises(JournalUnavailable):
        await tickets.approve(asked.id, "ada")
    assert tickets.get(asked.id).status == "pending"
    with pytest.raises(JournalUnavailable):
        await tickets.ask(request(binding="another"))
    assert len(tickets.tickets()) == 1
    with pytest.raises(UnknownTicket):
        await tickets.approve("nothing", "ada")
    await tickets.aclose()


async def test_tickets_are_shown_with_every_digit(journal: Journal) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request(tool_input='{"amount":1.10000000000000000001}'))
    shown = orjson.dumps(asked.as_object()).decode()
    assert '"tool_input":{"amount":1.10000000000000000001}' in shown
    assert json.loads(shown)["status"] == "pending"
    await tickets.aclose()


async def test_what_ends_by_itself_ends_unrecorded_and_is_recorded_later(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "AGAIN_SECONDS", 0.01)
    tickets = broker(journal)
    asked = await tickets.ask(request(timeout_ms=20))
    whole, tried = journal.append_durable, []

    def refuse(kind: str, data: Mapping[str, object]) -> asyncio.Future[None]:
        tried.append(kind)
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(journal, "append_durable", refuse)
    assert (await tickets.waiter(asked.id)).status == "timeout"
    await until(lambda: len(tried) > 2)
    assert kept(journal.directory, "approval") == []
    monkeypatch.setattr(journal, "append_durable", whole)
    await until(lambda: len(kept(journal.directory, "approval")) == 1)
    await tickets.aclose()


async def test_an_approval_that_is_not_safe_is_taken_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request(timeout_ms=60))
    waiter = tickets.waiter(asked.id)
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(journal, "append_durable", lambda _kind, _data: failing)
    approving = asyncio.create_task(tickets.approve(asked.id, "ada"))
    await until(lambda: tickets.get(asked.id).status == "approved")
    assert not waiter.done()
    failing.set_exception(JournalUnavailable("the disk is full"))
    with pytest.raises(JournalUnavailable):
        await approving
    monkeypatch.undo()
    assert (await waiter).status == "timeout"
    await tickets.aclose()


async def test_a_channel_that_hangs_is_given_up(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Recording):
        async def notify(self, ticket: Ticket, occasion: str) -> Mapping[str, object]:
            await asyncio.get_running_loop().create_future()
            return {}

    monkeypatch.setattr(notifying, "NOTIFY_SECONDS", 0.02)
    tickets = broker(journal, Hanging())
    asked = await tickets.ask(request())
    await until(lambda: bool(tickets.get(asked.id).notification_failures))
    (failure,) = tickets.get(asked.id).notification_failures
    assert "given up" in failure.detail
    await tickets.aclose()


async def test_who_resolves_may_leave_before_it_is_recorded(journal: Journal) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request())
    waiter = tickets.waiter(asked.id)
    approving = asyncio.create_task(tickets.approve(asked.id, "ada"))
    await asyncio.sleep(0)
    approving.cancel()
    assert (await waiter).status == "approved"
    await tickets.aclose()


async def test_after_a_restart_those_are_told_who_were_not(tmp_path: Path) -> None:
    told, untold = Recording("told", receipt={"id": 1}), Recording("untold", fails=True)
    journal = Journal.open(tmp_path)
    tickets = broker(journal, told, untold)
    await journal.start(lambda: {})
    asked = await tickets.ask(request())
    await until(lambda: "told" in tickets.get(asked.id).receipts)
    await tickets.aclose()
    await journal.close()
    again = Journal.open(tmp_path)
    told, untold = Recording("told"), Recording("untold")
    found = broker(again, told, untold)
    found.restore((), 0, again.recovered.approvals)
    await again.start(lambda: {})
    found.start()
    await until(lambda: untold.told == [("requested", asked.id, "pending")])
    await found.deny(asked.id, "ada")
    await until(lambda: told.told == [("resolved", asked.id, "denied")])
    await found.aclose()
    await again.close()
