import errno
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helio.audit import loader as loading
from helio.audit import query, recovery, segment
from helio.audit.journal import Journal
from helio.audit.loader import IndexOutdated, Loader
from helio.audit.record import COLUMNS, Row, row_of
from helio.errors import JournalDamaged, JournalUnavailable

Start = Callable[..., Awaitable[Journal]]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    with duckdb.connect(tmp_path / "index.duckdb") as opened:
        yield opened


def load(connection: Any, directory: Path) -> Loader:
    loader = Loader(connection, directory)
    while loader.step():
        pass
    return loader


def rows(connection: Any) -> list[Row]:
    found = query.rows(connection, query.Filters())
    return [dict(zip(query.NAMES, cells, strict=True)) for cells in found]


def expected(directory: Path) -> list[Row]:
    """The rows, by the plain definition of a row."""
    outcomes = {
        line.values()["call_id"]: line.values()
        for line in recovery.read(directory)
        if line.kind == "outcome"
    }
    made = []
    for line in recovery.read(directory):
        data = line.values()
        if line.kind == "intent" and data["call_id"] in outcomes:
            made.append(row_of(line.kind, line.at, data, outcomes[data["call_id"]]))
        elif line.kind not in ("segment", "intent", "outcome"):
            made.append(row_of(line.kind, line.at, data))
    return made


async def append_calls(journal: Journal, call: Any, count: int, prefix: str) -> None:
    """Calls of every kind and ending, with values of every type, some of them left open."""
    chance = random.Random(prefix)
    texts = ["", "naïve 🦀", "line\nbreak", "nul\0", '"quoted"', "'; DROP TABLE audit", None]
    for number in range(count):
        data = call(
            f"{prefix}{number}",
            session_id=chance.choice(texts),
            matched_rule=chance.choice(texts),
            matched_rule_index=chance.choice([None, 0, 7]),
            indeterminate=chance.choice([None, [], [{"rule": "r", "condition": "c"}]]),
            flagged_destructive=chance.choice([True, False]),
            shadow=chance.choice([None, [{"rule": "s", "action": "deny"}]]),
            metadata=chance.choice([None, '{"channel":"C1"}']),
            tool_input=chance.choice(['{"amount":12345678901234567890.10}', "{}", '{"n":1e400}']),
        )
        kind = chance.choice(["intent", "intent", "blocked", "rejected", "lifecycle"])
        if kind == "rejected":
            del data["policy_decision"]
        if kind == "lifecycle":
            journal.append_soon(kind, {"record_kind": kind, "metadata": '{"event":"x"}'})
            continue
        if kind != "intent":
            data |= {"block_reason": "policy_denied", "total_duration_ms": 0.25}
            await journal.append_outcome(kind, data)
            continue
        await journal.append_intent(data)
        if chance.random() < 0.8:
            outcome = {
                "call_id": data["call_id"],
                "status": chance.choice(["answered", "upstream_error", "indeterminate"]),
                "upstream_response": chance.choice([None, '{"id":1,"result":{"v":0.10}}']),
                "upstream_http_status": chance.choice([None, 200]),
                "upstream_latency_ms": chance.choice([None, 1.5, 2]),
                "total_duration_ms": 3.25,
            }
            await journal.append_outcome("outcome", outcome)


async def test_the_index_holds_what_the_definition_of_a_row_says(
    started: Start, directory: Path, call: Any, connection: Any
) -> None:
    journal = await started(max_segment_bytes=4000)
    await append_calls(journal, call, 120, "c")
    await journal.close()
    load(connection, directory)
    wanted = expected(directory)
    assert len(wanted) > 60
    assert rows(connection) == wanted


async def test_calls_in_flight_become_rows_when_they_end(
    started: Start, directory: Path, call: Any, connection: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("c"))
    loader = load(connection, directory)
    assert rows(connection) == []
    await journal.append_outcome("outcome", {"call_id": "c", "status": "answered"})
    assert loader.step() > 0
    assert [row["outcome"] for row in rows(connection)] == ["answered"]


