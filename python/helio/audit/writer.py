"""The writer: one thread that puts the journal's bytes on the disk.

Above: `journal`, which numbers the records, links them and decides what follows a failure. Below:
`file_system`. The thread knows bytes and files only. It takes everything that queued while the last
`fdatasync` ran (group commit) and touches Python as little as it can: each return from a system
call waits for the interpreter, which the event loop holds while it is busy.

After a failure it discards what is queued until it is told to open a new segment.
"""

import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, cast

from helio.audit.file_system import FileSystem

logger = logging.getLogger(__name__)


class Open(NamedTuple):
    """Begin a new segment with its header. `again` ends the state after a failure."""

    path: Path
    header: bytes
    again: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Append `count` lines. `report`: someone waits for the write alone; `sync`: for the disk."""

    lines: bytes
    count: int
    report: bool
    sync: bool


class Stop(NamedTuple):
    """Sync, close the file and end the thread."""


Job = Open | Write | Stop


class Writer:
    """The thread and its queue.

    `progress(written, synced)` tells how many lines were written and synced since the last call;
    `failed(reason)` that nothing queued until now will be, but for what was told; `stopped()` is
    last. They are called on the writer's thread.
    """

    def __init__(
        self,
        file_system: FileSystem,
        progress: Callable[[int, int], None],
        failed: Callable[[str], None],
        stopped: Callable[[], None],
    ) -> None:
        self._file_system = file_system
        self._progress = progress
        self._failed = failed
        self._stopped = stopped
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._broken = False
        self._unsynced = 0
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
                if self._broken and not (isinstance(job, Open) and job.again):
                    continue
                try:
                    self._do(job)
                except (OSError, MemoryError) as error:
                    self._break(error)
        self._close()
        self._stopped()

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
            case Write():
                self._write(job)
            case Open():
                self._open(job)
            case Stop():
                self._sync()

    def _write(self, job: Write) -> None:
        self._file_system.write(self._file(), job.lines)
        self._unsynced += job.count
        if not job.sync:
            self._progress(job.count, 0)
        elif job.report:
            self._progress(job.count, 0)
            self._sync()
        else:
            self._sync(written=job.count)

    def _sync(self, written: int = 0) -> None:
        self._file_system.sync(self._file())
        synced, self._unsynced = self._unsynced, 0
        self._progress(written, synced)

    def _open(self, job: Open) -> None:
        self._broken = False
        if self._descriptor is not None:
            self._sync()
            self._close()
        self._path = job.path
        self._descriptor = self._file_system.create(job.path)
        try:
            self._file_system.write(self._descriptor, job.header)
            self._file_system.sync(self._descriptor)
            self._file_system.sync_directory(job.path.parent)
        except OSError:
            # A segment counts from its header on: without one it must not be there.
            self._close()
            self._file_system.remove(job.path)
            raise
        self._progress(1, 1)

    def _break(self, error: OSError | MemoryError) -> None:
        """Gives the file up for good: after a failed sync nobody knows what it holds."""
        logger.error("the journal cannot write: %s", error)
        self._broken = True
        self._unsynced = 0
        self._close()
        name = "" if self._path is None else f"{self._path.name}: "
        reason = error.strerror if isinstance(error, OSError) else "out of memory"
        self._failed(f"{name}{reason or error}")

    def _close(self) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            self._file_system.close(descriptor)
        except OSError as error:
            # What counts was synced before; what was not is reported as failed.
            logger.error("a segment did not close cleanly: %s", error)

    def _file(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "no segment is open")
        return self._descriptor


def _merged(jobs: list[Job]) -> list[Job]:
    """The jobs with neighbouring writes joined: one system call, one sync."""
    merged: list[Job] = []
    for is_write, group in groupby(jobs, key=lambda job: isinstance(job, Write)):
        if not is_write:
            merged.extend(group)
            continue
        writes = cast("list[Write]", list(group))
        merged.append(
            Write(
                b"".join([write.lines for write in writes]),
                sum(write.count for write in writes),
                any(write.report for write in writes),
                any(write.sync for write in writes),
            )
        )
    return merged
