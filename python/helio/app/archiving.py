"""The archive of a Helio that serves: what is due is sealed at start and every day.

Above: `helio.app.application`. Below: `helio.audit.sealer`, in a process of its own with little
priority: neither its memory nor its thinking is in the way of calls.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from helio.audit.archive_told import TOLD
from helio.audit.directories import archive_of
from helio.audit.journal import Journal
from helio.audit.segment import read_header, segments
from helio.config.sections import AuditConfig
from helio.errors import ArchiveUnavailable, JournalUnavailable

logger = logging.getLogger(__name__)

_BEHIND_MIDNIGHT: Final = timedelta(minutes=10)
_RETRY: Final = timedelta(hours=1)
_GRACE_SECONDS: Final = 5.0
"""How long the process may take to end when Helio does; what it left is done the next time."""


@dataclass(slots=True)
class Archiving:
    """Seals one journal's days, from `start` to `stop`. `record` writes what was done into the
    journal, `sealed` tells who answers questions."""

    journal: Journal
    config: AuditConfig
    record: Callable[..., Awaitable[None]]
    sealed: Callable[[], None]
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins with what is due."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends it, and the process that seals. Whatever it left is done by the next one."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        due = await asyncio.to_thread(_may_be_due, self.journal.directory, self.config)
        if due:
            await self._seal()
        while True:
            now = datetime.now(UTC)
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            await asyncio.sleep((midnight + _BEHIND_MIDNIGHT - now).total_seconds())
            self.journal.begin_day()
            await self._seal()

    async def _seal(self) -> None:
        """Does all that is due, again and again until it is done."""
        while not await self._try():  # noqa: ASYNC110 - nobody tells when a place is back
            await asyncio.sleep(_RETRY.total_seconds())

    async def _try(self) -> bool:
        """Whether all went well."""
        try:
            done = await _sealed(self.journal.directory, self.config)
        except ArchiveUnavailable as error:
            logger.error("the audit's days are not sealed, and nothing is deleted: %s", error)
            return False
        if done["sealed"] or done["deleted"]:
            self.sealed()
            await self._tell(done)
        if done["waiting"] is not None:
            logger.info("%s is not sealed yet: it has calls without an outcome", done["waiting"])
        return not done["kept_for_readers"]

    async def _tell(self, done: dict[str, Any]) -> None:
        parts = {
            name: [{key: each[key] for key in TOLD if key in each} for each in done[name]]
            for name in ("sealed", "deleted")
        }
        for name, each in parts.items():
            if each:
                dates = ", ".join(part["date"] for part in each)
                logger.info("%s: %s (%d rows)", name, dates, sum(part["rows"] for part in each))
        try:
            await self.record(event="sealed", **parts)
        except JournalUnavailable as error:
            logger.error("that days were sealed is not recorded: %s", error)


def _may_be_due(directory: Path, config: AuditConfig) -> bool:
    """Whether it is worth a process: the oldest day is due, or days were sealed that may be old."""
    oldest = segments(directory)[0]
    header = read_header(directory, oldest)
    if oldest > 1 or header is None:
        return True
    end = datetime.fromisoformat(header.line.at[:10]).replace(tzinfo=UTC) + timedelta(days=1)
    after = min(config.archive.after, config.retention)
    return end + timedelta(milliseconds=after) <= datetime.now(UTC)


async def _sealed(directory: Path, config: AuditConfig) -> dict[str, Any]:
    """What the sealer did. Raises `ArchiveUnavailable`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "helio.audit.sealer",
        str(directory),
        archive_of(directory, config.archive.path),
        str(int(min(config.archive.after, config.retention))),
        str(int(config.retention)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
    if process.returncode not in (0, 2) or not output:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        why = last[0] if last else f"the process ended with {process.returncode}"
        raise ArchiveUnavailable(why)
    done: dict[str, Any] = orjson.loads(output)
    if "error" in done:
        raise ArchiveUnavailable(done["error"])
    return done
