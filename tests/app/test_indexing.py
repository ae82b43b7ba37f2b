"""The index's process: whatever becomes of it, the next one answers what was recorded."""

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from helio.app import indexing as module
from helio.app.indexing import Indexing
from helio.audit.asking.line import Answer
from helio.audit.journal import Journal
from helio.errors import IndexUnavailable

PATIENCE = 30.0
LARGE = 300_000
DYING = """
    #!{python}
    import os, sys
    from pathlib import Path
    from helio.audit.asking.frames import HEADER_SIZE, header
    _, _, size = header(os.read(0, HEADER_SIZE))
    with Path({told!r}).open("ab") as file:
        file.write(os.read(0, size) + b"\\n")
    sys.exit("a last word")
"""
"""A process that notes how it is begun, and ends."""


class Kept:
    """A journal and its index."""

    def __init__(self, journal: Journal, archive: str) -> None:
        self.journal = journal
        self.indexing = Indexing(journal.directory, lambda: journal.settled, archive, beat=0.1)
        self._number = 0

    async def call(self, **data: object) -> None:
        """Records a call, which ends."""
        self._number += 1
        name = f"c{self._number}"
        call = {"call_id": name, "timestamp": "2026-01-02T03:04:05Z", "policy_decision": "allow"}
        await self.journal.append_intent({**call, **data})
        await self.journal.append_outcome("outcome", {"call_id": name, "status": "answered"})

    def ask(self, name: str = "list", **arguments: object) -> Answer:
        """A question to the process of the moment."""
        line = self.indexing.line
        assert line is not None
        return line.ask("thorough", name, {"filters": {}, **arguments})

    async def ids(self) -> list[str]:
        """What it knows now, newest first."""
        return [row["id"] for row in json.loads(await whole(self.ask()))["data"]]

    def pid(self) -> int:
        """The process of the moment."""
        (child,) = children()
        return child

    async def ready(self) -> None:
        await until(lambda: self.indexing.state == "ready")


def children() -> list[int]:
    """The processes of an index that this one has."""
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(each) for each in mine if is_asked(each)]


def is_asked(pid: str) -> bool:
    """Whether it is an index's; one that has just ended is none."""
    try:
        return b"asking" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def whole(answer: Answer) -> bytes:
    pieces = []
    while piece := await answer.piece():
        pieces.append(piece)
    return b"".join(pieces)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
async def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    monkeypatch.setattr(module, "_SHORTEST_PAUSE", 0.01)
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    found = Kept(journal, str(tmp_path / "archive"))
    yield found
    await found.indexing.stop()
    await journal.close()
    assert not children()


async def test_what_was_recorded_before_a_question_is_in_its_answer(kept: Kept) -> None:
    assert kept.indexing.state == "loading"
    kept.indexing.start()
    await kept.ready()
    for expected in (["c1"], ["c2", "c1"], ["c3", "c2", "c1"]):
        await kept.call()
        assert await kept.ids() == expected
    assert "duckdb" not in Path(f"/proc/{kept.pid()}/cmdline").read_text()
    if (os.cpu_count() or 1) > 1:
        assert os.sched_getscheduler(kept.pid()) == os.SCHED_IDLE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
async def test_one_that_dies_or_hangs_is_replaced(
    kept: Kept, caplog: pytest.LogCaptureFixture, how: signal.Signals
) -> None:
    """While an answer is on its way, which then breaks off."""
    for _ in range(3):
        await kept.call(tool_input=json.dumps("x" * LARGE))
    kept.indexing.start()
    await kept.ready()
    answer = kept.ask("export", form="json")
    await answer.piece()
    first = kept.pid()
    os.kill(first, how)
    with pytest.raises(IndexUnavailable, match="its process ended"):
        await whole(answer)
    await kept.call()
    await until(lambda: kept.indexing.state == "ready" and first not in children())
    assert await kept.ids() == ["c4", "c3", "c2", "c1"]
    said = "did not answer" if how == signal.SIGSTOP else f"ended by signal {how}"
    assert said in caplog.text


async def test_signals_to_the_whole_group_end_it_only_with_helio(kept: Kept) -> None:
    await kept.call()
    kept.indexing.start()
    await kept.ready()
    first = kept.pid()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(first, each)
    assert await kept.ids() == ["c1"]
    assert kept.pid() == first


async def test_one_that_hangs_ends_with_helio(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.1)
    kept.indexing.start()
    await kept.ready()
    os.kill(kept.pid(), signal.SIGSTOP)
    await kept.indexing.stop()
    assert not children()


async def test_one_that_ends_again_and_again_is_told_of_and_tried_without_its_file(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = tmp_path / "told"
    program = tmp_path / "dying"
    text = textwrap.dedent(DYING).strip().format(python=sys.executable, told=str(told))
    program.write_text(text)
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    kept.indexing.start()
    await until(lambda: told.exists() and told.read_bytes().count(b"\n") >= 4)
    begun: list[Any] = [json.loads(line) for line in told.read_bytes().splitlines()]
    assert [each[-1] for each in begun[:4]] == [False, False, True, False]
    assert kept.indexing.state in ("unavailable", "loading")
    assert "its process ended with 1: a last word; it is tried again in 0.01 s" in caplog.text
    assert "it is tried again in 0.04 s" in caplog.text


async def test_an_end_while_one_is_ending_leaves_nothing_open(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, ends = tmp_path / "lingering", tmp_path / "ends"
    wait = f"until [ -e {ends} ]; do sleep 0.02; done"
    program.write_text(f"#!/bin/sh\n{wait}\nsleep 0.3 &\nexit 1\n")  # Last words may still come.
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    before = open_files()
    kept.indexing.start()
    await until(lambda: kept.indexing.line is not None)
    line = kept.indexing.line
    ends.touch()
    await until(lambda: kept.indexing.line is None)
    await kept.indexing.stop()
    assert line is not None  # Held: nothing of it is closed by being forgotten.
    assert open_files() <= before


async def test_one_that_cannot_be_started_is_tried_again(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        kept.indexing.start()
        await until(lambda: caplog.text.count("cannot be started") >= 2)
        assert (kept.indexing.state, kept.indexing.line) == ("unavailable", None)
    await kept.ready()
    await kept.call()
    assert await kept.ids() == ["c1"]


async def test_what_it_logs_is_logged_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    kept = Kept(journal, "nowhere://archive")
    kept.indexing.start()
    await until(lambda: "the archive is left out of answers" in caplog.text)
    await kept.indexing.stop()
    await journal.close()
    assert {each.name for each in caplog.records} == {"helio.audit.index"}
