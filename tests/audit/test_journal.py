import asyncio
import errno
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.errors import JournalLocked, JournalUnavailable

Start = Callable[..., Awaitable[Journal]]


def kinds(directory: Path) -> list[str]:
    return [line.kind for line in recovery.read(directory)]


def ids(directory: Path, kind: str) -> list[str]:
    lines = recovery.read(directory)
    return [line.values()["call_id"] for line in lines if line.kind == kind]


async def test_records_come_back_in_the_order_of_their_appends(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    futures = [journal.append_intent(call(f"c{number}")) for number in range(100)]
    journal.append_soon("lifecycle", {"event": "x"})
    await asyncio.gather(*futures)
    await journal.append_outcome("outcome", {"call_id": "c0", "status": "answered"})
    await journal.close()
    assert kinds(directory) == ["segment", *["intent"] * 100, "lifecycle", "outcome"]
    assert ids(directory, "intent") == [f"c{number}" for number in range(100)]
    assert recovery.verify(directory)[0] == 103


async def test_many_appends_share_a_sync(started: Start, disk: Any, call: Any) -> None:
    journal = await started()
    before = disk.log.count("sync")
    await asyncio.gather(*(journal.append_intent(call(f"c{number}")) for number in range(500)))
    assert disk.log.count("sync") - before == 1


@pytest.mark.parametrize(
    ("durability", "promised"),
    [("full", ("sync", "sync")), ("intent", ("sync", "write")), ("relaxed", ("write", "write"))],
)
async def test_each_durability_waits_for_what_it_promises(
    started: Start, disk: Any, call: Any, durability: str, promised: tuple[str | None, str | None]
) -> None:
    journal = await started(durability=durability)

    async def last_operation(append: Awaitable[None]) -> str | None:
        disk.log.clear()
        await append
        return disk.log[-1] if disk.log else None

    ended = {"call_id": "c", "status": "answered"}
    assert promised == (
        await last_operation(journal.append_intent(call("c"))),
        await last_operation(journal.append_outcome("outcome", ended)),
    )
    await journal.close()
    assert ids(journal.directory, "outcome") == ["c"]


async def test_a_future_that_nobody_awaits_any_more_is_recorded(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    task = asyncio.ensure_future(journal.append_intent(call("c")))
    task.cancel()
    await journal.append_durable("lifecycle", {})
    assert ids(directory, "intent") == ["c"]


async def test_data_may_change_after_the_append(started: Start, directory: Path, call: Any) -> None:
    journal = await started()
    data = call("before")
    future = journal.append_intent(data)
    data["call_id"] = "after"
    await future
    assert ids(directory, "intent") == ["before"]


async def test_what_json_cannot_hold_fails_its_own_append_only(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    with pytest.raises(TypeError):
        journal.append_intent(call("c", metadata=object()))
    await journal.append_intent(call("d"))
    assert ids(directory, "intent") == ["d"]


async def test_the_directory_is_for_its_owner_only(started: Start, directory: Path) -> None:
    await started()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


async def test_a_second_journal_is_refused_and_names_the_owner(
    started: Start, directory: Path
) -> None:
    await started()
    with pytest.raises(JournalLocked, match=rf"{directory} is in use by process \d+"):
        Journal.open(directory)


async def test_a_closed_journal_gives_its_directory_back_and_takes_nothing(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.append_intent(call("c"))
    await (await started()).append_intent(call("d"))
    assert kinds(directory) == ["segment", "segment", "intent"]


async def test_a_journal_that_is_not_started_takes_nothing(directory: Path, call: Any) -> None:
    journal = Journal.open(directory)
    assert not journal.available
    with pytest.raises(JournalUnavailable, match="not started"):
        journal.append_intent(call("c"))
    await journal.close()


async def test_rotation_writes_a_checkpoint_that_fits_its_place(
    started: Start, directory: Path, call: Any
) -> None:
    ended: list[str] = []
    journal = await started(lambda: {"ended": list(ended)}, max_segment_bytes=2000)

    async def carry_out(call_id: str) -> None:
        await journal.append_intent(call(call_id))
        ended.append(call_id)
        await journal.append_outcome("outcome", {"call_id": call_id, "status": "answered"})

    await asyncio.gather(*(carry_out(f"c{number}") for number in range(40)))
    await journal.close()

    seen_open: set[str] = set()
    seen_ended: list[str] = []
    checkpoints = 0
    for line in recovery.read(directory):
        data = line.values()
        match line.kind:
            case "segment":
                checkpoints += 1
                charged = {call_id: charges for call_id, _, charges, _ in data["open"]}
                assert set(charged) == seen_open
                for call_id, charges in charged.items():
                    # Between a call's commit and its outcome's line the state has its charges.
                    assert bool(charges) == (call_id not in data["state"]["ended"])
                assert set(seen_ended) <= set(data["state"]["ended"])
            case "intent":
                seen_open.add(data["call_id"])
            case "outcome":
                seen_open.remove(data["call_id"])
                seen_ended.append(data["call_id"])
    assert checkpoints > 5
    sizes = [path.stat().st_size for path in directory.glob("journal-*")]
    assert max(sizes) < 4 * 2000


async def test_a_failed_sync_blocks_at_once_and_that_file_is_never_written_again(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("kept"))
    first = next(directory.glob("journal-*"))
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable, match="EIO"):
        await journal.append_intent(call("lost"))
    size = first.stat().st_size
    assert not journal.available
    with pytest.raises(JournalUnavailable, match="EIO"):
        journal.append_intent(call("refused"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_intent(call("next"))
    await journal.close()
    assert first.stat().st_size == size
    assert ids(directory, "intent") == ["kept", "next"]
    assert [each.call_id for each in recovery.recover(directory).open_calls] == ["kept", "next"]


@pytest.mark.parametrize("operation", ["write", "short write"])
async def test_a_full_disk_blocks_and_room_serves_again(
    *, started: Start, directory: Path, disk: Any, call: Any, operation: str, eventually: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("kept"))
    disk.faults[operation] = errno.ENOSPC
    with pytest.raises(JournalUnavailable, match="ENOSPC"):
        await journal.append_intent(call("lost"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_intent(call("next"))
    assert ids(directory, "intent") == ["kept", "next"]


async def test_a_directory_that_takes_no_new_file_keeps_the_journal_unavailable(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    journal = await started()
    disk.faults |= {"write": errno.ENOSPC, "create": errno.ENOSPC}
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("lost"))
    attempts = disk.log.count("create")
    await eventually(lambda: disk.log.count("create") > attempts + 1)
    assert not journal.available
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_intent(call("next"))
    assert kinds(directory) == ["segment", "segment", "lifecycle", "intent"]
    (told,) = [line for line in recovery.read(directory) if line.kind == "lifecycle"]
    assert json.loads(told.values()["metadata"]) == {"event": "audit_restored", "unrecorded": 1}


async def test_what_was_acknowledged_is_carried_over_a_failed_sync(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    journal = await started()
    for call_id in ("a", "b"):
        await journal.append_intent(call(call_id))
    await journal.append_outcome("outcome", {"call_id": "a", "status": "answered"})
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("lost"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.close()
    carried = [line for line in recovery.read(directory) if line.carried]
    assert [(line.kind, line.values()["call_id"]) for line in carried] == [("outcome", "a")]
    found = recovery.recover(directory)
    assert [each.call_id for each in found.open_calls] == ["b"]
    assert len(found.charges) == 1


async def test_the_outcome_of_an_open_call_is_written_when_the_disk_is_back(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    committed = ["before"]
    journal = await started(lambda: {"committed": len(committed)})
    await journal.append_intent(call("open"))
    disk.faults |= {"sync": errno.EIO, "create": errno.EIO}
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("lost"))
    committed.append("open")
    with pytest.raises(JournalUnavailable):
        journal.append_outcome("outcome", {"call_id": "open", "status": "answered"})
    with pytest.raises(JournalUnavailable):
        journal.append_outcome("outcome", {"call_id": "never begun", "status": "answered"})
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.close()
    assert ids(directory, "outcome") == ["open"]
    found = recovery.recover(directory)
    assert found.state == {"committed": 2}
    assert found.open_calls == ()
    assert found.charges == ()


async def test_a_relaxed_intent_that_cannot_be_written_is_refused(
    started: Start, directory: Path, disk: Any, call: Any, eventually: Any
) -> None:
    journal = await started(durability="relaxed")
    disk.faults["write"] = errno.ENOSPC
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("c"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_intent(call("d"))
    await journal.append_outcome("outcome", {"call_id": "d", "status": "answered"})
    await journal.close()
    assert ids(directory, "intent") == ["d"]
    assert recovery.recover(directory).open_calls == ()


async def test_closing_after_a_failure_still_writes_what_must_not_be_lost(
    started: Start, directory: Path, disk: Any, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("c"))
    disk.faults["write"] = errno.ENOSPC
    with pytest.raises(JournalUnavailable):
        await journal.append_outcome("outcome", {"call_id": "c", "status": "answered"})
    disk.faults.clear()
    await journal.close()
    assert ids(directory, "outcome") == ["c"]


async def test_a_disk_that_refuses_at_the_start_stops_the_start(
    started: Start, directory: Path, disk: Any
) -> None:
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable, match="EIO"):
        await started()
    disk.faults.clear()
    assert recovery.recover(directory).sequence == 0
    await started()


def test_a_path_that_is_no_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalUnavailable, match="file"):
        Journal.open(tmp_path / "file")


async def test_too_many_waiting_records_are_refused(
    started: Start, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helio.audit.journal._MAX_QUEUED", 3)
    journal = await started()
    futures = [journal.append_intent(call(f"c{number}")) for number in range(3)]
    with pytest.raises(JournalUnavailable, match="too many"):
        journal.append_intent(call("c3"))
    await asyncio.gather(*futures)
    await journal.append_intent(call("c4"))


async def test_open_calls_are_closed_once_after_a_restart(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("open"))
    await journal.append_intent(call("ended"))
    await journal.append_outcome("outcome", {"call_id": "ended", "status": "answered"})
    await journal.close()

    again = await started()
    assert [each.call_id for each in again.recovered.open_calls] == ["open"]
    assert await again.close_open_intents() == 1
    assert await again.close_open_intents() == 0
    await again.close()
    last = [line.values() for line in recovery.read(directory)][-1]
    assert last == {
        "call_id": "open",
        "status": "indeterminate",
        "cause": "restart",
        "upstream_error": "Helio stopped before the outcome was recorded",
    }
    assert recovery.recover(directory).open_calls == ()


async def test_lines_are_json_with_the_documented_keys(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("c"))
    node = (directory / "node").read_text().strip()
    text = next(directory.glob("journal-*")).read_text().splitlines()
    header, intent = map(json.loads, text)
    assert list(intent) == ["seq", "prev", "at", "kind", "data"]
    assert (header["seq"], header["kind"], header["data"]["node"]) == (1, "segment", node)
