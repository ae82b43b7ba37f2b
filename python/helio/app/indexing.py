"""The audit's index beside a Helio that serves: a process of its own, kept alive.

Above: `helio.app.application`. Below: `helio.audit.asking`. Whatever becomes of that process,
calls go on: it is started anew, and meanwhile operators are told to come again.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from helio.audit.asking.line import Line
from helio.audit.segment import Position

logger = logging.getLogger(__name__)

BEAT_SECONDS: Final = 2.0
"""How often the process is told how far the journal is, and asked for a sign of life."""
_MOST_UNANSWERED: Final = 15
_MOST_BEFORE_THE_FIRST: Final = 60
"""Beats without one, after which it hangs: once it began, and while it loads what it needs. They
are counted, not timed: a machine that slept has asked nothing meanwhile."""
_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between the end of one process and the start of the next, which double; and how long one
must live so that the next end is no sign of trouble that stays."""
_FILE_TRIED: Final = 2
"""Processes in a row that ended before the index was ready, after which the file is made anew."""
_GRACE_SECONDS: Final = 3.0
"""How long it may take to end when Helio does: with what calls in flight get, less than the half
minute after which supervisors kill. A kill loses nothing: the index follows the journal."""
_COMPLAINT: Final = 2000
"""Bytes of what it wrote to stderr that are told: it does so when it is at its end."""


class Indexing:
    """One directory's index, from `start` to `stop`. `line` is None while nobody can be asked.

    `settled` tells how far the journal may be read, `archive` is where sealed days are; `beat` is
    in seconds.
    """

    def __init__(
        self,
        directory: Path,
        settled: Callable[[], Position],
        archive: str,
        *,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._directory = directory
        self._archive = archive
        self._settled = settled
        self._beat = beat
        self._keeping: asyncio.Task[None] | None = None
        self._without = "loading"
        self.line: Line | None = None

    @property
    def state(self) -> str:
        """`loading`, `ready` or `unavailable`."""
        return self._without if self.line is None else self.line.status.state

    def start(self) -> None:
        """Starts the process, and from then on one for each that ended."""
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ends it, and waits for that."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping

    def days_sealed(self) -> None:
        """Sealed days belong to the archive now."""
        if self.line is not None:
            self.line.days_sealed()

    async def _keep(self) -> None:
        """Has one process after the other."""
        pause = _SHORTEST_PAUSE
        fruitless = 0
        while True:
            began = time.monotonic()
            # What ends it again and again before it can be asked may be its file.
            anew = fruitless > 0 and fruitless % _FILE_TRIED == 0
            life = await self._live(anew=anew)
            self._without = "unavailable"
            if life.was_ready:
                fruitless = 0
            elif life.began:
                fruitless += 1
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _SHORTEST_PAUSE
            text = "the audit's index is not available: %s; it is tried again in %g s"
            logger.warning(text, life.end, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _live(self, *, anew: bool) -> "_Life":
        """One process, from its start to its end."""
        try:
            process, reader, writer = await _started()
        except OSError as error:
            return _Life(f"its process cannot be started: {error}", began=False, was_ready=False)
        line = Line(reader, writer, self._settled)
        line.begin(self._directory, self._archive, anew=anew)
        self.line = line
        complaint = asyncio.create_task(_complaint(process))
        reading = asyncio.create_task(line.read())
        watching = asyncio.create_task(self._watch(line, process))
        try:
            await asyncio.wait([reading])
        finally:
            self.line = None
            watching.cancel()
            if not (reading.done() or line.was_ready):
                # It has nothing to bring to its end.
                _kill(process)
            ending = asyncio.create_task(_end(line, process, reading, complaint))
            try:
                await asyncio.shield(ending)
            finally:
                # Whoever stops meanwhile waits for it, too.
                await ending
        why = _end_of(line, process, reading.exception(), complaint.result())
        return _Life(why, began=True, was_ready=line.was_ready)

    async def _watch(self, line: Line, process: Process) -> None:
        """Tells it how far the journal is, and ends it when it hangs."""
        while not _hangs(line):
            await asyncio.sleep(self._beat)
            line.beat()
        _kill(process)


class _Life(NamedTuple):
    """What became of one process: how it ended, whether there was one, and whether its index was
    ever ready."""

    end: str
    began: bool
    was_ready: bool


async def _started() -> tuple[Process, asyncio.StreamReader, asyncio.StreamWriter]:
    """The process, and the end of the line whose other one is its stdin. Raises OSError."""
    ours, theirs = socket.socketpair()
    # `-P`: what lies in the directory where Helio was started is none of its modules.
    module = (sys.executable, "-P", "-m", "helio.audit.asking")
    level = logging.getLogger().getEffectiveLevel()
    process = None
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *module,
                str(os.getpid()),
                str(level),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        return process, *await asyncio.open_unix_connection(sock=ours)
    except BaseException:
        ours.close()
        if process is not None:
            _kill(process)
        raise


async def _end(
    line: Line, process: Process, reading: asyncio.Task[None], complaint: asyncio.Task[str]
) -> None:
    """Has it end, and waits for that and for all that it still says."""
    line.end()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        _kill(process)
        await process.wait()
    await asyncio.wait([reading, complaint])
    await line.close()


def _hangs(line: Line) -> bool:
    most = _MOST_UNANSWERED if line.began else _MOST_BEFORE_THE_FIRST
    return line.unanswered_beats >= most


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # It ended on its own.
        process.kill()


async def _complaint(process: Process) -> str:
    """The last that it wrote to stderr."""
    assert process.stderr is not None  # noqa: S101 - it was asked for
    last = b""
    while piece := await process.stderr.read(_COMPLAINT):
        last = (last + piece)[-_COMPLAINT:]
    return last.decode(errors="replace").strip()


def _end_of(line: Line, process: Process, error: BaseException | None, complaint: str) -> str:
    """How a process ended, in words."""
    code = process.returncode or 0
    if _hangs(line):
        end = "its process did not answer any more"
    elif error is not None:
        end = f"its process cannot be understood: {error}"
    elif code < 0:
        end = f"its process was ended by signal {-code}"
    else:
        end = f"its process ended with {code}"
    return f"{end}: {complaint}" if complaint else end
