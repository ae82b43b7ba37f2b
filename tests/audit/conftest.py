"""Journals in scratch directories, on a disk that fails when told to."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from helio.audit.file_system import FileSystem
from helio.audit.journal import Journal

Call = Callable[..., dict[str, Any]]


class FaultyFileSystem(FileSystem):
    """The real disk, but the operations named in `faults` raise. `log` holds all of them."""

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.log: list[str] = []
        self.raised = 0

    def _meet(self, operation: str) -> None:
        self.log.append(operation)
        code = self.faults.get(operation)  # Once: another thread may clear the faults.
        if code is not None:
            self.raised += 1
            raise OSError(code, errno.errorcode[code])

    def create(self, path: Path) -> int:
        self._meet("create")
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        if (code := self.faults.get("short write")) is not None:
            super().write(descriptor, data[: len(data) // 2])
            self.raised += 1
            raise OSError(code, errno.errorcode[code])
        self._meet("write")
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._meet("sync")
        super().sync(descriptor)

    def allocate(self, descriptor: int, size: int) -> None:
        self._meet("allocate")
        super().allocate(descriptor, size)


@pytest.fixture
def disk() -> FaultyFileSystem:
    """A disk without faults yet."""
    return FaultyFileSystem()


@pytest.fixture
def call() -> Call:
    """Makes an intent's data: one call of `pay`, that charges one limit."""

    def make(call_id: str, **more: object) -> dict[str, Any]:
        return {
            "call_id": call_id,
            "timestamp": "2026-01-02T03:04:05.000001Z",
            "session_id": "s1",
            "agent_id": "agent",
            "upstream": "default",
            "tool_name": "create_payment",
            "tool_input": '{"amount":1.10}',
            "policy_decision": "allow",
            "record_kind": "tool_call",
            "origin": "mcp",
            "charges": [["rate:pay:tool:3600000", "tool=default/pay", "rate", "1", 3_600_000]],
            **more,
        }

    return make


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "audit"


@pytest.fixture
async def started(
    directory: Path, disk: FaultyFileSystem
) -> AsyncIterator[Callable[..., Awaitable[Journal]]]:
    """Opens and starts journals, and closes what the test leaves open."""
    journals: list[Journal] = []

    async def start(state: Callable[[], Mapping[str, object]] = dict, **options: Any) -> Journal:
        journal = Journal.open(directory, file_system=disk, **options)
        journals.append(journal)
        await journal.start(state)
        return journal

    yield start
    disk.faults.clear()
    for journal in journals:
        await journal.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for what a timer of the journal, or a thread, brings about."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(8):
            while not condition():  # noqa: ASYNC110 - nothing tells the loop about it
                await asyncio.sleep(0.01)

    return wait
