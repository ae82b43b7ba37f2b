"""A journal's days, and the name of its node: what sealing stands on."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery, segment
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable

Start = Callable[..., Awaitable[Journal]]


async def test_a_segment_holds_one_day(started: Start, directory: Path, call: Any) -> None:
    days = [datetime(2026, 1, day, 23, 59, 59, 999_999, UTC) for day in (2, 3, 3, 2, 4)]
    moment = days[0]
    journal = await started(clock=lambda: int(moment.timestamp() * 1000) * 10**6)
    for number, moment in enumerate(days):  # noqa: B007 - the journal's clock reads it
        await journal.append_intent(call(f"c{number}"))
    # A clock that goes back makes no new segment; the last two days have one each.
    headers = [line for line in recovery.read(directory) if line.kind == "segment"]
    assert [header.at[:10] for header in headers] == ["2026-01-02", "2026-01-03", "2026-01-04"]


async def test_a_day_without_calls_begins_when_asked(
    started: Start, directory: Path, call: Any, eventually: Any
) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    journal = await started(clock=lambda: int(moment.timestamp()) * 10**9)
    moment += timedelta(days=1)
    journal.begin_day()
    # There is nothing in the first day's segment that could be sealed.
    assert len(segment.segments(directory)) == 1
    await journal.append_intent(call("a"))
    journal.begin_day()
    moment += timedelta(days=1)
    journal.begin_day()
    journal.begin_day()
    await eventually(lambda: len(segment.segments(directory)) == 3)
    await journal.close()
    journal.begin_day()
    assert len(segment.segments(directory)) == 3
    again = await started()
    assert again.recovered.open_calls[0].call_id == "a"


async def test_a_directory_keeps_its_name(started: Start, directory: Path) -> None:
    first = await started()
    name = (directory / "node").read_text()
    assert name.strip()
    await first.close()
    again = await started()
    assert (directory / "node").read_text() == name
    await again.close()
    (directory / "node").write_text("a/b")
    with pytest.raises(JournalUnavailable, match="node: not a name"):
        Journal.open(directory)
