"""Spare space: a file that keeps room on the disk for what must still be written when it is full.

Above: `syncer` keeps the file, `journal` says how large it has to be. Below: `file_system`,
`helio.pipeline.bodies`. A call that was forwarded has an outcome, and that must find room: the
file is given up for it, and taken again before new calls are.
"""

import errno
import re
from pathlib import Path
from typing import Final

import orjson

from helio.audit.file_system import FileSystem
from helio.pipeline.bodies import beginning

FILE: Final = "spare"
OUTCOME: Final = 8 * 1024
"""Bytes kept for each open call's outcome; larger ones are shortened when the space is needed."""
_LEAST: Final = 128 * 1024
_MARGIN: Final = 64 * 1024
"""Bytes that must be free besides, so that taking the space does not keep a line from the disk."""
_LACKING: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_RESPONSE = re.compile(rb'"upstream_response":("[^"\\]*+(?:\\.[^"\\]*+)*+")')


def is_lacking(error: BaseException) -> bool:
    """Whether the disk is full, rather than broken."""
    return isinstance(error, OSError) and error.errno in _LACKING


def needed(open_calls: int, header: int, told: int = 0) -> int:
    """The bytes to be kept: for a new segment whose header has about `header` bytes and tells
    `told` bytes of calls that others can go on with, and for the outcomes of these many calls; a
    power of two, so that it is seldom asked for more."""
    least = max(_LEAST, 2 * header + told + _MARGIN + open_calls * OUTCOME)
    return 1 << (least - 1).bit_length()


def shortened(outcome: bytes) -> bytes:
    """An outcome's data with the answer kept by hash and head, if it is a large one."""
    if len(outcome) <= OUTCOME:
        return outcome
    found = _RESPONSE.search(outcome)
    if found is None:
        return outcome
    body: str = orjson.loads(found[1])
    outline = orjson.dumps(beginning(body.encode()))
    return outcome[: found.start(1)] + outline + outcome[found.end(1) :]


class Spare:
    """The file, from the constructor to `close`. `size` is what it keeps, in bytes."""

    def __init__(self, file_system: FileSystem, directory: Path) -> None:
        """Opens it; what another process left in it is kept. Raises OSError."""
        self._file_system = file_system
        self._directory = directory
        self._descriptor, self.size = file_system.open_spare(directory / FILE)

    def reserve(self, size: int) -> None:
        """Keeps so many bytes, if it keeps fewer. Raises OSError, and keeps what it did."""
        if size <= self.size:
            return
        if self._file_system.free_bytes(self._directory) < size - self.size + _MARGIN:
            raise OSError(errno.ENOSPC, "No space left on device")
        try:
            self._file_system.allocate(self._descriptor, size)
        except OSError:
            self._file_system.truncate(self._descriptor, self.size)
            raise
        self.size = size

    def release(self) -> None:
        """Gives it all up. Raises OSError."""
        self._file_system.truncate(self._descriptor, 0)
        self.size = 0

    def close(self) -> None:
        """Gives the space and the descriptor back."""
        try:
            self.release()
        finally:
            self._file_system.close(self._descriptor)
