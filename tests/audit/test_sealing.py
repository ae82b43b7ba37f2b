"""Sealing: what leaves the journal is in the archive, whole, whenever it is interrupted."""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from days import FIRST, Days, rows_of
from helio.audit import archive as archives
from helio.audit import directories, query, reach, recovery, sealing, segment
from helio.audit.archive import Archive
from helio.audit.loader import Loader
from helio.audit.query import Filters
from helio.audit.record import Row
from helio.audit.sealing import Sealed, Terms

DAY = timedelta(days=1)
TERMS = Terms(after=DAY, retention=90 * DAY)


def place(directory: Path) -> Archive:
    return Archive(str(directory / directories.ARCHIVE))


def seal(directory: Path, day: float, terms: Terms = TERMS) -> Sealed:
    """As if it were `day` days after the first one."""
    return sealing.seal(directory, place(directory), terms, now=FIRST + day * DAY)


def all_rows(directory: Path, filters: Filters | None = None) -> list[Row]:
    """What a question finds, in an index that is made anew."""
    with duckdb.connect() as connection:
        loader = Loader(connection, directory)
        while loader.step():
            pass
        archive = place(directory)
        reach.learn(connection, archive, directory)
        found = query.rows(connection, filters or Filters())
        return [dict(zip(query.NAMES, cells, strict=True)) for cells in found]


def dates(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / directories.ARCHIVE).glob("date=*"))


async def test_days_that_are_over_leave_the_journal(directory: Path) -> None:
    days = Days(directory)
    await days.write(0, 1, 2, 3)
    before = rows_of(directory)
    left = directory / ".seal-of-a-killed-process"
    left.mkdir()
    (left / "rows.parquet").write_bytes(b"rows")
    done = seal(directory, 3)
    assert not left.exists()
    assert [each.date for each in done.sealed] == ["2026-01-02", "2026-01-03"]
    assert (done.removed, done.waiting, done.kept, done.deleted) == (2, None, False, [])
    assert dates(directory) == ["date=2026-01-02", "date=2026-01-03"]
    headers = [line.at[:10] for line in recovery.read(directory) if line.kind == "segment"]
    assert headers == ["2026-01-04", "2026-01-05"]
    assert all_rows(directory) == before
    # And again: nothing is due.
    assert seal(directory, 3) == Sealed()
    # The newest segment stays, however old it is: a restart reads it.
    assert seal(directory, 50).removed == 1
    assert len(segment.segments(directory)) == 1
    await days.write(60)
    assert all_rows(directory)[: len(before)] == before


async def test_a_manifest_says_where_the_chain_was(directory: Path) -> None:
    await Days(directory).write(0, 1, 2, restarts=True)
    lines = {line.sequence: line for line in recovery.read(directory)}
    done = seal(directory, 3)
    first, second = done.sealed
    assert (first.first_seq, first.previous) == (1, segment.NO_HASH)
    assert first.digest == lines[first.last_seq].digest == second.previous
    assert second.first_seq == first.last_seq + 1
    assert (first.before, second.before) == (None, first.sha)
    assert first.rows + second.rows == sum(
        line.kind not in ("segment", "outcome")
        for line in lines.values()
        if line.sequence <= second.last_seq
    )
    assert place(directory).parts(directory) == [first, second]


async def test_calls_without_an_outcome_keep_their_day(directory: Path) -> None:
    days = Days(directory)
    await days.write(0, 1, 2, late=3)
    await days.write(3, left_open=1)
    assert [each.date for each in seal(directory, 4).sealed][-1] == "2026-01-04"
    journal = await days._opened()
    days.now = FIRST + 5 * DAY
    await journal.append_intent({"call_id": "held"})
    days.now = FIRST + 6 * DAY
    await journal.append_intent({"call_id": "other"})
    waiting = seal(directory, 8)
    assert waiting.waiting == "2026-01-07"
    await journal.append_outcome("outcome", {"call_id": "held", "status": "answered"})
    done = seal(directory, 8)
    assert (done.waiting, [each.date for each in done.sealed]) == (None, ["2026-01-07"])
    held = [row for row in all_rows(directory) if row["id"] == "held"]
    assert [row["outcome"] for row in held] == ["answered"]
    await journal.close()


