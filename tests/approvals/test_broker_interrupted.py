"""The broker when much ends at once, agents leave early, and Helio ends or dies in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from approvals.tickets import Recording, broker, kept, request, until
from helio.approvals import book
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(lambda: {})
    yield opened
    await opened.close()


async def test_however_many_end_at_once_everybody_hears_of_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "KEPT", 3)
    tickets = broker(journal)
    asked = [await tickets.ask(request(binding=str(number))) for number in range(10)]
    waiters = [tickets.waiter(each.id) for each in asked]
    await tickets.shutdown()
    assert {(await each).status for each in waiters} == {"shutdown_cancelled"}
    assert len(kept(journal.directory, "approval")) == 10
    await tickets.aclose()


@pytest.mark.parametrize("mode", ["hold", "return"])
async def test_people_are_told_though_the_agent_left_while_its_ticket_was_written(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    people = Recording()
    tickets = broker(journal, people, mode=mode)
    writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(journal, "append_durable", lambda _kind, _data: writing)
    asking = asyncio.create_task(tickets.ask(request()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    again = asyncio.create_task(tickets.ask(request(call_id="c2")))
    await asyncio.sleep(0)
    assert people.told == []
    assert tickets.tickets() == []
    writing.set_result(None)
    monkeypatch.undo()
    await until(lambda: len(people.told) == 1)
    (waiting,) = tickets.tickets("pending")
    assert (await again).id == waiting.id
    assert people.told == [("requested", waiting.id, "pending")]
    await tickets.aclose()


async def test_who_leaves_before_a_ticket_is_written_leaves_none_that_cannot_be(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = broker(journal)
    writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(journal, "append_durable", lambda _kind, _data: writing)
    asking = asyncio.create_task(tickets.ask(request()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    writing.set_exception(JournalUnavailable("the disk is full"))
    await tickets.aclose()
    assert tickets.tickets() == []


async def test_nobody_waits_behind_a_shutdown_for_a_ticket_that_waited_already(
    journal: Journal,
) -> None:
    tickets = broker(journal)
    asked = await tickets.ask(request())
    tickets.client_gone(asked.id)
    await tickets.shutdown()
    late = await tickets.ask(request(call_id="c2"))
    assert (late.id != asked.id, late.status) == (True, "shutdown_cancelled")
    assert tickets.get(asked.id).status == "pending"
    await tickets.aclose()


async def test_delegates_hear_of_an_escalation_that_a_crash_kept_from_them(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    tickets = broker(journal, Recording("first", receipt={"id": 1}))
    await journal.start(lambda: {})
    escalating = request(channels=("first",), delegates=("second",), escalation_after_ms=10)
    asked = await tickets.ask(escalating)
    await until(lambda: tickets.get(asked.id).escalated)
    await tickets.aclose()
    await journal.close()
    again = Journal.open(tmp_path)
    first, second = Recording("first"), Recording("second")
    found = broker(again, first, second)
    found.restore((), 0, again.recovered.approvals)
    await again.start(lambda: {})
    found.start()
    await until(lambda: second.told == [("escalated", asked.id, "pending")])
    assert first.told == []
    await found.aclose()
    await again.close()


async def test_what_is_taken_back_waits_again_though_it_was_forgotten(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "KEPT", 0)
    tickets = broker(journal)
    asked = await tickets.ask(request(timeout_ms=60))
    waiter = tickets.waiter(asked.id)
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(journal, "append_durable", lambda _kind, _data: failing)
    denying = asyncio.create_task(tickets.deny(asked.id, "ada"))
    await until(lambda: tickets.tickets() == [])
    failing.set_exception(JournalUnavailable("the disk is full"))
    with pytest.raises(JournalUnavailable):
        await denying
    monkeypatch.undo()
    assert [each.id for each in tickets.tickets("pending")] == [asked.id]
    assert (await waiter).status == "timeout"
    await tickets.aclose()


@pytest.mark.parametrize("kept_at_last", [True, False])
async def test_an_approval_counts_for_nobody_before_it_is_safe(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, kept_at_last: bool
) -> None:
    tickets = broker(journal, mode="return")
    asked = await tickets.ask(request())
    writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(journal, "append_durable", lambda _kind, _data: writing)
    approving = asyncio.create_task(tickets.approve(asked.id, "ada"))
    await until(lambda: tickets.get(asked.id).status == "approved")
    left = asyncio.create_task(tickets.ask(request(call_id="c2")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    again = asyncio.create_task(tickets.ask(request(call_id="c3")))
    await asyncio.sleep(0)
    assert (left.cancelled(), again.done()) == (True, False)
    monkeypatch.undo()
    if kept_at_last:
        writing.set_result(None)
    else:
        writing.set_exception(JournalUnavailable("the disk is full"))
    await asyncio.wait([approving, again])
    assert (approving.exception() is None) is kept_at_last
    status = "approved" if kept_at_last else "pending"
    assert (again.result().id, again.result().status) == (asked.id, status)
    await tickets.aclose()
