"""The writer: hands the journal's lines to the kernel, those of one turn of the loop together.

Above: `journal`, which numbers the records, links them and decides what follows a failure. Below:
`syncer` (the thread that opens segments and syncs them), `file_system`. Lives on the event loop: to
write into the kernel's memory takes a few µs, to wake a thread and be woken by it ten times that.
The price: while the kernel holds writers back, because its disk cannot keep up, it holds back the
loop.

After a failure everything is discarded until a new segment is opened `again`.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from helio.audit.file_system import FileSystem
from helio.audit.spare import Spare
from helio.audit.syncer import Break, Open, Reserve, Stop, Sync, Syncer

_MAX_UNSYNCED = 1024 * 1024
"""Bytes that may wait for a sync that nobody asked for."""


@dataclass(slots=True)
class _Lines:
    """Lines of one segment that nothing came between; `sync`: somebody waits for the disk."""

    lines: list[bytes] = field(default_factory=list)
    sync: bool = False


class Writer:
    """The lines on their way to the kernel and to the disk.

    `progress(written, synced)` tells how many lines were written and synced since the last call;
    `spared(size, asked)` how many bytes are spare space now; `failed(reason, lacking)` that
    nothing put until now will be, but for what was told, and whether for lack of space. None is
    called from within `put`, `open` or `reserve`.
    """

    def __init__(
        self,
        file_system: FileSystem,
        spare: Spare,
        progress: Callable[[int, int], None],
        spared: Callable[[int, int], None],
        failed: Callable[[str, bool], None],
    ) -> None:
        self._file_system = file_system
        self._spare = spare
        self._progress = progress
        self._spared = spared
        self._failed = failed
        self._queue: deque[_Lines | Open | Stop] = deque()
        self._scheduled = False
        self._descriptor: int | None = None
        self._opening = False
        self._broken = False
        self._written = 0
        self._synced = 0
        self._unasked_bytes = 0

    def start(self) -> None:
        """Starts the thread; lines will come from the running loop. `open` is the first call."""
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.create_future()
        self._syncer = Syncer(self._file_system, self._spare, self, self._loop.call_soon_threadsafe)
        self._syncer.start()

    def put(self, line: bytes, *, sync: bool) -> None:
        """Writes a line at the end of this turn of the loop; `sync`: it is waited for the disk."""
        last = self._queue[-1] if self._queue else None
        if not isinstance(last, _Lines):
            last = _Lines()
            self._add(last)
        last.lines.append(line)
        last.sync = last.sync or sync

    def open(
        self, path: Path, header: bytes, *, again: bool = False, give_up: bool = False
    ) -> None:
        """Begins a new segment behind what was put. `again` ends the state after a failure;
        `give_up` gives the spare space up for it."""
        self._add(Open(path, header, again, give_up))

    def reserve(self, size: int) -> None:
        """Asks for so many bytes of spare space; `spared` tells what came of it."""
        self._syncer.put(Reserve(size))

    async def stop(self) -> None:
        """Puts all of it on the disk and ends the thread."""
        self._add(Stop())
        await self._end
        self._syncer.join()

    def _add(self, job: _Lines | Open | Stop) -> None:
        self._queue.append(job)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        """Does what is queued, up to a segment that must be opened first."""
        self._scheduled = False
        while self._queue and not self._opening:
            job = self._queue.popleft()
            if isinstance(job, _Lines):
                if not self._broken:
                    self._write(job)
            elif isinstance(job, Stop):
                self._leave_segment()
                self._syncer.put(job)
            elif job.again or not self._broken:
                self._leave_segment()
                self._opening, self._broken = True, False
                self._syncer.put(job)

    def _write(self, job: _Lines) -> None:
        lines = job.lines
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            self._file_system.write(self._open_segment(), data)
        except (OSError, MemoryError) as error:
            self._broken = True
            # It tells `failed` when it has told all that was synced before.
            self._syncer.put(Break(error))
            return
        self._written += len(lines)
        self._unasked_bytes += len(data)
        if job.sync or self._unasked_bytes > _MAX_UNSYNCED:
            self._sync()
        self._progress(len(lines), 0)

    def _open_segment(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "no segment is open")
        return self._descriptor

    def _sync(self) -> None:
        self._unasked_bytes = 0
        self._syncer.put(Sync(self._written))

    def _leave_segment(self) -> None:
        """From here on the thread may close the file."""
        if self._descriptor is not None and not self._broken:
            self._sync()
        self._descriptor = None

    # what the thread tells

    def synced(self, through: int) -> None:
        """See `helio.audit.syncer.Listener`."""
        count, self._synced = through - self._synced, through
        self._progress(0, count)

    def opened(self, descriptor: int) -> None:
        """See `helio.audit.syncer.Listener`."""
        self._descriptor = descriptor
        self._opening = False
        self._written += 1
        count, self._synced = self._written - self._synced, self._written
        self._progress(1, count)
        self._work()

    def spared(self, size: int, asked: int) -> None:
        """See `helio.audit.syncer.Listener`."""
        self._spared(size, asked)

    def failed(self, reason: str, lacking: bool) -> None:
        """See `helio.audit.syncer.Listener`."""
        self._broken, self._opening = True, False
        self._descriptor = None
        self._synced = self._written
        self._unasked_bytes = 0
        self._work()
        self._failed(reason, lacking)

    def stopped(self) -> None:
        """See `helio.audit.syncer.Listener`."""
        self._end.set_result(None)
