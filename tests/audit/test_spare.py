"""What becomes of calls under way when the disk is full: their outcomes have a place."""

import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.audit import recovery, segment, spare
from helio.audit.file_system import FileSystem
from helio.audit.journal import Journal
from helio.audit.loader import Loader
from helio.audit.verification import verify
from helio.errors import JournalUnavailable

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

KIB = 1024


class SmallDisk(FileSystem):
    """A disk of `capacity` bytes, all of whose files are the journal's and its spare space."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.capacity = 2**40

    @property
    def used(self) -> int:
        files = [*self.directory.glob("journal-*"), *self.directory.glob(spare.FILE)]
        return sum(path.stat().st_size for path in files)

    def fill(self) -> None:
        """Somebody else takes all that is free."""
        self.capacity = self.used

    def write(self, descriptor: int, data: bytes) -> None:
        room = self.capacity - self.used
        if len(data) > room:
            super().write(descriptor, data[: max(0, room)])
            raise OSError(28, os.strerror(28))
        super().write(descriptor, data)

    def allocate(self, descriptor: int, size: int) -> None:
        if self.used + size - os.fstat(descriptor).st_size > self.capacity:
            raise OSError(28, os.strerror(28))
        super().allocate(descriptor, size)

    def free_bytes(self, directory: Path) -> int:
        return max(0, self.capacity - self.used)


@pytest.fixture
def small(directory: Path) -> SmallDisk:
    return SmallDisk(directory)


def answered(call_id: str, response: str = "") -> dict[str, Any]:
    return {"call_id": call_id, "status": "answered", "upstream_response": response}


def records(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [line.values() for line in recovery.read(directory) if line.kind == kind]


async def fail(journal: Journal, call: Any) -> None:
    with pytest.raises(JournalUnavailable):
        await journal.append_intent(call("refused"))


async def test_outcomes_of_open_calls_fit_on_a_full_disk(
    directory: Path, small: SmallDisk, call: Any, eventually: Eventually
) -> None:
    journal = Journal.open(directory, file_system=small)
    await journal.start(dict)
    names = [f"c{number}" for number in range(60)]
    for name in names:
        await journal.append_intent(call(name))
    await eventually(lambda: small.used > 512 * KIB)  # The space grows with what it is for.
    small.fill()
    await fail(journal, call)
    for number, name in enumerate(names):
        # Whether the new segment is open by now or not.
        with suppress(JournalUnavailable):
            response = json.dumps("é" * (100 * KIB if number % 2 else 100))
            await journal.append_outcome("outcome", answered(name, response))
    # While the disk is full: so the next process would find them if this one were killed.
    await eventually(lambda: recovery.recover(directory).open_calls == ())
    outcomes = {each["call_id"]: each for each in records(directory, "outcome")}
    assert len(outcomes) == len(names)
    small_one, large_one = (outcomes[name]["upstream_response"] for name in names[2:4])
    assert small_one == json.dumps("é" * 100)
    assert (large_one["size"], len(large_one["sha256"])) == (len(json.dumps("é" * 100 * KIB)), 64)
    small.capacity = 2**40
    await eventually(lambda: journal.available)
    await journal.append_intent(call("next"))
    await journal.close()
    assert verify(directory).findings == []
    assert (directory / spare.FILE).stat().st_size == 0


async def test_calls_wait_while_no_space_can_be_kept(
    directory: Path, small: SmallDisk, call: Any, eventually: Eventually
) -> None:
    small.capacity = 100 * KIB
    journal = Journal.open(directory, file_system=small)
    await journal.start(dict)
    await eventually(lambda: not journal.available)
    await fail(journal, call)
    small.capacity = 10_000 * KIB
    await eventually(lambda: journal.available)
    await journal.append_intent(call("next"))
    await journal.close()


async def test_what_a_crash_left_open_is_closed_on_a_full_disk(
    directory: Path, small: SmallDisk, call: Any, eventually: Eventually
) -> None:
    journal = Journal.open(directory, file_system=small)
    await journal.start(dict)
    await journal.append_intent(call("open"))
    await eventually(lambda: (directory / spare.FILE).stat().st_size > 0)
    kept = (directory / spare.FILE).stat().st_size
    small.fill()
    journal._held.lock.release()  # As a kill would.
    again = Journal.open(directory, file_system=small)
    await again.start(dict)
    assert await again.close_open_intents() == 1
    assert recovery.recover(directory).open_calls == ()
    assert kept > 0
    await eventually(lambda: not again.available)
    await again.close()


async def test_calls_that_went_on_unrecorded_get_their_rows_later(
    started: Callable[..., Awaitable[Journal]],
    directory: Path,
    disk: Any,
    call: Any,
    eventually: Eventually,
) -> None:
    """`audit.on_failure: allow`: by a failed sync, while nothing can be written, and beyond it."""
    journal = await started(keep_unrecorded=True)
    disk.faults |= {"sync": 5, "create": 28}
    for name in ("failed", "refused", "open"):
        with pytest.raises(JournalUnavailable):
            await journal.append_intent(call(name))
    for name in ("failed", "refused"):
        with pytest.raises(JournalUnavailable):
            await journal.append_outcome("outcome", answered(name))
    with pytest.raises(JournalUnavailable):
        await journal.append_outcome("blocked", call("blocked", block_reason="policy_denied"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_outcome("outcome", answered("open"))
    await journal.close()
    assert [each["call_id"] for each in records(directory, "intent")] == [
        "failed",
        "refused",
        "open",
    ]
    found = recovery.recover(directory)
    assert found.open_calls == ()
    assert len(found.charges) == 1  # The state of the segment holds the other two.
    assert verify(directory).findings == []
    with duckdb.connect() as connection:
        loader = Loader(connection, directory)
        while loader.step():
            pass
        rows = connection.execute("SELECT id, outcome FROM audit ORDER BY id").fetchall()
    assert rows == [
        ("blocked", None),
        ("failed", "answered"),
        ("open", "answered"),
        ("refused", "answered"),
    ]


async def test_what_is_kept_later_has_a_bound(  # noqa: PLR0917
    started: Callable[..., Awaitable[Journal]],
    directory: Path,
    disk: Any,
    call: Any,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("helio.audit.late._MOST", 10)
    journal = await started(keep_unrecorded=True)
    disk.faults |= {"sync": 5, "create": 28}
    for number in range(25):
        with pytest.raises(JournalUnavailable):
            await journal.append_intent(call(f"c{number}"))
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.close()
    assert len(records(directory, "intent")) == 10
    (told,) = records(directory, "lifecycle")
    assert json.loads(told["metadata"])["unrecorded"] == 15


@given(
    text=st.text(max_size=200),
    times=st.integers(1, 400),
    more=st.dictionaries(st.text(max_size=5), st.text(max_size=50), max_size=4),
)
@settings(deadline=None)
def test_a_shortened_outcome_differs_in_its_answer_only(
    text: str, times: int, more: dict[str, str]
) -> None:
    response = json.dumps(text * times)
    data = {"n": 12345678901234567, **more, "upstream_response": response, "last": 1.5}
    whole = segment.encode_data(data)
    short = spare.shortened(whole)
    if len(whole) <= spare.OUTCOME:
        assert short == whole
        return
    assert len(short) <= spare.OUTCOME
    values = json.loads(short)
    assert values.pop("upstream_response")["size"] == len(response.encode())
    data.pop("upstream_response")
    assert values == data


def test_the_space_grows_in_steps() -> None:
    assert spare.needed(10, 1000, 50_000) >= spare.needed(10, 1000) >= 10 * spare.OUTCOME
    assert spare.needed(0, 0, 10**6) >= 10**6
    sizes = [spare.needed(calls, 1000) for calls in range(2000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) < 10
    assert all(
        size >= 1000 + calls * spare.OUTCOME and size & (size - 1) == 0
        for calls, size in enumerate(sizes)
    )
