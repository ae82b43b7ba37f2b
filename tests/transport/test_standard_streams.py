"""Reading and writing without blocking the loop, whatever the descriptor is."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from helio.transport.standard_streams import BUFFER_LIMIT, Inflow, Outflow

DATA = bytes(range(256)) * 4096


class Ends:
    """Descriptors that are closed when the test ends, if they are open still."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def keep(self, *descriptors: int) -> tuple[int, ...]:
        for descriptor in descriptors:
            self._stack.callback(close, descriptor)
        return descriptors


def close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as stack:
        yield Ends(stack)


def pair(kind: str, ends: Ends, directory: Path) -> tuple[int, int]:
    """Where to read what is written to the other one."""
    if kind == "socket":
        one, other = socket.socketpair()
        source, sink = ends.keep(one.detach(), other.detach())
    elif kind == "file":
        path = directory / "file"
        sink, source = ends.keep(
            os.open(path, os.O_WRONLY | os.O_CREAT), os.open(path, os.O_RDONLY)
        )
    else:
        source, sink = ends.keep(*os.pipe())
        if kind == "non-blocking pipe":
            os.set_blocking(source, False)
            os.set_blocking(sink, False)
    return source, sink


@pytest.mark.parametrize("kind", ["pipe", "non-blocking pipe", "socket", "file"])
async def test_what_goes_in_comes_out(kind: str, ends: Ends, tmp_path: Path) -> None:
    source, sink = pair(kind, ends, tmp_path)
    outflow = Outflow(sink)

    async def write() -> None:
        for start in range(0, len(DATA), 1000):
            await outflow.write(DATA[start : start + 600], DATA[start + 600 : start + 1000])
        assert await outflow.flush(10)
        outflow.close()
        close(sink)

    writing = asyncio.ensure_future(write())
    if kind == "file":
        await writing
    async with asyncio.timeout(10):
        got = b"".join([piece async for piece in Inflow(source).pieces()])
    await writing
    assert got == DATA


async def test_who_writes_waits_for_who_reads(ends: Ends, tmp_path: Path) -> None:
    source, sink = pair("pipe", ends, tmp_path)
    outflow = Outflow(sink)
    await outflow.write(b"y" * BUFFER_LIMIT)
    waiting = asyncio.ensure_future(outflow.write(b"y" * BUFFER_LIMIT))
    assert not await outflow.flush(0.05)
    assert not waiting.done()
    async with asyncio.timeout(10):
        got, inflow = 0, Inflow(source)
        async for piece in inflow.pieces():
            got += len(piece)
            if got == 2 * BUFFER_LIMIT:
                break
        await waiting
    outflow.close()


async def test_who_reads_takes_no_more_than_is_wanted(ends: Ends, tmp_path: Path) -> None:
    source, sink = pair("non-blocking pipe", ends, tmp_path)
    Inflow(source)
    written = still = 0
    while still < 20:
        try:
            written += os.write(sink, b"y" * 65536)
            still = 0
        except BlockingIOError:
            still += 1
            await asyncio.sleep(0.01)
    assert written < 1 << 20


async def test_nobody_there_to_read(ends: Ends, tmp_path: Path) -> None:
    source, sink = pair("pipe", ends, tmp_path)
    os.close(source)
    outflow = Outflow(sink)
    async with asyncio.timeout(5):
        await outflow.write(b"y" * (2 * BUFFER_LIMIT))
        await outflow.broken.wait()
    assert not await outflow.flush(1)


def test_a_loop_that_ends_before_its_threads(ends: Ends, tmp_path: Path) -> None:
    """What a thread waits for in the kernel comes when nobody wants it any more."""
    source, sink = pair("pipe", ends, tmp_path)
    back, forth = pair("pipe", ends, tmp_path)

    async def begin() -> None:
        Inflow(source)
        await Outflow(forth).write(b"y" * 100_000)

    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(begin())
    os.write(sink, b"late")
    assert len(os.read(back, 65536)) == 65536
