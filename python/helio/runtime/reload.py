"""Watches a configuration file and says when its text changed.

Above: `helio.app`. Below: nothing of Helio.
"""

import hashlib
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

from watchfiles import awatch

logger = logging.getLogger(__name__)

DEBOUNCE_MILLISECONDS = 200
"""Saves that come within this time of one another count as one."""


async def changes(path: Path, loaded: bytes | None) -> AsyncGenerator[None]:
    """Yields whenever the file's text is another than before (`loaded` at first, None when it was
    not there); never ends by itself.

    The directory is watched, because editors and deployments replace files (by a rename, or by a
    link that is moved) rather than write into them. A missing file is no change: what ran keeps
    running.
    """
    known = None if loaded is None else hashlib.sha256(loaded).digest()
    async for _ in awatch(
        *_directories(path),
        debounce=DEBOUNCE_MILLISECONDS,
        step=50,
        recursive=False,
    ):
        found = _digest(path, missing_is_news=known is not None)
        if found is None or found == known:
            continue
        known = found
        yield


def _directories(path: Path) -> set[Path]:
    """Where the file is and, when it is a link, where it leads."""
    return {path.absolute().parent, path.resolve().parent}


def _digest(path: Path, *, missing_is_news: bool) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except FileNotFoundError:
        if missing_is_news:
            logger.warning("%s is gone; what it said still counts", path)
        return None
    except OSError as error:
        logger.warning("%s cannot be read: %s", path, error.strerror or error)
        return None
