"""What the thread is waited for, and what not."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable

Start = Callable[..., Awaitable[Journal]]


@contextmanager
def hanging(disk: Any, monkeypatch: pytest.MonkeyPatch, operation: str) -> Iterator[None]:
    """An operation of the disk does not come back until the end."""
    go_on = threading.Event()
    real = getattr(disk, operation)

    def hang(*arguments: object) -> object:
        assert go_on.wait(10)
        return real(*arguments)

    monkeypatch.setattr(disk, operation, hang)
    try:
        yield
    finally:
        go_on.set()


async def test_what_the_kernel_must_have_waits_for_no_disk(
    started: Start, disk: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await started()
    await journal.append_intent(call("a"))
    with hanging(disk, monkeypatch, "sync"):
        intent = journal.append_intent(call("b"))
        ended = journal.append_outcome("outcome", {"call_id": "a", "status": "answered"})
        await asyncio.wait_for(ended, 5)
        assert not intent.done()
    await asyncio.wait_for(intent, 5)


async def test_lines_wait_for_their_segment_in_their_order(
    started: Start, directory: Path, disk: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await started(max_segment_bytes=1000)
    first = [journal.append_intent(call(f"c{number}")) for number in range(2)]
    await asyncio.gather(*first)
    with hanging(disk, monkeypatch, "create"):
        written = disk.log.count("write")
        later = [journal.append_intent(call(f"c{number}")) for number in range(2, 9)]
        journal.append_soon("lifecycle", {"event": "x"})
        await asyncio.sleep(0)
        assert disk.log.count("write") == written
    await asyncio.wait_for(asyncio.gather(*later), 5)
    await journal.close()
    called = [
        line.values()["call_id"] for line in recovery.read(directory) if line.kind == "intent"
    ]
    assert called == [f"c{number}" for number in range(9)]
    assert len(list(directory.glob("journal-*"))) > 2


async def test_records_that_a_hanging_disk_does_not_take_are_bounded(
    started: Start, disk: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.audit.journal._MAX_QUEUED", 3)
    journal = await started()
    with hanging(disk, monkeypatch, "sync"):
        blocked = [journal.append_outcome("blocked", {"call_id": f"b{n}"}) for n in range(3)]
        await asyncio.wait_for(asyncio.gather(*blocked), 5)
        with pytest.raises(JournalUnavailable, match="too many"):
            journal.append_intent(call("c"))


async def test_closing_waits_for_a_segment_that_is_being_opened(
    started: Start, directory: Path, disk: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await started(max_segment_bytes=300)
    await journal.append_intent(call("a"))
    with hanging(disk, monkeypatch, "create"):
        last = journal.append_intent(call("b"))
        closing = asyncio.create_task(journal.close())
        await asyncio.sleep(0)
    await asyncio.wait_for(closing, 5)
    assert last.done()
    assert [each.call_id for each in recovery.recover(directory).open_calls] == ["a", "b"]
