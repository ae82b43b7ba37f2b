"""Evaluations that wait for their report: how many, for how long, and which report counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.governance.store import LocalStore
from helio.operator.faults import Refused
from helio.pipeline.events import CallReceived
from helio.runtime.driver import Driver
from helio.sideband.evaluations import Evaluation, Evaluations
from helio.sideband.reported import Reported
from helio.sideband.reports import Report
from pipeline.playbook import call, govern

GOVERNANCE = govern(
    """{ rules: [
  { name: never, match: { tool: delete }, action: deny },
  { name: pounds, match: { tool: pay }, limits: { max_spend:
    { field: '$.amount', limit: 20, currency: GBP, window: 1h } } } ] }""",
    budgets="[{ name: fees, limit: 30, currency: GBP, window: 1h, key: global, contributors:"
    " [{ match: { tool: pay }, field: '$.fee' }] }]",
)
Keep = Callable[[CallReceived], Awaitable[None]]


class Calls:
    """Evaluations of a driver over a real journal."""

    def __init__(self, journal: Journal) -> None:
        self.driver = Driver(journal, LocalStore())
        self.expired: asyncio.Queue[str] = asyncio.Queue()
        self.made = self.evaluations()

    def evaluations(self, ttl: float = 3600, **how: Any) -> Evaluations:
        return Evaluations(
            self.driver, ttl, lambda each: self.expired.put_nowait(each.call_id), **how
        )

    async def begin(self, call_id: str, tool: str = "look", arguments: bytes = b"{}") -> Evaluation:
        received = replace(call(tool, arguments), call_id=call_id)
        return await self.made.begin(received, GOVERNANCE)

    async def report(self, call_id: str, report: Report, keep: Keep | None = None) -> object:
        """Whether it was new, or why it was refused."""
        try:
            return await self.made.report(call_id, report, keep or _nothing_more, _admit)
        except Refused as refused:
            return refused.status, refused.more["reason"]


def _admit(_received: CallReceived) -> None:
    """Anybody may report."""


async def _nothing_more(_received: CallReceived) -> None:
    """A report that brings no evidence."""


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[Calls]:
    journal = Journal.open(tmp_path)
    await journal.start(lambda: {})
    found = Calls(journal)
    yield found
    await found.made.aclose()
    await journal.close()


SUCCESS = Report("success")


async def test_only_so_many_wait_and_a_report_makes_room(calls: Calls) -> None:
    calls.made = calls.evaluations(most=2)
    await calls.begin("c1")
    await calls.begin("c2")
    assert len(calls.made) == 2
    with pytest.raises(Refused) as refused:
        await calls.begin("c3")
    assert (refused.value.status, refused.value.more) == (503, {"reason": "too_many_open"})
    assert await calls.report("c1", SUCCESS) is True
    assert (await calls.begin("c3")).allowed


async def test_only_so_much_waits(calls: Calls) -> None:
    calls.made = calls.evaluations(most_bytes=2000)
    large = b'{"text": "' + b"x" * 1200 + b'"}'
    await calls.begin("c1", arguments=large)
    with pytest.raises(Refused) as refused:
        await calls.begin("c2", arguments=large)
    assert refused.value.more == {"reason": "too_many_open"}
    await calls.begin("c3")
    assert await calls.report("c1", SUCCESS) is True
    assert (await calls.begin("c2", arguments=large)).allowed


async def test_what_may_run_stays_open_when_the_process_ends(calls: Calls, tmp_path: Path) -> None:
    await calls.begin("c1", "pay", b'{"amount": 5, "fee": 1}')
    await calls.made.aclose()
    assert len(calls.made) == 0
    assert await calls.report("c1", SUCCESS) == (503, "closing")
    with pytest.raises(Refused) as refused:
        await calls.begin("c2")
    assert refused.value.more == {"reason": "closing"}
    kinds = [line.kind for line in recovery.read(tmp_path)]
    assert kinds.count("intent") == 1 and "outcome" not in kinds


async def test_the_oldest_reports_are_forgotten_and_never_taken_twice(calls: Calls) -> None:
    calls.made = calls.evaluations(reported=Reported(2))
    for number in range(3):
        await calls.begin(f"c{number}")
        assert await calls.report(f"c{number}", SUCCESS) is True
    assert await calls.report("c0", SUCCESS) == (404, "unknown_evaluation")
    assert [await calls.report(name, SUCCESS) for name in ("c1", "c2")] == [False, False]


async def test_of_many_reports_at_once_one_is_new(calls: Calls) -> None:
    await calls.begin("c1")
    reports = [SUCCESS, Report("error"), SUCCESS, Report("success", actual_amount="1"), SUCCESS]
    found = await asyncio.gather(*(calls.report("c1", each) for each in reports))
    otherwise = (409, "reported_otherwise")
    assert found == [True, otherwise, False, otherwise, False]


async def test_a_call_that_may_not_run_takes_no_report(calls: Calls) -> None:
    assert not (await calls.begin("c1", "delete")).allowed
    assert await calls.report("c1", SUCCESS) == (404, "unknown_evaluation")


async def test_a_time_that_is_over_stays_over(calls: Calls) -> None:
    calls.made = calls.evaluations(ttl=0)
    await calls.begin("c1")
    assert await calls.expired.get() == "c1"
    assert await calls.report("c1", SUCCESS) == (409, "expired")


async def test_a_report_whose_evidence_is_not_kept_is_none(calls: Calls) -> None:
    await calls.begin("c1")

    async def refuse(received: CallReceived) -> None:
        assert received.call_id == "c1"
        raise Refused(503, "full", more={"reason": "audit_unavailable"})

    assert await calls.report("c1", SUCCESS, refuse) == (503, "audit_unavailable")
    assert await calls.report("c1", SUCCESS) is True


async def test_one_amount_takes_the_place_of_one(calls: Calls) -> None:
    await calls.begin("c1", "pay", b'{"amount": 5, "fee": 0.5}')
    corrected = Report("success", actual_amount="4")
    assert await calls.report("c1", corrected) == (422, "ambiguous_amount")
    assert await calls.report("c1", SUCCESS) is True
    await calls.begin("c2", "pay", b'{"amount": 5, "fee": 5.0}')
    assert await calls.report("c2", corrected) is True


def test_reports_are_equal_however_their_json_is_laid_out() -> None:
    one = Report("success", result=b'{"a": 1, "b": [1.50]}')
    other = Report("success", result=b'{"b":[1.5],"a":1}')
    assert one.digest() == other.digest()
    assert one.digest() != Report("success", result=b'{"a": 1, "b": [1.51]}').digest()
    assert Report("success").digest() != Report("success", result=b"null").digest()
