"""The index's end of the line: keeps the index, and answers questions in threads.

Above: `helio.audit.asking` as a process. Below: `channel`, `running`, `questions`,
`helio.audit.index`. Ends with the other end, whatever became of that.
"""

import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import duckdb

from helio.audit.asking.channel import Channel
from helio.audit.asking.frames import (
    PIECE,
    THREADS,
    Beginning,
    Fault,
    Frame,
    Kind,
    Pool,
    Question,
)
from helio.audit.asking.questions import QUESTIONS, Asked, Missing
from helio.audit.asking.running import Running
from helio.audit.index import Index
from helio.audit.segment import Position
from helio.errors import FilterError, IndexUnavailable

logger = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 5.0
_GLANCE_SECONDS: Final = 0.5
"""How long a question waits for the index to hold what was recorded before it: when it must, and
else."""


class Answering:
    """One line, from the first frame until the other end closes. `index` is there in between."""

    index: Index

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settled = Position(0, 0)
        self._directory = Path()
        self._running: dict[int, Running] = {}
        self._changing = threading.Lock()
        self._pools: dict[Pool, ThreadPoolExecutor] = {}

    def run(self) -> None:
        """Answers until nobody is there to ask; then ends what runs, and closes the index."""
        first = self._channel.receive()
        if first is None:
            return
        beginning = Beginning(*first.values())
        self._directory = Path(beginning.directory)
        self._settled = Position(*beginning.settled)
        self.index = Index(
            self._directory,
            lambda: self._settled,
            archive=beginning.archive,
            anew=beginning.anew,
            told=lambda status: self._channel.status(*status),
        )
        self._pools = {name: ThreadPoolExecutor(most, name) for name, most in THREADS.items()}
        self.index.start()
        try:
            while (frame := self._channel.receive()) is not None:
                self._take(frame)
        finally:
            with self._changing:
                running = list(self._running.values())
            for each in running:
                each.leave()
            for pool in self._pools.values():
                pool.shutdown()
            self.index.stop()
            self._channel.close()

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.BEAT:
                self._settled = Position(*frame.values())
                self._channel.status(*self.index.status)
            case Kind.ASK:
                self._begin(frame.number, Question(*frame.values()))
            case Kind.MORE | Kind.LEAVE:
                with self._changing:
                    found = self._running.get(frame.number)
                if found is not None:
                    (found.more if frame.kind == Kind.MORE else found.leave)()
            case Kind.SEALED:
                self.index.days_sealed()
            case _:
                raise ValueError(f"a frame that nobody sends: {frame.kind.name}")

    def _begin(self, number: int, question: Question) -> None:
        self._settled = Position(*question.settled)
        running = Running(partial(self._channel.piece, number))
        with self._changing:
            self._running[number] = running
        self._pools[question.pool].submit(self._answer, number, question, running)

    def _answer(self, number: int, question: Question, running: Running) -> None:
        """Answers, in a thread. Every question gets its end."""
        fault: Fault | None = None
        text = ""
        try:
            self._write(question, running)
        except BrokenPipeError:
            pass  # Nobody waits for it: all that is left to tell is that it is over.
        except FilterError as error:
            fault, text = "filter", str(error)
        except Missing as error:
            fault, text = "missing", str(error)
        except (IndexUnavailable, duckdb.Error) as error:
            fault, text = "unavailable", str(error)
        except Exception as error:
            logger.exception("the question %s failed", question.name)
            fault, text = "failed", str(error)
        with self._changing:
            del self._running[number]
        self._channel.end(number, fault, text)

    def _write(self, question: Question, running: Running) -> None:
        running.check()
        self._follow(question.fresh)
        out = io.BufferedWriter(running, PIECE)
        try:
            with self.index.cursor() as connection:
                asked = Asked(running.watched(connection), self._directory, out)
                QUESTIONS[question.name](asked, **question.arguments)
            out.flush()
        finally:
            # Before its writer, so that this does not try to write the rest of what failed.
            running.close()

    def _follow(self, fresh: bool) -> None:
        """Waits until the index is `fresh` with all that was recorded. Raises `IndexUnavailable`
        when it must be, and is not."""
        follows = self.index.refresh(_FRESH_SECONDS if fresh else _GLANCE_SECONDS)
        if not follows and (fresh or self.index.status.state != "ready"):
            why = self.index.status.detail or "it has yet to read what was recorded last"
            raise IndexUnavailable(why)
