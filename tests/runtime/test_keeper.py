"""The catalogue's clock: when tools are listed, and what a list that fails changes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from end_to_end.recording import Recorder
from helio.governance.catalogue import Catalogue, Change
from helio.runtime import keeper as room
from helio.runtime.keeper import CatalogueKeeper
from helio.upstream.build import UpstreamSettings
from helio.upstream.registry import Upstream

PAY: dict[str, Any] = {"name": "pay"}


class Kept:
    """One upstream, its catalogue, and what the keeper said of it."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.catalogue = Catalogue()
        self.changes: list[Change] = []

    def lists(self) -> int:
        """How often the tools were listed."""
        return sum(
            json.loads(each.body).get("method") == "tools/list"
            for each in list(self.recorder.seen)
            if each.body
        )

    @asynccontextmanager
    async def running(
        self, interval: float | None, patience: float = 5
    ) -> AsyncIterator[CatalogueKeeper]:
        upstream = Upstream(
            UpstreamSettings("default", url=self.recorder.url), lambda: datetime.now(UTC)
        )
        keeper = CatalogueKeeper(upstream, self.catalogue, "1", interval, self.changes.extend)
        await keeper.start(patience)
        try:
            yield keeper
        finally:
            await keeper.stop()
            await upstream.aclose()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """An upstream whose tools a test changes."""
    upstream = Recorder()
    yield upstream
    upstream.close()


@pytest.fixture
def kept(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(room, "LEAST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(room, "FIRST_RETRY_SECONDS", 0.01)
    recorder.tools = [PAY]
    return Kept(recorder)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is awaited lives in the upstream's thread
            await asyncio.sleep(0.005)


async def test_the_start_waits_for_the_first_list(kept: Kept) -> None:
    async with kept.running(None):
        assert kept.catalogue.primed
        assert [change.event for change in kept.changes] == ["pinned"]


async def test_calls_wait_for_the_first_attempt_only(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = asyncio.Event()
    fetch = room.fetch_tools

    async def slow_fetch(upstream: Upstream, *, client_version: str) -> list[bytes]:
        await listing.wait()
        return await fetch(upstream, client_version=client_version)

    monkeypatch.setattr(room, "fetch_tools", slow_fetch)
    async with kept.running(None, patience=0) as keeper:
        waiting = asyncio.ensure_future(keeper.tried())
        await asyncio.sleep(0)
        assert not waiting.done()
        listing.set()
        await waiting
        assert kept.catalogue.primed
        listing.clear()
        keeper.changed()
        await keeper.tried()


async def test_an_upstream_that_lists_nothing_keeps_no_call_waiting(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FIRST_CALL_SECONDS", 0.02)

    async def never(_upstream: Upstream, *, client_version: str) -> list[bytes]:
        await asyncio.Event().wait()
        raise AssertionError(client_version)

    monkeypatch.setattr(room, "fetch_tools", never)
    async with kept.running(None, patience=0) as keeper:
        await keeper.tried()
        assert not kept.catalogue.primed


async def test_tools_are_listed_again_on_our_own_clock(kept: Kept) -> None:
    async with kept.running(0.02):
        kept.recorder.tools = [PAY | {"title": "Pay"}]
        await until(lambda: bool(kept.catalogue.drifts))
        assert [change.event for change in kept.changes] == ["pinned", "drifted"]


async def test_without_a_clock_only_changes_count(kept: Kept) -> None:
    async with kept.running(None) as keeper:
        kept.recorder.tools = []
        keeper.changed()
        await until(lambda: bool(kept.catalogue.drifts))
        assert kept.lists() == 2


async def test_a_list_that_fails_keeps_what_was_known(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    async with kept.running(0.02):
        kept.recorder.tools = {}  # type: ignore[assignment]
        await until(lambda: caplog.text.count("could not be listed") >= 3)
        assert kept.catalogue.find("pay") is not None
        assert not kept.catalogue.drifts


async def test_a_storm_of_changes_lists_no_faster_than_the_pause(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LEAST_PAUSE_SECONDS", 0.2)
    async with kept.running(None) as keeper:
        began = asyncio.get_running_loop().time()
        while kept.lists() < 3:
            keeper.changed()
            await asyncio.sleep(0.005)
        assert asyncio.get_running_loop().time() - began >= 0.35
