"""Keeps an upstream's tool catalogue current, on Helio's own clock.

Above: `helio.app`. Below: `helio.upstream.catalogue` (fetches), `helio.governance.catalogue`
(holds).
"""

import asyncio
import contextlib
import logging

from helio.errors import CatalogueError, UpstreamFailed
from helio.governance.catalogue import Catalogue
from helio.upstream.catalogue import fetch_tools
from helio.upstream.registry import Upstream

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0
"""Pauses between attempts while the upstream does not list its tools; each is twice the one
before."""


class CatalogueKeeper:
    """Fetches the tools at the start, every `interval` seconds, and when the upstream says they
    changed.

    `interval` None fetches at the start and on changes only. A failed fetch keeps what was known.
    """

    def __init__(
        self, upstream: Upstream, catalogue: Catalogue, version: str, interval: float | None
    ) -> None:
        self._upstream = upstream
        self._catalogue = catalogue
        self._version = version
        self._interval = interval
        self._stale = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, patience: float) -> None:
        """Begins, and waits up to `patience` seconds for the first attempt to end."""
        self._task = asyncio.create_task(self._run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._tried.wait()

    def changed(self) -> None:
        """The upstream said that its tools changed: they are fetched again at once."""
        self._stale.set()

    async def stop(self) -> None:
        """Ends the fetching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        retry = FIRST_RETRY_SECONDS
        while True:
            self._stale.clear()
            fetched = await self._fetch()
            self._tried.set()
            if fetched:
                retry = FIRST_RETRY_SECONDS
                await self._wait(self._interval)
            else:
                await self._wait(retry)
                retry = min(LAST_RETRY_SECONDS, retry * 2)

    async def _fetch(self) -> bool:
        try:
            tools = await fetch_tools(self._upstream, client_version=self._version)
        except (UpstreamFailed, CatalogueError) as error:
            logger.warning(
                "the tools of upstream %s could not be listed: %s", self._upstream.name, error
            )
            return False
        self._catalogue.replace(tools)
        return True

    async def _wait(self, seconds: float | None) -> None:
        """Until `changed` is called, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stale.wait()
