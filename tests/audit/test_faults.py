"""A journal on a disk that fails again and again, under load: the fold stays true."""

import asyncio
import errno
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from helio.audit import recovery
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable

Start = Callable[..., Awaitable[Journal]]

CALLERS = 8
CALLS = 80


class Load:
    """Calls as the driver makes them: charges are committed with the outcome, in one step."""

    def __init__(self, durability: str) -> None:
        self.durability = durability
        self.committed = 0
        self.promised: list[str] = []
        self.begun: set[str] = set()

    def state(self) -> dict[str, object]:
        return {"committed": self.committed}

    async def caller(self, journal: Journal, name: str, chance: random.Random) -> None:
        for number in range(CALLS):
            call_id = f"{name}-{number}"
            charges = [["limit", "key", "rate", "1", 86_400_000]]
            try:
                await journal.append_intent({"call_id": call_id, "charges": charges})
            except JournalUnavailable:
                await asyncio.sleep(0.001)
                continue
            self.promised.append(f"intent {call_id}")
            self.begun.add(call_id)
            await asyncio.sleep(0.0005)
            forwarded = chance.random() < 0.8
            self.committed += forwarded
            status = "answered" if forwarded else "not_forwarded"
            try:
                await journal.append_outcome("outcome", {"call_id": call_id, "status": status})
            except JournalUnavailable:
                # It is the end of an open call, so it will be written nevertheless.
                await asyncio.sleep(0)
            self.promised.append(f"outcome {call_id}")


async def break_the_disk(disk: Any, chance: random.Random) -> None:
    """Faults of every kind, in turn with none."""
    while True:
        await asyncio.sleep(chance.uniform(0, 0.01))
        operations = ["sync", "write", "short write", "create"]
        for operation in chance.sample(operations, chance.randint(1, 3)):
            disk.faults[operation] = chance.choice([errno.ENOSPC, errno.EIO])
        await asyncio.sleep(chance.uniform(0, 0.01))
        disk.faults.clear()


@pytest.mark.parametrize("durability", ["full", "intent", "relaxed"])
async def test_no_fault_loses_or_doubles_what_was_promised(
    started: Start,
    directory: Path,
    disk: Any,
    monkeypatch: pytest.MonkeyPatch,
    durability: str,
) -> None:
    monkeypatch.setattr("helio.audit.retry._FIRST", 0.001)
    monkeypatch.setattr("helio.audit.retry._LAST", 0.002)
    chance = random.Random(os.environ.get("HELIO_SEED", durability))
    load = Load(durability)
    journal = await started(load.state, durability=durability, max_segment_bytes=4000)
    breaker = asyncio.create_task(break_the_disk(disk, chance))
    await asyncio.gather(*(load.caller(journal, f"c{n}", chance) for n in range(CALLERS)))
    breaker.cancel()
    disk.faults.clear()
    await journal.close()
    assert disk.raised > 1
    check(directory, load)


def check(directory: Path, load: Load) -> None:
    records: Counter[str] = Counter()
    unforwarded = 0
    for line in recovery.read(directory):
        if line.kind in ("intent", "outcome"):
            data = line.values()
            records[f"{line.kind} {data['call_id']}"] += 1
            unforwarded += data.get("status") == "not_forwarded"
    assert [promise for promise in load.promised if promise not in records] == []
    assert set(records.values()) == {1}
    assert set(records) == set(load.promised)

    found = recovery.recover(directory)
    assert found.open_calls == ()
    assert found.state is not None
    assert found.state["committed"] + len(found.charges) == load.committed
    assert load.committed == len(load.begun) - unforwarded
