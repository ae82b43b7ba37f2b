"""The line to the index's process: what is asked, what comes, and what makes no sense."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from answering import answered
from helio.audit.asking.frames import WINDOW, Kind, encoded
from helio.audit.asking.line import Line
from helio.audit.journal import Journal
from helio.audit.segment import Position
from helio.errors import IndexUnavailable, Unanswered

LARGE = 200_000


class Other:
    """A line whose other end says what a test wants."""

    def __init__(self, line: Line, end: socket.socket) -> None:
        self.line = line
        self._end = end
        self.reading = asyncio.create_task(line.read())

    def says(self, kind: Kind, number: int = 0, value: object = None) -> None:
        self._end.sendall(encoded(kind, number, value))

    def sends(self, raw: bytes) -> None:
        self._end.sendall(raw)

    def close(self) -> None:
        self._end.close()


@pytest.fixture
async def other() -> AsyncIterator[Other]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    found = Other(Line(reader, writer, lambda: Position(1, 2)), theirs)
    yield found
    found.close()
    await asyncio.wait([found.reading])
    await found.line.close()


async def test_answers_come_in_pieces_to_who_asked(other: Other) -> None:
    first = other.line.ask("quick", "feed", {})
    second = other.line.ask("thorough", "list", {})
    assert (other.line.asked("quick"), other.line.asked("thorough")) == (1, 1)
    for number, piece in ((2, b"two"), (1, b"one"), (2, b"more")):
        other.says(Kind.PIECE, number, piece)
    other.says(Kind.END, 1, (None, ""))
    other.says(Kind.END, 2, ("failed", "a slip"))
    assert [await first.piece(), await first.piece()] == [b"one", b""]
    assert [await second.piece(), await second.piece()] == [b"two", b"more"]
    with pytest.raises(Unanswered, match="a slip") as caught:
        await second.piece()
    assert caught.value.fault == "failed"
    assert (other.line.asked("quick"), other.line.asked("thorough")) == (0, 0)


async def test_a_place_is_free_only_when_the_other_end_gave_up(other: Other) -> None:
    answer = other.line.ask("quick", "feed", {})
    answer.leave()
    assert other.line.asked("quick") == 1
    other.says(Kind.PIECE, 1, b"late")
    other.says(Kind.END, 1, (None, ""))
    other.says(Kind.STATUS, 0, ("ready", ""))
    while not other.line.was_ready:  # noqa: ASYNC110 - nobody else waits for it
        await asyncio.sleep(0)
    assert other.line.asked("quick") == 0


async def test_beats_are_counted_until_the_other_end_speaks(other: Other) -> None:
    for _ in range(3):
        other.line.beat()
    assert (other.line.unanswered_beats, other.line.began) == (3, False)
    other.says(Kind.STATUS, 0, ("unavailable", "it is locked"))
    while not other.line.began:  # noqa: ASYNC110 - nobody else waits for it
        await asyncio.sleep(0)
    assert other.line.unanswered_beats == 0
    assert other.line.status == ("unavailable", "it is locked")


async def test_who_waits_is_told_that_the_line_is_lost(other: Other) -> None:
    answer = other.line.ask("quick", "feed", {})
    other.close()
    with pytest.raises(IndexUnavailable, match="its process ended"):
        await answer.piece()
    assert other.line.status.state == "unavailable"
    with pytest.raises(IndexUnavailable, match="its process ended"):
        other.line.ask("quick", "feed", {})


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("!BQI", 99, 1, 0),
        struct.pack("!BQI", Kind.PIECE, 1, 1 << 30),
        encoded(Kind.PIECE, 7, b"for nobody"),
        encoded(Kind.PIECE, 1, b""),
        encoded(Kind.PIECE, 1, b"more than was asked for") * (WINDOW + 2),
        encoded(Kind.END, 7, (None, "")),
        encoded(Kind.END, 1, 5),
        encoded(Kind.STATUS, 0, b"{"),
        encoded(Kind.STATUS, 0, ("ready",)),
        encoded(Kind.ASK, 0, ()),
    ],
)
async def test_what_makes_no_sense_ends_the_line(other: Other, raw: bytes) -> None:
    other.line.ask("quick", "feed", {})
    other.sends(raw)
    with pytest.raises(ValueError, match=r"frame|pieces|unpack|JSON|\d"):
        await other.reading


async def test_an_answer_that_nobody_takes_holds_no_other_one_up(tmp_path: Path) -> None:
    """And is whole when somebody does."""
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    for number in range(8):
        call: dict[str, Any] = {"call_id": f"c{number}", "timestamp": "2026-01-02T03:04:05Z"}
        await journal.append_intent({**call, "tool_input": json.dumps("x" * LARGE)})
        await journal.append_outcome("outcome", {**call, "status": "answered"})
    async with answered(journal) as line:
        waiting = line.ask("exports", "export", {"form": "json", "filters": {}})
        first = await waiting.piece()
        for _ in range(3):
            quick = line.ask("quick", "feed", {"after": 0, "limit": 1})
            assert json.loads(await quick.piece())["total"] == 8
        pieces = [first]
        while piece := await waiting.piece():
            pieces.append(piece)
    assert len(json.loads(b"".join(pieces))) == 8
    await journal.close()


async def test_a_question_that_is_none_fails_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.open(tmp_path / "audit")
    await journal.start(dict)
    async with answered(journal) as line:
        answer = line.ask("quick", "feed", {"colour": "red"})
        with pytest.raises(Unanswered) as caught:
            await answer.piece()
    assert caught.value.fault == "failed"
    assert "the question feed failed" in caplog.text
    await journal.close()
