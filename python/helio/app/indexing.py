"""The audit's index beside a Helio that serves.

Above: `helio.app.application`. Below: `helio.audit.index`, which is imported once Helio serves.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from helio.audit.segment import Position

if TYPE_CHECKING:
    from helio.audit.index import Index


class Indexing:
    """One directory's index, from `start` to `stop`. DuckDB loads slowly, and nobody waits for it:
    until it is there, `index` is None."""

    def __init__(self, directory: Path, settled: Callable[[], Position], archive: str) -> None:
        self._directory = directory
        self._archive = archive
        self._settled = settled
        self._starting: asyncio.Task[None] | None = None
        self.index: Index | None = None

    @property
    def state(self) -> str:
        """`loading`, `ready` or `unavailable`."""
        return "loading" if self.index is None else self.index.status.state

    def start(self) -> None:
        """Begins to load what it needs."""
        self._starting = asyncio.create_task(self._start())

    async def stop(self) -> None:
        """Ends it, and waits for that."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self.index is not None:
            await asyncio.to_thread(self.index.stop)

    def days_sealed(self) -> None:
        """Sealed days belong to the archive now."""
        if self.index is not None:
            self.index.days_sealed()

    async def _start(self) -> None:
        module = await asyncio.to_thread(import_module, "helio.audit.index")
        self.index = module.Index(self._directory, self._settled, archive=self._archive)
        self.index.start()
