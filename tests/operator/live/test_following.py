"""Whoever follows the journal hears what is recorded, once, and what was missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from call_records import blocked, intent, outcome
from helio.audit.journal import Journal
from helio.errors import JournalDamaged
from helio.operator.live.following import Following, Listener
from helio.operator.live.told import Event, EventId


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path)
    await opened.start(dict)
    yield opened
    await opened.close()


async def follow(journal: Journal, **bounds: Any) -> Following:
    return Following(journal.directory, lambda: journal.settled, **bounds)


async def heard(listener: Listener, count: int) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await listener.next(5)
    return found


def calls(events: list[Event]) -> list[str]:
    return [json.loads(event.data)["id"] for event in events if event.name == "action"]


async def write(journal: Journal, *call_ids: str) -> None:
    for call_id in call_ids:
        await journal.append_outcome("blocked", blocked(call_id))


async def test_who_joins_hears_what_comes_and_not_what_was(journal: Journal) -> None:
    await write(journal, "before")
    await journal.append_intent(intent("open"))
    following = await follow(journal)
    listener = await following.join(None)
    await journal.append_outcome("outcome", outcome("open"))
    (event,) = await heard(listener, 1)
    told = json.loads(event.data)
    assert (told["id"], told["tool_name"]) == ("open", "create_payment"), "its intent was read, too"
    await following.aclose()


async def test_who_comes_back_hears_what_was_missed_even_from_another_helio(
    journal: Journal,
) -> None:
    following = await follow(journal)
    listener = await following.join(None)
    await write(journal, "a")
    (first,) = await heard(listener, 1)
    await following.leave(listener)
    await write(journal, "b", "c")
    again = await following.join(first.id)
    assert (again.missed, again.start) == (None, first.id)
    assert calls(await heard(again, 2)) == ["b", "c"]
    await following.aclose()
    another = await follow(journal)
    assert calls(await heard(await another.join(first.id), 2)) == ["b", "c"]
    await another.aclose()


async def test_over_segments_nothing_is_lost_or_told_twice(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, max_segment_bytes=4096)
    await journal.start(dict)
    following = await follow(journal)
    listener = await following.join(None)
    names = [f"c{number}" for number in range(60)]
    await write(journal, *names[:30])
    early = await heard(listener, 30)
    await write(journal, *names[30:])
    assert calls(early + await heard(listener, 30)) == names
    assert len(list(tmp_path.glob("journal-*"))) > 2
    back = await following.join(early[9].id)
    assert calls(await heard(back, 50)) == names[10:]
    await following.aclose()
    await journal.close()


async def test_who_was_away_too_long_is_told_so(journal: Journal) -> None:
    following = await follow(journal, kept=3)
    listener = await following.join(None)
    await write(journal, "a", "b", "c", "d", "e")
    events = await heard(listener, 5)
    back = await following.join(events[1].id)
    assert calls(await heard(back, 3)) == ["c", "d", "e"]
    late = await following.join(events[0].id)
    assert late.missed is not None
    assert late.start == events[4].id
    await write(journal, "f")
    assert calls(await heard(late, 1)) == ["f"]
    unknown = await following.join(EventId(10**9))
    assert unknown.missed is not None, "an id of another journal"
    await following.aclose()


async def test_what_is_out_of_reach_is_told_so(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    await journal.start(dict)
    await write(journal, *(f"c{number}" for number in range(50)))
    following = await follow(journal, reach=4000)
    late = await following.join(EventId(2))
    assert late.missed is not None
    near = await following.join(EventId(49))
    assert (near.missed, calls(await heard(near, 2))) == (None, ["c48", "c49"])
    await following.aclose()
    await journal.close()


async def test_who_does_not_read_is_given_up_and_others_hear_all(journal: Journal) -> None:
    following = await follow(journal, most_waiting=2)
    lazy, keen = await following.join(None), await following.join(None)
    names = [f"c{number}" for number in range(4)]
    events: list[Event] = []
    for name in names:
        await write(journal, name)
        events += await heard(keen, 1)
    assert calls(events) == names
    assert lazy.over
    assert lazy.missed is not None
    assert await lazy.next(1) == []
    assert not keen.over
    await following.aclose()
    assert keen.over


async def test_warnings_are_told_once_something_was_counted(journal: Journal) -> None:
    asked = 0

    def warnings() -> list[dict[str, object]]:
        nonlocal asked
        asked += 1
        return [{"rule": "pay", "asked": asked}] if asked == 1 else []

    await write(journal, "before")
    following = await follow(journal, warnings=warnings)
    listener = await following.join(None)
    assert asked == 0, "what was counted before is no news"
    await write(journal, "a")
    action, warning = await heard(listener, 2)
    assert (warning.name, warning.id) == ("limit_warning", EventId(action.id.sequence, 1))
    back = await following.join(action.id)
    assert await heard(back, 1) == [warning]
    await following.aclose()


async def test_a_journal_that_cannot_be_read_is_an_error(journal: Journal) -> None:
    await write(journal, "a")
    (path,) = journal.directory.glob("journal-*")
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"seq":2,', b'"seq":x,'))
    following = await follow(journal)
    with pytest.raises(JournalDamaged):
        await following.join(None)
    assert following.listening == 0
    path.write_bytes(text)
    listener = await following.join(EventId(1))
    assert calls(await heard(listener, 1)) == ["a"], "it is read again"
    await following.aclose()
