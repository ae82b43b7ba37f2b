"""Keeps an upstream's tool catalogue current, on Helio's own clock.

Above: `helio.app`. Below: `helio.upstream.catalogue` (fetches), `helio.governance.catalogue`
(holds).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from helio.errors import CatalogueError, UpstreamFailed
from helio.governance.catalogue import Catalogue, Change
from helio.governance.definitions import Tool, read_definition
from helio.upstream.catalogue import fetch_tools
from helio.upstream.registry import Upstream

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0
"""Pauses between attempts while the upstream does not list its tools; each is twice the one
before."""

FIRST_CALL_SECONDS = 10.0
"""How long calls wait for the first attempt: a program may take its time to start, and what is not
listed yet is judged by defaults, or not let through where it was pinned."""

LEAST_PAUSE_SECONDS = 0.25
"""Between two lists, however often the upstream says that they changed."""


class CatalogueKeeper:
    """Fetches the tools at the start, every `interval` seconds, and when the upstream says they
    changed.

    `interval` None fetches at the start and on changes only. A failed fetch keeps what was known.
    `on_changes` gets what is to be recorded of each list that was taken. Only the first attempt is
    waited for: definitions are read in a thread, and what they say is taken at once.
    """

    def __init__(
        self,
        upstream: Upstream,
        catalogue: Catalogue,
        version: str,
        interval: float | None,
        on_changes: Callable[[list[Change]], None],
    ) -> None:
        self._upstream = upstream
        self._catalogue = catalogue
        self._version = version
        self._interval = interval
        self._on_changes = on_changes
        self._stale = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, patience: float) -> None:
        """Begins, and waits up to `patience` seconds for the first attempt to end."""
        self._task = asyncio.create_task(self._run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._tried.wait()

    async def tried(self) -> None:
        """Returns once the tools were listed, or could not be, or after `FIRST_CALL_SECONDS` or the
        upstream's own timeout."""
        if self._task is None or self._tried.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(FIRST_CALL_SECONDS, self._upstream.request_timeout)):
                await self._tried.wait()

    def changed(self) -> None:
        """The upstream said that its tools changed, or somebody saw others: they are fetched again,
        at most once in `LEAST_PAUSE_SECONDS`."""
        self._stale.set()

    def set_interval(self, seconds: float | None) -> None:
        """Reads the tools this often from now on; another interval begins with a reading."""
        if seconds != self._interval:
            self._interval = seconds
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
                # An upstream that says all the time that its tools changed is not asked all the
                # time.
                await asyncio.sleep(LEAST_PAUSE_SECONDS)
                await self._wait(self._interval)
            else:
                await self._wait(retry)
                retry = min(LAST_RETRY_SECONDS, retry * 2)

    async def _fetch(self) -> bool:
        try:
            definitions = await fetch_tools(self._upstream, client_version=self._version)
        except (UpstreamFailed, CatalogueError) as error:
            logger.warning(
                "the tools of upstream %s could not be listed: %s", self._upstream.name, error
            )
            return False
        read = await asyncio.to_thread(_read, definitions)
        changes = self._catalogue.replace(read)
        _tell(self._upstream.name, changes)
        self._on_changes(changes)
        return True

    async def _wait(self, seconds: float | None) -> None:
        """Until `changed` is called, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stale.wait()


def _read(definitions: Iterable[bytes]) -> list[Tool]:
    return [tool for definition in definitions for tool in read_definition(definition)]


def _tell(upstream: str, changes: Iterable[Change]) -> None:
    """Says in the log which tools drifted, and which came back."""
    for change in changes:
        if change.event == "drifted":
            aspects = ", ".join(change.aspects)
            logger.warning("tool %r of upstream %s drifted: %s", change.tool, upstream, aspects)
        elif change.event == "cleared":
            logger.info("tool %r of upstream %s is as accepted again", change.tool, upstream)
