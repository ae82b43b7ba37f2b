"""What docs/audit.md says, done."""

import dataclasses
import hashlib
import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from days import FIRST, Days, rows_of
from helio.audit import segment
from helio.audit.archive import Archive
from helio.audit.directories import ARCHIVE
from helio.audit.index import FILE
from helio.audit.journal import Journal
from helio.audit.loader import Loader
from helio.audit.manifest import Manifest
from helio.audit.record import COLUMNS
from helio.audit.sealing import Terms, seal

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_column_is_explained() -> None:
    table = PAGE[PAGE.index("| column |") : PAGE.index("A body larger")]
    explained = re.findall(
        r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:-1])
    )
    assert sorted(explained) == sorted(column.name for column in COLUMNS)


def test_the_line_that_is_shown_is_one() -> None:
    (shown,) = blocks("json")
    line = segment.decode(shown.strip().encode())
    assert isinstance(line, segment.Line)
    assert (line.sequence, line.values()["call_id"]) == (12, "c1")


async def test_the_questions_that_are_shown_are_answered(
    directory: Path,
    call: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = directory.parent / "helio-audit"
    journal = Journal.open(place)
    await journal.start(dict)
    await journal.append_intent(call("c"))
    await journal.append_outcome("outcome", {"call_id": "c", "status": "answered"})
    await journal.append_outcome("blocked", call("b", block_reason="policy_denied"))
    with duckdb.connect(place / FILE) as connection:
        while Loader(connection, place).step():
            pass
    await journal.close()
    monkeypatch.chdir(directory.parent)
    _, stopped, running = blocks("sql")
    with duckdb.connect() as connection:
        attach, *questions = stopped.split(";\n\n")
        connection.execute(attach)
        answers = [connection.execute(question).fetchall() for question in questions]
        assert [[tuple(map(str, row)) for row in answer] for answer in answers] == [
            [("create_payment", "policy_denied", "1")],
            [("agent", "1.10")],
        ]
        rows = connection.execute(running).fetchall()
        assert [row[1:] for row in rows] == [
            ("blocked", "create_payment", "allow"),
            ("intent", "create_payment", "allow"),
        ]


async def test_each_line_holds_the_hash_of_the_one_before(directory: Path, call: Any) -> None:
    journal = Journal.open(directory)
    await journal.start(dict)
    await journal.append_intent(call("c"))
    await journal.close()
    lines = next(directory.glob("journal-*")).read_bytes().splitlines()
    before = [hashlib.sha256(line).hexdigest() for line in lines]
    assert [json.loads(line)["prev"] for line in lines] == ["0" * 64, *before[:-1]]


async def test_the_archive_is_asked_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "helio-audit"
    await Days(place).write(0, 1, 2)
    expected = [
        (str(row["created_at"])[:10], row["agent_id"])
        for row in rows_of(place)
        if row["tool_name"] == "create_payment" and str(row["created_at"]) < "2026-01-04"
    ]
    archive = Archive(str(place / ARCHIVE))
    terms = Terms(timedelta(days=1), timedelta(days=90))
    assert len(seal(place, archive, terms, now=FIRST + timedelta(days=4)).sealed) == 2
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute(blocks("sql")[0]).fetchall()
    assert {(str(date), agent): calls for date, agent, calls, _ in found} == Counter(expected)
    assert any(spent for *_, spent in found)


def test_the_manifest_is_explained() -> None:
    section = PAGE[PAGE.index("A manifest names") : PAGE.index("SELECT date")]
    obvious = {"format", "node", "date", "file", "columns", "sealed_at"}
    fields = {each.name for each in dataclasses.fields(Manifest)} - obvious
    assert fields <= set(re.findall(r"`(\w+)`", section))
