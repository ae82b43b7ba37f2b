"""What becomes of a command whose output nobody takes: a full disk, a closed pipe.

Above: `main`. Below: nothing of Helio. One place for all commands: whatever a command prints was
written when it ends with its own exit code.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, Final

UNWRITTEN: Final = 2
"""Exit code: not everything could be written."""
_STDERR: Final = 2


class OutputLost(Exception):
    """Nobody takes the output any more. `args` is `(errno, message)`. No `OSError`, so that no
    command takes it for a fault of a file that it reads."""


def with_output(command: Callable[[], object]) -> None:
    """Runs a command. Where a reader is gone it ends quietly; where the disk is full, or the like,
    it says so.

    Raises `SystemExit` with the exit code.
    """
    try:
        watched = _Watched(sys.stdout.fileno())
    except (AttributeError, io.UnsupportedOperation):  # It was closed before, or is no file.
        command()
        return
    before, sys.stdout = sys.stdout, _text(watched)
    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except OutputLost as error:
        number, message = error.args
        if number != errno.EPIPE:
            os.write(_STDERR, f"error: the output cannot be written: {message}\n".encode())
        raise SystemExit(UNWRITTEN) from None
    finally:
        watched.is_lost = True  # What is still buffered must not fail at the interpreter's end.
        sys.stdout = before


def _text(raw: "_Watched") -> io.TextIOWrapper:
    """A stream like the one that Python made of stdout."""
    usual = sys.stdout
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=usual.encoding,
        errors=usual.errors,
        newline=None,
        line_buffering=raw.isatty(),
    )


class _Watched(io.RawIOBase):
    """A file descriptor; `is_lost`: what comes is dropped."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.is_lost = False

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person reads."""
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:
        """Raises `OutputLost`."""
        view = memoryview(data)
        if self.is_lost:
            return view.nbytes
        try:
            return os.write(self._descriptor, view)
        except OSError as error:
            self.is_lost = True
            raise OutputLost(error.errno, error.strerror) from error
