"""The syncer: one thread for what a disk takes its time for. It opens segments, syncs and closes
them.

Above: `writer`, on the event loop, which writes the lines. Below: `file_system`, `spare`. The
thread takes all requests that queued while the last `fdatasync` ran as one (group commit), and
touches Python as little as it can: each return from a system call waits for the interpreter, which
the event loop holds while it is busy. After a failure it only opens a new segment, when told to.
"""

import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from helio.audit.file_system import FileSystem
from helio.audit.spare import Spare, is_lacking

logger = logging.getLogger(__name__)


class Open(NamedTuple):
    """Begin a new segment with its header. `again` ends the state after a failure; `give_up` gives
    the spare space up first."""

    path: Path
    header: bytes
    again: bool = False
    give_up: bool = False


class Reserve(NamedTuple):
    """Keep so many bytes of the disk as spare space."""

    size: int


class Sync(NamedTuple):
    """Put on the disk what was written: `through` counts the lines so far, of all segments."""

    through: int


class Break(NamedTuple):
    """A write failed: nothing counts any more that was not synced before."""

    error: OSError | MemoryError


class Stop(NamedTuple):
    """Close the file and end the thread."""


Job = Open | Reserve | Sync | Break | Stop


class Listener(Protocol):
    """What the thread tells, on the event loop and in the order in which it happened."""

    def synced(self, through: int) -> None:
        """The disk has so many lines, of all that were ever written."""

    def opened(self, descriptor: int) -> None:
        """The disk has a new segment's header, and the segment can be written."""

    def spared(self, size: int, asked: int) -> None:
        """So many bytes are kept as spare space now, and how many were `asked` for."""

    def failed(self, reason: str, lacking: bool) -> None:
        """Nothing more will be synced until a segment is opened `again`. `lacking`: the disk is
        full."""

    def stopped(self) -> None:
        """The last of all."""


class Syncer:
    """The thread and its queue. `soon` has the event loop call something back, from any thread."""

    def __init__(
        self,
        file_system: FileSystem,
        spare: Spare,
        listener: Listener,
        soon: Callable[..., object],
    ) -> None:
        self._file_system = file_system
        self._spare = spare
        self._listener = listener
        self._soon = soon
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="helio-journal", daemon=True)

    def start(self) -> None:
        """Starts the thread. The first job must be `Open`."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queues a job. Never waits."""
        self._queue.put(job)

    def join(self) -> None:
        """Waits for the thread's end, after `Stop`."""
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            for job in _merged(self._take()):
                running = running and not isinstance(job, Stop)
                if isinstance(job, Reserve):
                    self._reserve(job)
                    continue
                if self._broken and not (isinstance(job, Open) and job.again):
                    continue
                try:
                    self._do(job)
                except (OSError, MemoryError) as error:
                    self._break(error)
        self._close()
        self._soon(self._listener.stopped)

    def _take(self) -> list[Job]:
        """Everything that is queued, at least one job."""
        jobs = [self._queue.get()]
        while True:
            try:
                jobs.append(self._queue.get_nowait())
            except Empty:
                return jobs

    def _do(self, job: Job) -> None:
        match job:
            case Sync():
                self._sync(job)
            case Open():
                self._open(job)
            case Break():
                raise job.error
            case Stop():
                self._close()

    def _sync(self, job: Sync) -> None:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "no segment is open")
        self._file_system.sync(self._descriptor)
        self._soon(self._listener.synced, job.through)

    def _open(self, job: Open) -> None:
        self._broken = False
        self._close()
        if job.give_up:
            self._spare.release()
            self._soon(self._listener.spared, 0, 0)
        self._path = job.path
        self._descriptor = descriptor = self._file_system.create(job.path)
        try:
            self._file_system.write(descriptor, job.header)
            self._file_system.sync(descriptor)
            self._file_system.sync_directory(job.path.parent)
        except OSError:
            # A segment counts from its header on: without one it must not be there.
            self._close()
            self._file_system.remove(job.path)
            raise
        self._soon(self._listener.opened, descriptor)

    def _reserve(self, job: Reserve) -> None:
        """A disk that refuses is told by the size that is kept: nothing is lost with it."""
        try:
            self._spare.reserve(job.size)
        except OSError as error:
            logger.info("no %d bytes can be kept free: %s", job.size, error.strerror or error)
        self._soon(self._listener.spared, self._spare.size, job.size)

    def _break(self, error: OSError | MemoryError) -> None:
        """Gives the file up for good: after a failed sync nobody knows what it holds. It is closed
        later, for the event loop may be writing to it.
        """
        logger.error("the journal cannot write: %s", error)
        self._broken = True
        name = "" if self._path is None else f"{self._path.name}: "
        reason = error.strerror if isinstance(error, OSError) else "out of memory"
        self._soon(self._listener.failed, f"{name}{reason or error}", is_lacking(error))

    def _close(self) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            self._file_system.close(descriptor)
        except OSError as error:
            # What counts was synced before; what was not is reported as failed.
            logger.error("a segment did not close cleanly: %s", error)


def _merged(jobs: list[Job]) -> list[Job]:
    """The jobs without the syncs that the next one covers."""
    return [
        job
        for job, following in zip(jobs, [*jobs[1:], None], strict=True)
        if not (isinstance(job, Sync) and isinstance(following, Sync))
    ]
