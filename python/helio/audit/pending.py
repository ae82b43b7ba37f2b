"""Records on their way to the disk: who waits for what, and what a failure does to each.

Above: `journal`. Below: `recovery`, `segment`. Lives on the event loop; does no I/O.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Self

from helio.audit.recovery import Recovered
from helio.audit.segment import Position
from helio.errors import JournalUnavailable


class OpenEntry(NamedTuple):
    """An open call in a checkpoint: its wall time in ns, and what the state does not hold of it:
    its charges, the facts of its session, and what another process needs to go on with it."""

    at: int
    charges: object = ()
    facts: object = None
    evaluation: object = None


class Need(IntEnum):
    """What an append waits for: nothing, the kernel, or the disk."""

    QUEUED = 0
    WRITTEN = 1
    DURABLE = 2


class Record:
    """One record between its append and the sync that covers it.

    `at` is wall time in ns, `data` JSON text. `end` is the place behind its line, once it has one.
    `ending`, of an outcome, is what its call is in a checkpoint that comes before its line. `kept`:
    it is written later if it cannot be now. `listed`: a checkpoint before its line tells of it.
    """

    __slots__ = (
        "acknowledged",
        "at",
        "call_id",
        "data",
        "digest",
        "end",
        "ending",
        "future",
        "kept",
        "kind",
        "listed",
        "need",
        "sequence",
    )

    def __init__(
        self,
        kind: str,
        at: int,
        data: bytes,
        need: Need,
        *,
        future: "asyncio.Future[None] | None" = None,
        call_id: str | None = None,
    ) -> None:
        self.kind = kind
        self.at = at
        self.data = data
        self.need = need
        self.future = future
        self.call_id = call_id
        self.acknowledged = need is Need.QUEUED
        self.sequence = 0
        self.digest = ""
        self.end = Position(0, 0)
        self.ending: OpenEntry | None = None
        self.kept = False
        self.listed = False

    @classmethod
    def recovered(cls, recovered: Recovered) -> Self:
        """What a start finds last, as the place where the chain goes on."""
        record = cls("segment", recovered.state_at, b"", Need.DURABLE)
        record.sequence = recovered.sequence
        record.digest = recovered.digest
        record.end = recovered.end or Position(0, 0)
        return record

    def acknowledge(self) -> None:
        """Tells who waits, if anyone still does, that the record is as safe as was asked."""
        self.acknowledged = True
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    def fail(self, reason: str) -> None:
        """Tells who waits, if anyone still does, that the record is not safe."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(JournalUnavailable(reason))

    @property
    def survives(self) -> bool:
        """Whether a failure carries the record over: acknowledged, kept, or the end of a call."""
        return self.kind != "segment" and (self.acknowledged or self.kept or self.kind == "outcome")


class Pending:
    """The records that are queued or written and not yet synced, in order.

    `durable` is the last one known to be on the disk. `settled` is the place up to which the files
    hold only what was acknowledged, and so stays.
    """

    def __init__(self, durable: Record) -> None:
        self.durable = durable
        self.settled = durable.end
        self._queued: deque[Record] = deque()
        self._unsynced: deque[Record] = deque()
        self._unsettled = False

    def __len__(self) -> int:
        """How many records the disk does not have yet."""
        return len(self._queued) + len(self._unsynced)

    def add(self, record: Record) -> None:
        """The record has its line and waits for the writer."""
        self._queued.append(record)

    def progress(self, written: int, synced: int) -> bool:
        """The writer's news, counts of records; True when a segment's header came to the disk.

        A sync covers all that was written.
        """
        opened = False
        for _ in range(written):
            record = self._queued.popleft()
            self._unsynced.append(record)
            if record.need is Need.WRITTEN:
                record.acknowledge()
            self._unsettled = self._unsettled or not record.acknowledged
            if not self._unsettled:
                self.settled = record.end
        for _ in range(synced):
            self.durable = record = self._unsynced.popleft()
            if record.need is Need.DURABLE:
                record.acknowledge()
            opened = opened or record.kind == "segment"
        if synced:
            self._unsettled = False
            self.settled = self.durable.end
        return opened

    def fail(self, reason: str) -> tuple[list[Record], list[Record]]:
        """Nothing here will be synced. Returns what must be carried over, and what is dropped."""
        records = [*self._unsynced, *self._queued]
        self._unsynced.clear()
        self._queued.clear()
        self._unsettled = False
        self.settled = self.durable.end
        for record in records:
            record.fail(reason)
        return _parted(records)


def _parted(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    carried: list[Record] = []
    dropped: list[Record] = []
    for record in records:
        (carried if record.survives else dropped).append(record)
    return carried, dropped
