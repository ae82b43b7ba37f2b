"""The lock on an audit directory: one process writes, everyone may read.

Above: `journal` takes it, `export` asks whether it is taken. The kernel gives it back when its
holder dies, however it dies.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from helio.errors import JournalLocked

STDIO_PREFIX: Final = "stdio-"
"""What the directories' names begin with in which processes of `helio stdio` keep their audit, each
its own, below the one that is configured."""
_NAME = "lock"
_PATIENCE = 5
_PAUSE = 0.02
"""`is_locked` holds the lock for an instant: an attempt that meets it tries again, in seconds."""


class DirectoryLock:
    """An exclusive lock, held from the constructor to `release`."""

    def __init__(self, directory: Path, name: str = _NAME) -> None:
        """Raises `JournalLocked` when another process, or another journal of this one, holds it."""
        self._descriptor = os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(directory)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Gives the lock back."""
        os.close(self._descriptor)

    def _take(self, directory: Path) -> None:
        for attempt in range(_PATIENCE):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if attempt == _PATIENCE - 1:
                    raise JournalLocked(str(directory), self._owner()) from None
                time.sleep(_PAUSE)

    def _owner(self) -> int | None:
        text = os.pread(self._descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else None


def is_locked(directory: Path) -> bool:
    """Whether a process is writing to this directory now."""
    try:
        descriptor = os.open(directory / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """No file of the directory's journal or archive is removed meanwhile, but by its owner's hand.
    Writers go on."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unread(directory: Path) -> Iterator[bool]:
    """Whether nobody is `reading`; if so, nobody begins to meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