async def test_calls_without_an_outcome_are_indeterminate_rows_when_asked_for(
    started: Start, directory: Path, call: Any, connection: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("c"))
    await journal.close()
    load(connection, directory).load_open_calls()
    line = next(line for line in recovery.read(directory) if line.kind == "intent")
    assert rows(connection) == [row_of("intent", line.at, line.values())]
    assert rows(connection)[0]["outcome"] == "indeterminate"


@pytest.mark.parametrize("piece", [700, 4 * 1024 * 1024])
async def test_loading_goes_on_where_it_stopped(
    *,
    started: Start,
    directory: Path,
    call: Any,
    tmp_path: Path,
    piece: int,
) -> None:
    chance = random.Random(piece)
    journal = await started(max_segment_bytes=6000)
    for round_number in range(4):
        await append_calls(journal, call, 15, f"r{round_number}-")
        with duckdb.connect(tmp_path / "resumed.duckdb") as connection:
            loader = Loader(connection, directory, piece=piece)
            while loader.step() and chance.random() < 0.8:
                pass
    for open_call, *_ in journal._open_calls.listed(()):
        ended = {"call_id": open_call, "status": "answered"}
        await journal.append_outcome("outcome", ended)
    with duckdb.connect(tmp_path / "resumed.duckdb") as connection:
        load(connection, directory)
        assert rows(connection) == expected(directory)


async def test_carried_lines_are_one_row_whichever_copy_was_loaded_first(
    *,
    started: Start,
    directory: Path,
    disk: Any,
    call: Any,
    connection: Any,
    eventually: Any,
) -> None:
    journal = await started(durability="relaxed")
    for name in ("ended", "open"):
        journal.append_intent(call(name))
    journal.append_soon("lifecycle", {"record_kind": "lifecycle"})
    await journal.append_written("outcome", {"call_id": "ended", "status": "answered"})
    loader = load(connection, directory)
    assert len(rows(connection)) == 2
    disk.faults["sync"] = errno.EIO
    with pytest.raises(JournalUnavailable):
        await journal.append_durable("lifecycle", {"record_kind": "lifecycle"})
    disk.faults.clear()
    await eventually(lambda: journal.available)
    await journal.append_outcome("outcome", {"call_id": "open", "status": "answered"})
    await journal.close()
    while loader.step():
        pass
    assert sum(line.carried for line in recovery.read(directory)) == 4
    assert sorted(str(row["id"])[:5] for row in rows(connection)) == [
        "ended",
        "lifec",
        "lifec",  # That one could not be kept.
        "open",
    ]


async def test_another_version_or_another_journal_is_refused(
    started: Start,
    directory: Path,
    call: Any,
    connection: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = await started()
    await append_calls(journal, call, 20, "c")
    await journal.close()
    load(connection, directory)
    next(directory.glob("journal-*")).write_bytes(b"")
    with pytest.raises(IndexOutdated, match="journal ends before its index"):
        Loader(connection, directory)
    monkeypatch.setattr(loading, "VERSION", loading.VERSION + 1)
    with pytest.raises(IndexOutdated, match=f"version {loading.VERSION - 1}"):
        Loader(connection, directory)


async def test_a_line_that_is_not_json_is_named(
    started: Start, directory: Path, call: Any, connection: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("c"))
    await journal.close()
    path = segment.path_of(directory, 1)
    with path.open("ab") as file:
        file.write(b'{"seq":3,"prev":\n')
    with pytest.raises(JournalDamaged, match=rf"{path.name}, line 3"):
        load(connection, directory)
    assert rows(connection) == []


def test_the_columns_are_those_of_the_product() -> None:
    promised = (
        "id timestamp session_id session_source agent_id environment upstream tool_name tool_input"
        " args_hash policy_decision block_reason matched_rule matched_rule_index policy_digest"
        " indeterminate evidence_chain approval_status approved_by upstream_response upstream_error"
        " upstream_http_status upstream_latency_ms total_duration_ms approval_wait_ms"
        " proxy_compute_ms flagged_destructive dry_run shadow record_kind origin metadata"
        " protocol_version created_at"
    )
    assert [column.name for column in COLUMNS][:34] == promised.split()
