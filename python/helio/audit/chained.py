"""One record's hash, found in the journal by its number.

Above: `asking`. Below: `segment`. Reads in pieces, and looks for the line without a loop in Python.
"""

import hashlib
from pathlib import Path
from typing import IO, Final

from helio.audit.segment import path_of, segments

_PIECE: Final = 256 * 1024


def digest_at(directory: Path, sequence: int) -> str | None:
    """The sha256 of the record with this number, as the next record and signed heads name it; None
    where it is not in the journal (any more)."""
    # A segment that was begun after a failure repeats numbers of the one before: the later counts.
    before = [first for first in segments(directory) if first <= sequence]
    if not before:
        return None
    try:
        with path_of(directory, before[-1]).open("rb") as file:
            line = _line(file, b'{"seq":%d,' % sequence)
    except FileNotFoundError:
        return None  # It was archived meanwhile.
    return None if line is None else hashlib.sha256(line).hexdigest()


def _line(file: IO[bytes], beginning: bytes) -> bytes | None:
    """The first whole line that begins so, without its end."""
    rest = b""
    while piece := file.read(_PIECE):
        text = rest + piece
        start = 0 if text.startswith(beginning) else text.find(b"\n" + beginning) + 1
        if start or text.startswith(beginning):
            end = text.find(b"\n", start)
            if end >= 0:
                return text[start:end]
            rest = text[start:]
        else:
            rest = text[text.rfind(b"\n") + 1 :]
    return None
