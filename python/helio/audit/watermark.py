"""The watermark: how far the journal of a process that serves is on the disk and will stay.

Above: `journal` writes it, `verification` and `head` read it. Below: nothing of Helio. A failed
write takes the chain back to the last record that was synced, so other processes must not vouch for
what stands behind it. The file is small and written in place; one that is old is true all the same.
"""

import logging
import os
from pathlib import Path
from typing import Final, NamedTuple

import orjson

logger = logging.getLogger(__name__)

_NAME: Final = "watermark"
_SIZE: Final = 128


class Mark(NamedTuple):
    """The sequence number and the hash of a record that will stay; 0 for none yet."""

    sequence: int
    digest: str


class Watermark:
    """The file, open for writing from the constructor to `close`."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError."""
        self._path = directory / _NAME
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        self._failed = False

    def set(self, sequence: int, digest: str) -> None:
        """Says how far it is now. A disk that refuses keeps the last one, which stays true."""
        text = b'{"seq":%d,"hash":"%b"}' % (sequence, digest.encode())
        try:
            os.pwrite(self._descriptor, text.ljust(_SIZE), 0)
        except OSError as error:
            if not self._failed:
                logger.warning("%s cannot be written: %s", self._path.name, error)
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._descriptor)


def read(directory: Path) -> Mark | None:
    """What the directory's watermark says; None when there is none that can be read."""
    try:
        text = (directory / _NAME).read_bytes()
        found = orjson.loads(text)
        return Mark(int(found["seq"]), str(found["hash"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
