"""One answer in the making, whatever happens to those who are asked."""

import asyncio

import pytest

from helio.errors import UpstreamFailed
from helio.upstream.aggregate.gathering import Gathering, Tell
from helio.upstream.made import StreamResponse, WholeResponse


async def test_without_a_word_before_it_an_answer_is_whole() -> None:
    async def work(_: Tell) -> WholeResponse:
        return WholeResponse(404, b"{}")

    response = await Gathering(work).response()
    assert (response.status, await response.read(10)) == (404, b"{}")


async def test_a_failure_after_the_first_word_breaks_the_stream() -> None:
    async def work(tell: Tell) -> WholeResponse:
        await tell(b"{}")
        raise UpstreamFailed("closed", sent=True, detail="gone")

    response = await Gathering(work).response()
    chunks = response.chunks()
    assert await anext(chunks) == b"event: message\ndata: {}\n\n"
    with pytest.raises(UpstreamFailed, match="gone"):
        await anext(chunks)


async def test_a_fault_of_helios_own_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def work(_: Tell) -> WholeResponse:
        raise ZeroDivisionError

    with pytest.raises(UpstreamFailed, match="ZeroDivisionError"):
        await Gathering(work).response()
    assert "failed inside Helio" in caplog.text


async def test_who_waits_no_longer_ends_the_work() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def work(_: Tell) -> WholeResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    waiting = asyncio.create_task(Gathering(work).response())
    await begun.wait()
    waiting.cancel()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_who_leaves_the_stream_ends_the_work() -> None:
    ended = asyncio.Event()

    async def work(tell: Tell) -> WholeResponse:
        try:
            await tell(b"{}")
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    response = await Gathering(work).response()
    assert isinstance(response, StreamResponse)
    response.close()
    async with asyncio.timeout(5):
        await ended.wait()