async def test_what_is_too_old_is_deleted_whole(directory: Path) -> None:
    await Days(directory).write(0, 1, 2, 3)
    before = rows_of(directory)
    seal(directory, 4)
    done = seal(directory, 10, Terms(after=DAY, retention=9 * DAY))
    assert [each.date for each in done.deleted] == ["2026-01-02"]
    assert dates(directory) == ["date=2026-01-03", "date=2026-01-04"]
    left = [row for row in before if str(row["created_at"]) >= "2026-01-03"]
    assert all_rows(directory) == left
    # What is due and too old at once goes through the archive, and is gone.
    await Days(directory).write(20)
    done = seal(directory, 40, Terms(after=DAY, retention=2 * DAY))
    assert dates(directory) == []
    assert len(done.deleted) == 3
    assert {str(row["created_at"])[:10] for row in all_rows(directory)} == {"2026-01-22"}


PROOF = os.environ.get("HELIO_PROOF") == "1"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> Callable[[], int]:
    """Kills at the n-th step that touches a disk; returns how many there were."""
    steps = 0

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == after:
                raise Killed
            return original(*arguments, **named)

        return step

    local = type(archives.fsspec.filesystem("file"))
    for owner, name in (
        (local, "put_file"),
        (local, "pipe_file"),
        (local, "rm_file"),
        (Path, "replace"),
        (Path, "unlink"),
        (Archive, "check"),
        (os, "fsync"),
    ):
        monkeypatch.setattr(owner, name, counting(getattr(owner, name)))
    return lambda: steps


async def test_a_kill_at_any_step_loses_and_doubles_nothing(
    directory: Path, tmp_path: Path
) -> None:
    await Days(directory).write(0, 1, 2, calls=5, late=2)
    await Days(directory, seed=1).write(3, calls=5)
    kept = [row for row in rows_of(directory) if str(row["created_at"])[:10] > "2026-01-02"]
    terms = Terms(after=DAY, retention=4 * DAY)
    whole = tmp_path / "whole"
    shutil.copytree(directory, whole)
    with pytest.MonkeyPatch.context() as patch:
        total = interrupt(patch, 0)
        seal(whole, 5.5, terms)
        steps = total()
    assert steps > 30
    for step in range(1, steps + 1, 1 if PROOF else 8):
        copy = tmp_path / f"copy{step}"
        shutil.copytree(directory, copy)
        with pytest.MonkeyPatch.context() as patch:
            interrupt(patch, step)
            with pytest.raises(Killed):
                seal(copy, 5.5, terms)
        after_kill = all_rows(copy)
        found = [row for row in after_kill if str(row["created_at"])[:10] > "2026-01-02"]
        assert found == kept, step
        seal(copy, 5.5, terms)
        assert all_rows(copy) == kept, step
        left = [each for each in (copy / directories.ARCHIVE).rglob("*") if each.is_file()]
        assert not [
            each for each in left if each.name.startswith("part") and "partial" in each.name
        ]
        shutil.rmtree(copy)


@settings(
    max_examples=150 if PROOF else 6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_rows_of_journal_and_archive_are_those_of_the_journal(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("sealed") / "audit"
    days = Days(directory, seed=data.draw(st.integers(0, 999)))
    # Clocks go back, too.
    on = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))
    await days.write(
        *on,
        calls=data.draw(st.integers(0, 6)),
        late=data.draw(st.integers(0, 2)),
        left_open=data.draw(st.integers(0, 1)),
        restarts=data.draw(st.booleans()),
    )
    before = rows_of(directory)
    for day in data.draw(st.lists(st.integers(0, 12), max_size=3)):
        seal(directory, day)
    assert all_rows(directory) == before
    since = FIRST + data.draw(st.integers(-1, 10)) * DAY
    until = since + data.draw(st.integers(0, 5)) * DAY
    expected = [
        row
        for row in before
        if since.isoformat()[:19] <= str(row["timestamp"])[:19] < until.isoformat()[:19]
    ]
    assert all_rows(directory, Filters(since=since, until=until)) == expected
    shutil.rmtree(directory.parent)
