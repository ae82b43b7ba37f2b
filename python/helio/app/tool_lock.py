"""The file `helio.tools.lock` of a running Helio: taken at the start, and again when it is saved.

Above: `helio.app.application`. Below: `helio.governance.lock`, `helio.runtime`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from helio.errors import StartFailed
from helio.governance.lock import LockError, ToolLock, parse_lock
from helio.runtime.drift import DriftRecords
from helio.runtime.reload import changes

logger = logging.getLogger(__name__)


class ToolLockFile:
    """One lock file, which need not be there. `take` gets every good version of it, whole."""

    def __init__(self, path: Path, take: Callable[[ToolLock], None], records: DriftRecords) -> None:
        self._path = path
        self._take = take
        self._records = records
        self._text: bytes | None = None
        self._error: str | None = None
        self._loaded = False
        self._task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Takes the lock if there is one. Raises `StartFailed` for one that cannot be trusted."""
        try:
            self._text = self._path.read_bytes()
            self._accept(parse_lock(self._text))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StartFailed(f"{self._path}: {error.strerror or error}", "Is it readable?") from (
                error
            )
        except LockError as error:
            hint = "Restore the file, or write a new one with `helio tools pull --force`."
            raise StartFailed(f"{self._path}: {error}", hint) from error

    def watch(self) -> None:
        """Begins to take every change of the file."""
        self._task = asyncio.create_task(self._watch())
        self._task.add_done_callback(_say_why_it_ended)

    async def stop(self) -> None:
        """Ends the watch."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def health(self) -> Mapping[str, object]:
        """Whether a lock holds the pins, and whether its last change could not be taken."""
        return {"loaded": self._loaded, "reload_failed": self._error is not None}

    async def _watch(self) -> None:
        async for _ in changes(self._path, self._text):
            try:
                text = await asyncio.to_thread(self._path.read_bytes)
                self._accept(await asyncio.to_thread(parse_lock, text))
            except (OSError, LockError) as error:
                self._error = str(error)
                self._records.refused_lock(self._error)
                logger.error("%s: %s; the pins stay as they were", self._path, error)

    def _accept(self, lock: ToolLock) -> None:
        self._take(lock)
        self._loaded = True
        self._error = None
        number = sum(map(len, lock.upstreams.values()))
        logger.info("took %d accepted tool definitions from %s", number, self._path)


def _say_why_it_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("changes of the tool lock are no longer taken up", exc_info=task.exception())
