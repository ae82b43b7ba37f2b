"""Rows of tickets that ended while the journal could keep nothing: written when it can.

Above: `broker`. Below: `helio.audit.journal`. A restart before that does not know of these ends,
and has the tickets end again.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from helio.approvals.records import APPROVAL
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable

AGAIN_SECONDS: Final = 1.0


class Backlog:
    """The rows, in order; of no more tickets than may wait at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: list[Mapping[str, object]] = []
        self._writer: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Mapping[str, object]) -> None:
        """Keeps a row until it is written."""
        self._rows.append(row)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def aclose(self) -> None:
        """Tries once more, and ends."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        with contextlib.suppress(JournalUnavailable):
            await self._write_all()

    async def _write(self) -> None:
        while self._rows:
            await asyncio.sleep(AGAIN_SECONDS)
            with contextlib.suppress(JournalUnavailable):
                await self._write_all()

    async def _write_all(self) -> None:
        while self._rows:
            await self._journal.append_durable(APPROVAL, self._rows[0])
            del self._rows[0]
