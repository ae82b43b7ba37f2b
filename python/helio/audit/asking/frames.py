"""What the two ends of the line say to each other: frames of a kind, a number and bytes.

Above: `line` (asyncio, the process that serves) and `channel` (threads, the index's process). Pure.
The bytes of an answer are sent as they are; everything else is JSON. Nothing is unpickled: what
agents wrote stands in these bytes.
"""

import os
import struct
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import orjson

from helio.audit.segment import Position

_HEADER: Final = struct.Struct("!BQI")
HEADER_SIZE: Final = _HEADER.size
PIECE: Final = 64 * 1024
"""Bytes of an answer that one frame holds at most."""
WINDOW: Final = 4
"""Pieces of one answer that may be sent before its reader has taken any."""
_LARGEST: Final = 1024 * 1024

Pool = Literal["quick", "thorough", "exports"]
_AT_ONCE: Final = max(1, min(4, (os.cpu_count() or 1) - 1))
THREADS: Final[Mapping[Pool, int]] = MappingProxyType(
    {"quick": 1, "thorough": _AT_ONCE, "exports": _AT_ONCE}
)
"""Questions by how long they take, so that short ones never wait for long ones, and how many of
each are worked on at once: one processor is left to calls."""
Fault = Literal["filter", "missing", "unavailable", "failed"]
"""Why there is no answer: a faulty filter, nothing of this name, no index now, or a slip."""


class Kind(IntEnum):
    """What a frame is. The first six go to the index, the others come from it. The number is a
    question's, where the frame belongs to one."""

    BEGIN = 1
    """The first one, a `Beginning`."""
    BEAT = 2
    """How far the journal may be read: a place. It is answered by `STATUS`."""
    ASK = 3
    """A `Question`."""
    MORE = 4
    """The reader took a piece: one more may be sent."""
    LEAVE = 5
    """Nobody waits for the answer any more."""
    SEALED = 6
    """Days were sealed or deleted."""
    STATUS = 7
    """How it stands with the index: its state and the detail. Sent when it changes, too."""
    PIECE = 8
    """Bytes of an answer."""
    END = 9
    """The end of an answer, the last frame of every question: its fault, if any, and why."""
    LOG = 10
    """A line for the log: level, logger, text."""


class Frame(NamedTuple):
    """One message."""

    kind: Kind
    number: int
    body: bytes

    def values(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return orjson.loads(self.body)


class Beginning(NamedTuple):
    """What the process must know first: where the journal and the archive are, how far it may read,
    and whether it makes the index anew, whatever it finds."""

    directory: str
    archive: str | None
    settled: Position
    anew: bool


class Question(NamedTuple):
    """What is asked, by one of `questions.QUESTIONS`, and how far the journal was then. Not
    `fresh`: an index that cannot keep up is asked for what it holds."""

    name: str
    arguments: dict[str, Any]
    pool: Pool
    fresh: bool
    settled: Position


def encoded(kind: Kind, number: int = 0, value: object = None) -> bytes:
    """A frame with JSON, or with bytes as they are."""
    body = value if isinstance(value, bytes) else orjson.dumps(value, default=tuple)
    return _HEADER.pack(kind, number, len(body)) + body


def header(raw: bytes) -> tuple[Kind, int, int]:
    """The kind, the number and the size of the body. Raises ValueError for what is no frame."""
    kind, number, size = _HEADER.unpack(raw)
    if size > _LARGEST:
        raise ValueError(f"a frame of {size} bytes")
    return Kind(kind), number, size
