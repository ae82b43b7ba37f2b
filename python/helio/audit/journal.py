"""The journal: what happened, in order, on disk before it is acted on.

Above: `helio.runtime` appends, `helio.app` opens and closes. Below: `writer` (lines to the kernel,
and by a thread to the disk), `segment`, `held` (the directory). Lives on one event loop.
All thinking is done here: numbering, the chain, rotation, checkpoints, what follows a failure. Only
who waits for the disk waits for the thread, once for all records of one turn of the loop.

After a failed write or sync the segment is never written again. Appends fail at once until a new
segment opens; it goes on behind the last record that is known to be on the disk. Records behind
that one which were acknowledged, and outcomes, are carried over: written again, marked `carried`.
On a disk that is full the new segment takes the place of the spare space, and holds the outcomes of
calls under way only, until that much is free again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from helio.audit import spare
from helio.audit.file_system import FileSystem
from helio.audit.held import HeldDirectory
from helio.audit.late import Late
from helio.audit.open_calls import OpenCalls
from helio.audit.pending import Need, Pending, Record
from helio.audit.record import restored, unknown_outcome
from helio.audit.retry import Retry
from helio.audit.segment import Encoder, Position, checkpoint_data, encode_data, path_of
from helio.audit.writer import Writer
from helio.errors import JournalUnavailable

logger = logging.getLogger(__name__)

Durability = Literal["full", "intent", "relaxed"]
State = Callable[[], Mapping[str, object]]

_OUTCOME_NEEDS = {"full": Need.DURABLE, "intent": Need.WRITTEN, "relaxed": Need.WRITTEN}
_MAX_QUEUED = 65_536
"""Records that the disk may not have yet before appends are refused."""
_DAY = 86_400 * 10**9
"""Nanoseconds of a UTC day."""
_FULL = "the disk is full: what is left is for the outcomes of calls under way"


class Journal:
    """One process's journal in one directory: `open`, `start`, appends, `close`.

    The appends return a future; the record is queued when they return, whether it is awaited or
    not, and its data may change afterwards. They raise TypeError for data that JSON cannot hold,
    and `JournalUnavailable`, at once or from the future, when the record is not safe.
    """

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        durability: Durability = "intent",
        max_segment_bytes: int = 64 * 1024 * 1024,
        keep_unrecorded: bool = False,
        file_system: FileSystem | None = None,
        clock: Callable[[], int] = time.time_ns,
        resume: bool = False,
    ) -> Self:
        """Locks the directory (made if missing), checks the journal's end and cuts a torn tail.

        `clock` gives wall time in ns. With `keep_unrecorded` records of calls are kept in memory
        while they cannot be written, and written later, though their appends fail. `resume`: open
        calls that can go on do. What was found is in `recovered`. Raises as `HeldDirectory.take`.
        """
        held = HeldDirectory.take(directory, file_system or FileSystem(), clock(), resume=resume)
        return cls(held, durability, max_segment_bytes, keep_unrecorded, clock)

    def __init__(
        self,
        held: HeldDirectory,
        durability: Durability,
        max_segment_bytes: int,
        keep_unrecorded: bool,
        clock: Callable[[], int],
    ) -> None:
        """Use `open`."""
        recovered = held.recovered
        self.directory = held.path
        self.recovered = recovered
        self._held = held
        self._max_segment_bytes = max_segment_bytes
        self._clock = clock
        self._intent_need = Need.WRITTEN if durability == "relaxed" else Need.DURABLE
        self._outcome_need = _OUTCOME_NEEDS[durability]
        self._writer = Writer(
            held.file_system, held.spare, self._progress, self._spared, self._fail
        )
        self._end = recovered.end
        self._encoder = Encoder(recovered.sequence, recovered.digest)
        self._pending = Pending(Record.recovered(recovered))
        self._open_calls = OpenCalls(recovered)
        self._unavailable: str | None = "the journal is not started"
        self._carried: list[Record] = []
        self._keep_unrecorded = keep_unrecorded
        self._late = Late(everything=keep_unrecorded)
        self._retry = Retry()
        self._lacking = self._sparing = False
        self._wanted = self._header_bytes = 0
        self._day, self._first = 0, 0
        self._started = False
        self._closing = False

    @property
    def unavailable(self) -> str | None:
        """Why records cannot be kept now; None while they can."""
        return self._unavailable

    @property
    def available(self) -> bool:
        """Whether records can be kept now."""
        return self._unavailable is None

    @property
    def queued(self) -> int:
        """Records that the disk does not have yet."""
        return len(self._pending)

    @property
    def sequence(self) -> int:
        """The number of the newest record."""
        return self._encoder.sequence

    @property
    def settled(self) -> Position:
        """How far the files hold what will stay. Any thread may ask."""
        return self._pending.settled

    async def start(self, state: State) -> None:
        """Starts the thread and opens a segment of this process's own.

        `state()` is the checkpoint of a new segment, a JSON object. It is called on the loop
        between two appends and must count exactly the calls whose outcome was appended; here, that
        is what `recovered` holds, its charges included. Raises `JournalUnavailable`.
        """
        self._loop = asyncio.get_running_loop()
        self._state = state
        self._nothing = self._loop.create_future()
        self._nothing.set_result(None)
        self._started = True
        self._writer.start()
        opened = self._loop.create_future()
        self._asked: asyncio.Future[None] = self._loop.create_future()
        # What a process that crashed kept free is for what it left open.
        self._open_segment(opened=opened, give_up=True)
        try:
            await opened
            self._ask_for_space()
            await self._asked
        except BaseException:
            await self.close()
            raise

    async def close_open_intents(self, cause: str = "restart") -> int:
        """Gives every call that `recovered` found open its outcome, `indeterminate`; their number.

        Raises `JournalUnavailable`.
        """
        known = (each.call_id for each in self.recovered.open_calls)
        ended = [unknown_outcome(each, cause) for each in known if each in self._open_calls]
        closed = [self.append_durable("outcome", each) for each in ended]
        await asyncio.gather(*closed)
        return len(closed)

    def append_intent(self, data: Mapping[str, object]) -> asyncio.Future[None]:
        """A call that will be forwarded; `data` holds `call_id`, what it charges (`charges`) and
        what it is in its session (`facts`).

        Safe on the disk when the future is done; under `relaxed` with the kernel.
        """
        return self._append("intent", data, self._intent_need)

    def append_outcome(self, kind: str, data: Mapping[str, object]) -> asyncio.Future[None]:
        """What came of a call, or (kind `blocked`, `rejected`) a call that goes no further.

        With the kernel when the future is done; under `full` on the disk.
        The outcome of an open call is kept, and written later, when this raises.
        """
        return self._append(kind, data, self._outcome_need)

    def append_durable(self, kind: str, data: Mapping[str, object]) -> asyncio.Future[None]:
        """Any record, on the disk when the future is done."""
        return self._append(kind, data, Need.DURABLE)

    def append_written(self, kind: str, data: Mapping[str, object]) -> asyncio.Future[None]:
        """Any record, with the kernel when the future is done: safe from the process's crash."""
        return self._append(kind, data, Need.WRITTEN)

    def append_soon(self, kind: str, data: Mapping[str, object]) -> None:
        """Any record, queued for the writer; nobody waits."""
        self._append(kind, data, Need.QUEUED)

    def begin_day(self) -> None:
        """Goes on in a new segment when the last one is of an earlier day, though nothing is
        appended: only segments that are left can be sealed."""
        now = self._clock()
        holds_something = self._encoder.sequence > self._first
        if self.available and holds_something and now // _DAY > self._day and not self._closing:
            self._open_segment()

    async def close(self) -> None:
        """Puts all that is queued on the disk, ends the thread and gives the directory back."""
        if self._closing:
            return
        self._closing = True
        if self._started:
            await self._end_writer()
        self._unavailable = "the journal is closed"
        self._held.release()

    # appending

    def _append(self, kind: str, data: Mapping[str, object], need: Need) -> asyncio.Future[None]:
        text = encode_data(data)
        call_id = str(data["call_id"]) if kind in ("intent", "outcome") else None
        record = Record(kind, self._clock(), text, need, call_id=call_id)
        record.kept = self._keep_unrecorded
        if kind == "outcome":
            record.ending = self._open_calls.end(call_id, data)
        self._refuse_unavailable(record, data)
        if self._ends_segment(record.at):
            self._open_segment([record])
        if kind == "intent":
            self._open_calls.begin(record, data)
            self._ask_for_space()
        self._put(record)
        if need is Need.QUEUED:
            return self._nothing
        record.future = self._loop.create_future()
        return record.future

    def _refuse_unavailable(self, record: Record, data: Mapping[str, object]) -> None:
        """Raises `JournalUnavailable` for a record that cannot be written now."""
        if self._unavailable is None:
            if len(self._pending) >= _MAX_QUEUED and record.ending is None:
                raise JournalUnavailable("too many records wait for the disk")
        elif self._sparing and self._late.is_end(record):
            record.data = spare.shortened(record.data)
        else:
            if self._late.add(record) and record.kind == "intent":
                self._open_calls.begin(record, data)
            raise JournalUnavailable(self._unavailable)

    def _ends_segment(self, at: int) -> bool:
        """Whether a record of this time goes into a new segment: each holds one day, as the clock
        goes forward, and not too much."""
        if self._end is None:
            return False
        return self._end.offset >= self._max_segment_bytes or at // _DAY > self._day

    def _put(self, record: Record, *, carried: bool = False) -> None:
        """Gives the record its line, and the line to the writer."""
        line = self._line(record, carried=carried)
        self._writer.put(line, sync=carried or record.need is Need.DURABLE)

    def _line(self, record: Record, *, carried: bool = False) -> bytes:
        encoder = self._encoder
        line = encoder.encode(record.kind.encode(), record.at, record.data, carried=carried)
        record.sequence = encoder.sequence
        record.digest = encoder.digest
        segment, offset = (record.sequence, 0) if record.kind == "segment" else self._place()
        record.end = self._end = Position(segment, offset + len(line))
        self._pending.add(record)
        return line

    def _place(self) -> Position:
        if self._end is None:
            raise JournalUnavailable("no segment is open")
        return self._end

    def _open_segment(
        self,
        ending: Iterable[Record] = (),
        opened: asyncio.Future[None] | None = None,
        *,
        give_up: bool = False,
    ) -> None:
        """Goes on in a new segment, behind everything that was appended until now.

        `ending` are records whose lines will follow; the calls they end are open until then. With
        `give_up` the spare space makes room for it.
        """
        listed = self._open_calls.listed(ending)
        data = checkpoint_data(self._held.node, self._end, self._state(), listed)
        header = Record("segment", self._clock(), data, Need.DURABLE, future=opened)
        line = self._line(header)
        self._header_bytes = len(line)
        self._day, self._first = header.at // _DAY, header.sequence
        path = path_of(self.directory, header.sequence)
        self._writer.open(path, line, again=self._unavailable is not None, give_up=give_up)

    # what the writer tells

    def _progress(self, written: int, synced: int) -> None:
        opened = self._pending.progress(written, synced)
        if synced:
            durable = self._pending.durable
            self._held.watermark.set(durable.sequence, durable.digest)
        if not opened or self._unavailable is None or self._sparing:
            return
        self._carried = []
        if self._lacking:
            self._save_space()
        else:
            self._resume()

    def _resume(self) -> None:
        """Takes all records again, those first that could not be written."""
        logger.info("the journal goes on in %s", path_of(self.directory, self.settled.segment).name)
        self._unavailable = None
        self._sparing = False
        self._retry.reset()
        self._put_late(self._late.take())
        lost, self._late.lost = self._late.lost, 0
        if lost:
            self.append_soon("lifecycle", restored(lost))

    def _save_space(self) -> None:
        """Takes nothing but the ends of calls, until there is spare space again."""
        self._unavailable = _FULL
        self._lacking = False
        self._sparing = True
        self._put_late(self._late.take(ends_only=True))
        self._retry.later(self._ask_again)

    def _put_late(self, records: Iterable[Record]) -> None:
        for record in records:
            self._put(record, carried=record.listed)

    def _ask_for_space(self) -> None:
        """Spare space grows with what it is for."""
        calls = self._open_calls
        wanted = spare.needed(len(calls), self._header_bytes, calls.bytes)
        if wanted > self._wanted:
            self._wanted = wanted
            self._writer.reserve(wanted)

    def _ask_again(self) -> None:
        # All that was kept before, so that nobody lives on what a full disk was given.
        self._writer.reserve(self._wanted)

    def _spared(self, size: int, asked: int) -> None:
        """What came of asking for spare space, or of giving it up."""
        if asked and not self._asked.done():
            self._asked.set_result(None)
        if self._unavailable is None and size < asked:
            logger.error("the audit's disk is nearly full: new calls wait for room")
            self._save_space()
        elif self._sparing and asked >= self._wanted:
            if size >= asked:
                self._resume()
            else:
                self._retry.later(self._ask_again)

    def _fail(self, reason: str, lacking: bool) -> None:
        """Takes the chain back to what the disk is known to hold; a new segment comes later."""
        self._unavailable = reason
        self._lacking, self._sparing = lacking, False
        survivors, dropped = self._pending.fail(reason)
        self._carried = []
        for record in survivors:
            if record.acknowledged or self._late.is_end(record):
                self._carried.append(record)
            elif not self._late.add(record):
                self._open_calls.forget(record)
        for record in dropped:
            self._open_calls.forget(record)
            self._late.lost += record.kind != "segment"
        durable = self._pending.durable
        self._encoder = Encoder(durable.sequence, durable.digest)
        self._end = durable.end if durable.sequence else None
        if not self._closing:
            self._retry.later(self._reopen, at_once=lacking and self._held.spare.size > 0)

    def _reopen(self) -> None:
        carried = self._carried + self._late.take(ends_only=self._lacking)
        self._carried = carried
        for record in [*carried, *self._late]:
            record.listed = True
        if self._lacking:
            for record in carried:
                record.data = spare.shortened(record.data)
        self._open_segment(carried, give_up=self._lacking)
        for record in carried:
            self._put(record, carried=True)

    async def _end_writer(self) -> None:
        if self._retry.cancel() and not self._sparing:
            # One more attempt, now, at what a failure left to be carried over.
            self._reopen()
        await self._writer.stop()
        if number := len(self._carried) + len(self._late):
            logger.error("%d records could not be written", number)
