"""Questions that reach over the journal and the archive, from the index and from exports."""

import json
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from days import FIRST, Days, rows_of
from helio.audit import ledger, query, segment
from helio.audit.analytics import analytics
from helio.audit.archive import Archive
from helio.audit.directories import ARCHIVE
from helio.audit.export import all_opened, merged
from helio.audit.index import Index
from helio.audit.journal import Journal
from helio.audit.query import Filters
from helio.audit.reach import learn
from helio.audit.sealing import Terms, seal
from helio.cli.export import register
from helio.errors import ArchiveUnavailable, IndexUnavailable

DAY = timedelta(days=1)
TERMS = Terms(after=DAY, retention=90 * DAY)

Open = Callable[..., Awaitable[Index]]


def seal_days(directory: Path, day: int, location: str | None = None) -> None:
    archive = Archive(location or str(directory / ARCHIVE))
    assert seal(directory, archive, TERMS, now=FIRST + day * DAY).sealed


@pytest.fixture
async def opened(directory: Path) -> AsyncIterator[Open]:
    """Starts an index of the directory, and gives it when it knows the archive."""
    indexes: list[Index] = []

    async def start(eventually: Any, location: str | None = None) -> Index:
        end = last_place(directory)
        index = Index(directory, lambda: end, archive=location or str(directory / ARCHIVE))
        indexes.append(index)
        index.start()
        assert index.refresh(8)
        await eventually(lambda: known(index))
        return index

    yield start
    for index in indexes:
        index.stop()


def last_place(directory: Path) -> segment.Position:
    last = segment.segments(directory)[-1]
    return segment.Position(last, segment.path_of(directory, last).stat().st_size)


def known(index: Index) -> bool:
    """Whether the index has looked at the archive."""
    with index.cursor() as cursor:
        ((problem,),) = cursor.execute("SELECT problem FROM archive").fetchall()
        return problem is None or "not read yet" not in problem


def answers(connection: Any) -> list[Any]:
    """What several questions give."""
    since = Filters(since=FIRST + DAY, until=FIRST + 2 * DAY)
    return [
        query.page(connection, Filters()),
        query.page(connection, Filters(limit=7, offset=3)),
        query.page(connection, Filters(limit=30, offset=15)),
        query.page(connection, Filters(limit=5, offset=55)),
        query.page(connection, since),
        query.count(connection, Filters()),
        query.count(connection, Filters(tool="PAYMENT")),
        query.find(connection, "policy_loaded-nothing"),
        query.find(connection, str(query.page(connection, Filters())[-1]["id"])),
        ledger.page(connection, "b", Filters()),
        ledger.count(connection, "b", since),
        analytics(connection, Filters()),
        analytics(connection, since),
    ]


class Meanwhile:
    """A connection, or a cursor, on which something happens before the second part of a page."""

    def __init__(self, inner: Any, happen: Callable[[], None], parts: list[str]) -> None:
        self._inner, self._happen, self._parts = inner, happen, parts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()

    def cursor(self) -> "Meanwhile":
        return Meanwhile(self._inner.cursor(), self._happen, self._parts)

    def execute(self, sql: str, *parameters: Any) -> "Meanwhile":
        # The first to reach for the archive is what comes after the index's own rows.
        if "SELECT problem FROM archive" in sql:
            self._parts.append(sql)
            self._happen()
        self._inner.execute(sql, *parameters)
        return self


@pytest.mark.parametrize("filters", [Filters(), Filters(limit=100, offset=5)])
async def test_a_page_holds_no_row_twice_while_a_day_is_sealed(
    directory: Path, opened: Open, eventually: Any, filters: Filters
) -> None:
    await Days(directory).write(0, 1, 2, 3)
    index = await opened(eventually)

    def sealed() -> None:
        seal_days(directory, 3)
        with index.cursor() as connection:
            learn(connection, Archive(str(directory / ARCHIVE)), directory)

    parts: list[str] = []
    with index.cursor() as connection:
        expected = query.page(connection, filters)
        assert query.page(Meanwhile(connection, sealed, parts), filters) == expected  # type: ignore[arg-type]
        assert len(parts) == 1
        assert query.page(connection, filters) == expected


async def test_answers_are_the_same_before_and_after_sealing(
    directory: Path, opened: Open, eventually: Any
) -> None:
    await Days(directory).write(0, 1, 2, 3, late=1)
    before = await opened(eventually)
    with before.cursor() as connection:
        expected = answers(connection)
    seal_days(directory, 3)
    before.days_sealed()
    # The same index that learns of it, and one that begins after it.
    await eventually(lambda: hot_rows(before) < len(rows_of(directory)) + 2)
    with before.cursor() as connection:
        assert answers(connection) == expected
    before.stop()
    after = await opened(eventually)
    with after.cursor() as connection:
        assert answers(connection) == expected
    for file in directory.glob("index.duckdb*"):
        file.unlink()
    after.stop()
    anew = await opened(eventually)
    with anew.cursor() as connection:
        assert answers(connection) == expected


def hot_rows(index: Index) -> int:
    with index.cursor() as cursor:
        return int(cursor.execute("SELECT count(*) FROM main.audit").fetchall()[0][0])


