"""Reads the journal on while somebody listens, and gives every listener what is told.

Above: `stream`. Below: `told`, `helio.audit.tail`. Lives on the event loop; files are read in a
thread of its own that stands back behind calls. What was told lately is kept, so that whoever comes
back gets what was missed; who missed more is told so.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from helio.audit import segment
from helio.audit.background import stand_back
from helio.audit.segment import Position
from helio.audit.tail import Tail
from helio.errors import JournalDamaged
from helio.operator.live.told import Event, EventId, Teller

logger = logging.getLogger(__name__)

KEPT: Final = 10_000
"""Events that are kept for those who come back."""
REACH: Final = 16 * 1024 * 1024
"""Bytes of the journal that are read when the first one comes: what is told of them can be told
again."""
MOST_WAITING: Final = 2_000
"""Events that a listener may leave lying before it is given up."""

_PIECE: Final = 256 * 1024
_PAUSE_SECONDS: Final = 0.2
"""Between two looks at a journal that had nothing new."""

Warnings = Callable[[], Iterable[Mapping[str, object]]]
"""What limits and budgets say of themselves when something was counted: `limit_warning`s."""


class Listener:
    """One who listens: what waits for it, until it is `over`.

    `missed` says why there are events that it will not get; None while there are none. `start` is
    behind what it has heard already.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[Event] = []
        self._woken = asyncio.Event()
        self.missed: str | None = None
        self.start = EventId(0)
        self.over = False

    async def next(self, seconds: float) -> list[Event]:
        """What came since the last time; waits for something up to so many seconds."""
        if not (self._waiting or self.over):
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        found, self._waiting = self._waiting, []
        return found

    def begin(self, start: EventId, missed: Iterable[Event]) -> None:
        """Gives it, however much it is, what it missed."""
        self.start = start
        self._waiting.extend(missed)

    def give(self, events: Iterable[Event]) -> None:
        """Adds events. More than it may leave lying end it."""
        if self.over:
            return
        self._waiting.extend(events)
        self._woken.set()
        if len(self._waiting) > self._most:
            self._waiting.clear()
            self.missed = "events came faster than they were read"
            self.end()

    def end(self) -> None:
        """Nothing more comes."""
        self.over = True
        self._woken.set()


class Following:
    """One journal, followed while somebody listens.

    `settled` is how far its files may be read; `warnings` is asked whenever something was counted.
    `kept`, `reach` and `most_waiting` are bounds, which this module names.
    """

    def __init__(
        self,
        directory: Path,
        settled: Callable[[], Position],
        warnings: Warnings = tuple,
        *,
        kept: int = KEPT,
        reach: int = REACH,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._directory = directory
        self._settled = settled
        self._warnings = warnings
        self._kept = kept
        self._reach = reach
        self._most_waiting = most_waiting
        self._present: set[Listener] = set()
        self._listeners: set[Listener] = set()
        self._threads = ThreadPoolExecutor(1, "helio-events", initializer=stand_back)
        self._task: asyncio.Task[None] | None = None

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._present)

    @property
    def last(self) -> EventId:
        """The id of what was told last to all who listen."""
        return self._last

    async def join(self, after: EventId | None) -> Listener:
        """Begins to listen: from now on, or from behind what was heard last.

        Raises OSError or `JournalDamaged` when the journal cannot be read.
        """
        listener = Listener(self._most_waiting)
        self._present.add(listener)
        try:
            await self._up_to_date()
        except BaseException:
            await self.leave(listener)
            raise
        if after is not None and self._floor <= after <= self._last:
            listener.begin(after, (event for event in self._recent if event.id > after))
        else:
            listener.begin(self._last, ())
            if after is not None:
                listener.missed = "what came since is not at hand any more"
        self._listeners.add(listener)
        return listener

    async def leave(self, listener: Listener) -> None:
        """Listens no longer; with the last one the reading ends."""
        listener.end()
        self._present.discard(listener)
        self._listeners.discard(listener)
        if not self._present and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait({task})

    def end(self) -> None:
        """Tells all who listen that nothing more comes."""
        for listener in self._present:
            listener.end()

    async def aclose(self) -> None:
        """Ends the reading."""
        self.end()
        for listener in tuple(self._present):
            await self.leave(listener)
        await asyncio.to_thread(self._threads.shutdown)

    # reading

    async def _up_to_date(self) -> None:
        """Waits until all is read that there is."""
        if self._task is None or self._task.done():
            self._recent: deque[Event] = deque(maxlen=self._kept)
            self._teller = Teller()
            self._floor = self._last = EventId(0)
            self._caught_up = asyncio.Event()
            self._task = asyncio.create_task(self._follow())
        caught_up = asyncio.create_task(self._caught_up.wait())
        await asyncio.wait({caught_up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not caught_up.done():
            caught_up.cancel()
            self._task.result()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        start = await loop.run_in_executor(
            self._threads, _beginning, self._directory, self._settled(), self._reach
        )
        tail = Tail(self._directory, start, piece=_PIECE)
        try:
            while True:
                limit = self._settled()
                lines = await loop.run_in_executor(self._threads, self._read, tail, limit)
                if lines:
                    self._tell(lines)
                else:
                    self._caught_up.set()
                    await asyncio.sleep(_PAUSE_SECONDS)
        except (OSError, JournalDamaged) as error:
            logger.error("the journal cannot be followed for those who watch: %s", error)
            self.end()
            raise

    def _read(self, tail: Tail, limit: Position) -> "_Read | None":
        """What comes next in the journal, in the thread."""
        piece = tail.next(limit)
        if piece is None:
            return None
        events: list[Event] = []
        before = self._teller.last.sequence
        first = 0
        for raw in piece.lines.splitlines():
            line = segment.decode(raw)
            if isinstance(line, str):
                name = segment.path_of(self._directory, piece.start.segment).name
                raise JournalDamaged(name, 1, line)
            first = first or line.sequence
            events += self._teller.take(line)
        return _Read(events, None if first == before + 1 else first)

    def _tell(self, read: "_Read") -> None:
        if read.begins is not None:
            # The beginning, or segments were archived before they were read here.
            self._recent.clear()
            self._floor = EventId(read.begins, -1)
        events = read.events
        if self._caught_up.is_set() and any(event.name == "action" for event in events):
            events += [self._teller.more("limit_warning", each) for each in self._warnings()]
        dropped = len(self._recent) + len(events) - self._kept
        if dropped > 0:
            self._floor = [*self._recent, *events][dropped - 1].id
        self._recent.extend(events)
        self._last = self._teller.last
        for listener in tuple(self._listeners):
            listener.give(events)


class _Read(NamedTuple):
    """Events of a piece of the journal; `begins` is the number of its first record where that does
    not follow what was read before."""

    events: list[Event]
    begins: int | None


def _beginning(directory: Path, end: Position, reach: int) -> Position:
    """A place at the start of a line, at most `reach` bytes before the end."""
    if end.offset > reach:
        with segment.path_of(directory, end.segment).open("rb") as file:
            file.seek(end.offset - reach)
            return Position(end.segment, end.offset - reach + len(file.readline()))
    first, left = end.segment, reach - end.offset
    for earlier in reversed([each for each in segment.segments(directory) if each < end.segment]):
        left -= segment.path_of(directory, earlier).stat().st_size
        if left < 0:
            break
        first = earlier
    return Position(first, 0)
