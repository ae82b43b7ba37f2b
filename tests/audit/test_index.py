import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helio.audit import index as indexing
from helio.audit import query
from helio.audit.index import Index
from helio.audit.journal import Journal
from helio.errors import IndexUnavailable

Start = Callable[..., Awaitable[Journal]]

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def indexed() -> Iterator[Any]:
    """Starts indexes and stops them."""
    started: list[Index] = []

    def start(journal: Journal) -> Index:
        index = Index(journal.directory, lambda: journal.settled, interval=60)
        started.append(index)
        index.start()
        return index

    yield start
    for index in started:
        index.stop()


async def append(journal: Journal, call: Any, name: str) -> None:
    await journal.append_intent(call(name))
    await journal.append_outcome("outcome", {"call_id": name, "status": "answered"})


def ids(index: Index) -> list[str]:
    return [str(row["id"]) for row in query.page(index.cursor(), query.Filters())]


async def test_a_refreshed_index_holds_all_that_was_acknowledged(
    started: Start, indexed: Any, call: Any
) -> None:
    journal = await started()
    index = indexed(journal)
    for name in "abc":
        await append(journal, call, name)
        assert index.refresh(5)
        assert ids(index)[0] == name
    assert index.status.state == "ready"


async def test_it_goes_on_after_a_restart(
    started: Start, indexed: Any, directory: Path, call: Any
) -> None:
    journal = await started()
    first = indexed(journal)
    await append(journal, call, "a")
    assert first.refresh(5)
    first.stop()
    await append(journal, call, "b")
    second = indexed(journal)
    assert second.refresh(5)
    assert ids(second) == ["b", "a"]
    with pytest.raises(IndexUnavailable, match="closed"):
        first.cursor()


@pytest.mark.parametrize("damage", ["garbage", "half", "version"])
async def test_a_file_that_is_damaged_or_of_another_version_is_made_anew(
    started: Start, indexed: Any, directory: Path, call: Any, damage: str
) -> None:
    journal = await started()
    await append(journal, call, "a")
    first = indexed(journal)
    assert first.refresh(5)
    first.stop()
    file = directory / indexing.FILE
    match damage:
        case "garbage":
            file.write_bytes(b"not a database" * 1000)
        case "half":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        case "version":
            with duckdb.connect(file) as connection:
                connection.execute("UPDATE loaded SET version = 0")
                connection.execute("DELETE FROM audit")
    await append(journal, call, "b")
    second = indexed(journal)
    assert second.refresh(8)
    assert ids(second) == ["b", "a"]


async def test_a_locked_file_stops_no_call_and_is_kept(
    started: Start, indexed: Any, directory: Path, call: Any, eventually: Any
) -> None:
    journal = await started()
    file = directory / indexing.FILE
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        index = indexed(journal)
        await append(journal, call, "a")
        await eventually(lambda: index.status.state == "unavailable")
        assert "lock" in index.status.detail
        with pytest.raises(IndexUnavailable, match="lock"):
            index.cursor()
        await append(journal, call, "b")
        holder.kill()
        holder.wait()
    assert index.refresh(8)
    assert ids(index) == ["b", "a"]


async def test_an_index_that_cannot_be_loaded_tells_why_and_waits(
    started: Start, indexed: Any, directory: Path, call: Any, eventually: Any
) -> None:
    journal = await started()
    await append(journal, call, "a")
    path = next(directory.glob("journal-*"))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"status":"answered"', b'"status":"answered'))
    index = indexed(journal)
    await eventually(lambda: path.name in index.status.detail)
    assert not index.refresh(0.01)
    path.write_bytes(whole)
    assert index.refresh(8)
