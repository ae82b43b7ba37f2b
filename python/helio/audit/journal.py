"""The journal: what happened, in order, on disk before it is acted on.

Above: `helio.runtime` appends, `helio.app` opens and closes. Below: `writer` (lines to the kernel,
and by a thread to the disk), `segment`, `recovery`, `lock`, `watermark`. Lives on one event loop.
All thinking is done here: numbering, the chain, rotation, checkpoints, what follows a failure. Only
who waits for the disk waits for the thread, once for all records of one turn of the loop.

After a failed write or sync the segment is never written again. Appends fail at once until a new
segment opens; it goes on behind the last record that is known to be on the disk. Records behind
that one which were acknowledged, and outcomes, are carried over: written again, marked `carried`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from helio.audit import recovery
from helio.audit.file_system import FileSystem
from helio.audit.lock import DirectoryLock
from helio.audit.node import named
from helio.audit.pending import Need, OpenEntry, Pending, Record
from helio.audit.record import UNKNOWN_OUTCOME
from helio.audit.recovery import Recovered
from helio.audit.segment import FORMAT, Encoder, Position, encode_data, path_of
from helio.audit.watermark import Watermark
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
_FIRST_RETRY = 0.2
_LAST_RETRY = 2.0
"""Seconds between attempts to open a new segment; the pause doubles."""


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
        file_system: FileSystem | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Locks the directory (made if missing), checks the journal's end and cuts a torn tail.

        `clock` gives wall time in ns. What was found is in `recovered`. Raises `JournalLocked`,
        `JournalDamaged`, and `JournalUnavailable` when the disk refuses.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = DirectoryLock(directory)
            try:
                recovered = recovery.recover(directory, clock())
                recovery.cut(directory, recovered)
                node = named(directory)
                watermark = Watermark(directory)
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            raise JournalUnavailable(f"{directory}: {error.strerror or error}") from error
        for tail in recovered.cuts:
            name = path_of(directory, tail.segment).name
            logger.warning("%s: cut a torn tail of %d bytes", name, tail.lost)
        return cls(
            directory,
            lock,
            watermark,
            recovered,
            durability=durability,
            node=node,
            max_segment_bytes=max_segment_bytes,
            file_system=file_system or FileSystem(),
            clock=clock,
        )

    def __init__(
        self,
        directory: Path,
        lock: DirectoryLock,
        watermark: Watermark,
        recovered: Recovered,
        *,
        durability: Durability,
        node: str,
        max_segment_bytes: int,
        file_system: FileSystem,
        clock: Callable[[], int],
    ) -> None:
        """Use `open`."""
        self.directory = directory
        self.recovered = recovered
        self._lock = lock
        self._watermark = watermark
        self._node = node
        self._max_segment_bytes = max_segment_bytes
        self._clock = clock
        self._intent_need = Need.WRITTEN if durability == "relaxed" else Need.DURABLE
        self._outcome_need = _OUTCOME_NEEDS[durability]
        self._writer = Writer(file_system, self._progress, self._fail)
        self._end = recovered.end
        self._watermark.set(recovered.sequence, recovered.digest)
        self._encoder = Encoder(recovered.sequence, recovered.digest)
        self._pending = Pending(Record.recovered(recovered))
        # The state that `start` is given holds what they bring already.
        self._open_calls: dict[str | None, OpenEntry] = {
            call.call_id: OpenEntry(call.at) for call in recovered.open_calls
        }
        self._unavailable: str | None = "the journal is not started"
        self._carried: list[Record] = []
        self._late: list[Record] = []
        self._retry: asyncio.TimerHandle | None = None
        self._pause = _FIRST_RETRY
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
        self._open_segment(opened=opened)
        try:
            await opened
        except BaseException:
            await self.close()
            raise

    async def close_open_intents(self, cause: str = "restart") -> int:
        """Gives every call that `recovered` found open its outcome, `indeterminate`; their number.

        Raises `JournalUnavailable`.
        """
        closed = [
            self.append_durable(
                "outcome",
                {
                    "call_id": call.call_id,
                    "status": "indeterminate",
                    "cause": cause,
                    "upstream_error": UNKNOWN_OUTCOME,
                },
            )
            for call in self.recovered.open_calls
            if call.call_id in self._open_calls
        ]
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
        self._watermark.close()
        self._lock.release()

    # appending

    def _append(self, kind: str, data: Mapping[str, object], need: Need) -> asyncio.Future[None]:
        text = encode_data(data)
        call_id = str(data["call_id"]) if kind in ("intent", "outcome") else None
        record = Record(kind, self._clock(), text, need, call_id=call_id)
        if kind == "outcome":
            record.ending = self._end_call(call_id, data)
        if self._unavailable is not None:
            if record.ending is not None:
                self._late.append(record)
            raise JournalUnavailable(self._unavailable)
        if len(self._pending) >= _MAX_QUEUED and record.ending is None:
            raise JournalUnavailable("too many records wait for the disk")
        if self._ends_segment(record.at):
            self._open_segment([record])
        if kind == "intent":
            self._open_calls[call_id] = OpenEntry(
                record.at, data.get("charges", ()), data.get("facts")
            )
        self._put(record)
        if need is Need.QUEUED:
            return self._nothing
        record.future = self._loop.create_future()
        return record.future

    def _ends_segment(self, at: int) -> bool:
        """Whether a record of this time goes into a new segment: each holds one day, as the clock
        goes forward, and not too much."""
        if self._end is None:
            return False
        return self._end.offset >= self._max_segment_bytes or at // _DAY > self._day

    def _end_call(self, call_id: str | None, outcome: Mapping[str, object]) -> OpenEntry | None:
        """The call ends; what it is in a checkpoint that comes before its outcome's line."""
        call = self._open_calls.pop(call_id, None)
        if call is None or outcome.get("status") == "not_forwarded":
            return call
        # The state holds what it brought.
        return OpenEntry(call.at)

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
    ) -> None:
        """Goes on in a new segment, behind everything that was appended until now.

        `ending` are records whose lines will follow; the calls they end are open until then.
        """
        open_calls = self._open_calls | {
            record.call_id: record.ending for record in ending if record.ending is not None
        }
        checkpoint = {
            "format": FORMAT,
            "node": self._node,
            "follows": None if self._end is None else list(self._end),
            "state": self._state(),
            "open": [[call_id, *entry] for call_id, entry in open_calls.items()],
        }
        header = Record(
            "segment", self._clock(), encode_data(checkpoint), Need.DURABLE, future=opened
        )
        line = self._line(header)
        self._day, self._first = header.at // _DAY, header.sequence
        path = path_of(self.directory, header.sequence)
        self._writer.open(path, line, again=self._unavailable is not None)

    # what the writer tells

    def _progress(self, written: int, synced: int) -> None:
        opened = self._pending.progress(written, synced)
        if synced:
            durable = self._pending.durable
            self._watermark.set(durable.sequence, durable.digest)
        if not opened or self._unavailable is None:
            return
        logger.info("the journal goes on in %s", path_of(self.directory, self.settled.segment).name)
        self._unavailable = None
        self._pause = _FIRST_RETRY
        self._carried = []
        late, self._late = self._late, []
        for record in late:
            self._put(record)

    def _fail(self, reason: str) -> None:
        """Takes the chain back to what the disk is known to hold; a new segment comes later."""
        self._unavailable = reason
        carried, dropped = self._pending.fail(reason)
        self._carried = carried
        for record in dropped:
            if record.kind == "intent":
                self._open_calls.pop(record.call_id, None)
        durable = self._pending.durable
        self._encoder = Encoder(durable.sequence, durable.digest)
        self._end = durable.end if durable.sequence else None
        if self._closing:
            return
        self._retry = self._loop.call_later(self._pause, self._reopen)
        self._pause = min(2 * self._pause, _LAST_RETRY)

    def _reopen(self) -> None:
        self._retry = None
        carried = self._carried + self._late
        self._late = []
        self._open_segment(carried)
        for record in carried:
            self._put(record, carried=True)

    async def _end_writer(self) -> None:
        if self._retry is not None:
            # One more attempt, now, at what a failure left to be carried over.
            self._retry.cancel()
            self._reopen()
        await self._writer.stop()
        if self._carried:
            logger.error("%d records could not be written", len(self._carried))