async def test_files_of_another_time_are_not_read(
    directory: Path, opened: Open, eventually: Any
) -> None:
    await Days(directory).write(0, 1, 2)
    seal_days(directory, 4)
    index = await opened(eventually)
    first, second = sorted((directory / ARCHIVE).rglob("*.parquet"))
    first.unlink()
    second.write_bytes(b"PAR1 and nothing more")
    with index.cursor() as connection:
        # What the archive is not needed for is answered.
        assert query.page(connection, Filters(since=FIRST + 2 * DAY))
        assert query.page(connection, Filters(limit=3))
        for filters in (Filters(), Filters(until=FIRST + DAY), Filters(since=FIRST + DAY)):
            with pytest.raises(IndexUnavailable, match=r"cannot be read: .*parquet"):
                query.page(connection, filters)
        with pytest.raises(IndexUnavailable):
            analytics(connection, Filters())
    assert index.status.state == "ready"


async def test_an_archive_that_is_not_there_is_no_short_answer(
    directory: Path, opened: Open, eventually: Any
) -> None:
    await Days(directory).write(0, 1, 2)
    seal_days(directory, 4)
    shutil.move(directory / ARCHIVE, directory / "elsewhere")
    index = await opened(eventually)
    with index.cursor() as connection:
        assert query.page(connection, Filters(limit=3))
        with pytest.raises(ArchiveUnavailable, match="there is no archive at"):
            query.count(connection, Filters())
    shutil.move(directory / "elsewhere", directory / ARCHIVE)
    index.days_sealed()
    await eventually(lambda: counted(index) > 40)


def counted(index: Index) -> int:
    with index.cursor() as connection:
        try:
            return query.count(connection, Filters())
        except ArchiveUnavailable:
            return 0


@pytest.mark.parametrize("url", ["s3://bucket/x", "nothing://x", "memory:/\0"])
async def test_a_place_that_cannot_be_used_is_said(
    directory: Path, opened: Open, eventually: Any, url: str
) -> None:
    await Days(directory).write(0)
    index = await opened(eventually, url)
    with index.cursor() as connection:
        assert query.page(connection, Filters(limit=3))
        with pytest.raises(ArchiveUnavailable, match=r"the archive .* cannot be used"):
            query.count(connection, Filters())


async def test_any_file_system_will_do_and_nodes_share_it(
    directory: Path, opened: Open, eventually: Any
) -> None:
    location = f"memory://{uuid.uuid4()}/audit [of all]"
    other = directory.parent / "other"
    await Days(other, seed=1).write(0, 1)
    seal_days(other, 4, location)
    await Days(directory).write(0, 1, 2)
    expected = rows_of(directory)
    seal_days(directory, 4, location)
    index = await opened(eventually, location)
    with index.cursor() as connection:
        assert query.page(connection, Filters())[::-1] == expected
    with all_opened(directory, archive=location) as sources:
        assert len(list(merged(sources, Filters()))) == len(expected)


@pytest.fixture
def export(directory: Path) -> Callable[..., Any]:
    """`helio export` of the directory."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["export", "--audit-path", str(directory), *arguments])

    return invoke


async def test_exports_reach_into_the_archive(directory: Path, export: Any) -> None:
    await Days(directory).write(0, 1, 2, calls=8)
    stdio = directory / "stdio-tools"
    await Days(stdio, seed=1).write(0, 1, calls=8)
    before = [export(*form).stdout for form in ((), ("-f", "csv"), ("--budgets", "b"))]
    seal_days(directory, 5)
    seal_days(stdio, 5)
    assert [export(*form).stdout for form in ((), ("-f", "csv"), ("--budgets", "b"))] == before
    last_day = export("--from", "2026-01-04")
    assert len(json.loads(last_day.stdout)) == 8 + 0
    shutil.rmtree(directory / ARCHIVE)
    broken = export()
    assert broken.exit_code == 2
    assert "there is no archive at" in broken.stderr
    assert "[" not in broken.stdout


@pytest.mark.parametrize("arguments", [(), ("--budgets", "b"), ("--agent", "nobody")])
async def test_parquet_holds_what_json_holds(
    directory: Path, export: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    await Days(directory).write(0, 1, 2)
    seal_days(directory, 3)
    file = tmp_path / "rows.parquet"
    assert export(*arguments, "-f", "parquet", "-o", str(file)).exit_code == 0
    with duckdb.connect() as connection:
        found = connection.execute("FROM read_parquet(?)", [str(file)])
        names = [each[0] for each in found.description or ()]
        rows = [dict(zip(names, cells, strict=True)) for cells in found.fetchall()]
    with all_opened(directory) as sources:
        budget = arguments[1] if "--budgets" in arguments else None
        filters = Filters(agent="nobody" if "--agent" in arguments else None)
        expected = list(merged(sources, filters, budget))
    assert [list(map(_shown, row.values())) for row in rows] == [list(cells) for cells in expected]
    assert names == list(query.NAMES if budget is None else ledger.NAMES)


def _shown(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return cell


async def test_a_sealed_day_is_not_removed_while_it_is_read(directory: Path) -> None:
    await Days(directory).write(0, 1, 2)
    with all_opened(directory) as sources:
        archive = Archive(str(directory / ARCHIVE))
        done = seal(directory, archive, TERMS, now=FIRST + 4 * DAY)
        assert (done.kept, done.removed) == (True, 0)
        assert len(list(merged(sources, Filters()))) == 60
    done = seal(directory, archive, TERMS, now=FIRST + 4 * DAY)
    assert (done.kept, done.removed, done.sealed) == (False, 2, [])


async def test_a_journal_goes_on_behind_what_was_sealed(directory: Path) -> None:
    days = Days(directory)
    await days.write(0, 1, 2)
    seal_days(directory, 4)
    journal = Journal.open(directory)
    await journal.start(dict)
    await journal.close()
    assert segment.segments(directory)[0] > 1
