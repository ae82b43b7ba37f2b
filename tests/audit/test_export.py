import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from helio.audit import export
from helio.audit.journal import Journal
from helio.audit.record import COLUMNS
from helio.cli.export import register

Start = Callable[..., Awaitable[Journal]]
Export = Callable[..., Any]

APPENDER = Path(__file__).parent / "appender.py"
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture
def run(directory: Path) -> Export:
    """`helio export --audit-path` of the directory with more arguments; its result."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)

    def invoke(*arguments: str, where: tuple[str, ...] = ("--audit-path", str(directory))) -> Any:
        return CliRunner().invoke(app, ["export", *where, *arguments])

    return invoke


def rows_of(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout, parse_float=Decimal)
    assert isinstance(rows, list)
    return rows


async def append_pair(journal: Journal, call: Any, name: str, **more: object) -> None:
    await journal.append_intent(call(name, **more))
    await journal.append_outcome("outcome", {"call_id": name, "status": "answered"})


async def test_while_a_journal_is_written_all_that_ended_is_there(
    started: Start, run: Export, call: Any
) -> None:
    journal = await started()
    await append_pair(journal, call, "a")
    await journal.append_intent(call("in flight"))
    await append_pair(journal, call, "b")
    assert [row["id"] for row in rows_of(run())] == ["a", "b"]


async def test_after_the_end_open_calls_are_indeterminate(
    started: Start, run: Export, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("open"))
    await append_pair(journal, call, "a")
    await journal.close()
    assert [(row["id"], row["outcome"]) for row in rows_of(run())] == [
        ("open", "indeterminate"),
        ("a", "answered"),
    ]


def test_after_a_kill_nothing_acknowledged_is_missing(directory: Path, run: Export) -> None:
    command = [sys.executable, str(APPENDER), str(directory), "intent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        promised = [process.stdout.readline().decode() for _ in range(200)]
        process.kill()
        promised += process.stdout.read().decode().splitlines()
    segment = max(directory.glob("journal-*"))
    with segment.open("ab") as file:
        file.write(b'{"seq":')
    result = run()
    exported = {row["id"] for row in rows_of(result)}
    assert {line.split()[1] for line in promised if line.startswith("intent")} <= exported
    assert "left out 7 bytes at the end" in result.stderr


@pytest.mark.parametrize("own", [True, False])
async def test_the_journals_of_stdio_processes_belong_to_it(
    directory: Path, run: Export, call: Any, own: bool
) -> None:
    places = [directory] if own else []
    places += [directory / "stdio-files", directory / "stdio-files-2", directory / "other"]
    (directory / "stdio-empty").mkdir(parents=True)
    for index, place in enumerate(places):
        journal = Journal.open(place)
        await journal.start(dict)
        for second in (index, index + 10):
            at = f"2026-01-02T03:04:{second:02d}.000000Z"
            await append_pair(journal, call, f"{place.name} {second}", timestamp=at)
        await journal.close()
    every = [row["id"] for row in rows_of(run())]
    names = [place.name for place in places[:-1]]
    assert every == [
        f"{name} {place + late}" for late in (0, 10) for place, name in enumerate(names)
    ]
    assert [row["id"] for row in rows_of(run("--limit", "2", "--offset", "1"))] == every[1:3]
    assert [row["id"] for row in rows_of(run("--offset", "3"))] == every[3:]


async def test_rows_are_whole_and_their_numbers_exact(
    started: Start, run: Export, call: Any
) -> None:
    journal = await started()
    exact = '{"amount":12345678901234567890.10,"huge":1e400,"text":"naïve \\u0000 =1"}'
    await append_pair(journal, call, "c", tool_input=exact, metadata="not JSON")
    result = run()
    (row,) = rows_of(result)
    assert list(row) == [column.name for column in COLUMNS]
    assert exact in result.stdout
    assert row["tool_input"]["amount"] == Decimal("12345678901234567890.10")
    assert row["metadata"] == "not JSON"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["created_at"])
    assert (row["flagged_destructive"], row["approved_by"]) == (False, None)


async def test_csv_has_the_same_rows_and_no_formulas(
    started: Start, run: Export, call: Any
) -> None:
    journal = await started()
    for name, session in [("a", "=1+1"), ("b", "'=x"), ("c", "plain\nline")]:
        await append_pair(journal, call, name, session_id=session, matched_rule_index=-1)
    result = run("--format", "csv")
    assert result.exit_code == 0
    header, *lines = csv.reader(io.StringIO(result.stdout_bytes.decode(), newline=""))
    assert header == [column.name for column in COLUMNS]
    cells = [dict(zip(header, line, strict=True)) for line in lines]
    assert [each["session_id"] for each in cells] == ["'=1+1", "''=x", "plain\nline"]
    assert [export.original_cell(each["session_id"]) for each in cells] == [
        "=1+1",
        "'=x",
        "plain\nline",
    ]
    assert {each["matched_rule_index"] for each in cells} == {"-1"}
    assert {each["dry_run"] for each in cells} == {"false"}


@given(st.lists(st.one_of(CELLS, st.sampled_from("=+-@\t\r'").map(lambda c: c + "x"))))
def test_csv_cells_come_back_and_none_is_a_formula(cells: list[str]) -> None:
    wide = [*cells, *[None] * (-len(cells) % len(COLUMNS))]
    rows = [tuple(wide[at : at + len(COLUMNS)]) for at in range(0, len(wide), len(COLUMNS))]
    out = io.StringIO(newline="")
    assert export.write_csv(rows, out) == len(rows)
    _, *read = csv.reader(io.StringIO(out.getvalue(), newline=""))
    back = [cell for line in read for cell in line][: len(cells)]
    assert [export.original_cell(cell) for cell in back] == cells
    assert not [cell for cell in back if cell[:1] in tuple("=+-@\t\r")]


def test_no_rows_are_an_empty_list() -> None:
    out = io.BytesIO()
    assert export.write_json([], out) == 0
    assert json.loads(out.getvalue()) == []


async def test_a_file_appears_whole_or_not_at_all(
    started: Start, run: Export, call: Any, tmp_path: Path
) -> None:
    journal = await started()
    await append_pair(journal, call, "a")
    target = tmp_path / "rows.json"
    assert run("-o", str(target)).exit_code == 0
    assert [row["id"] for row in json.loads(target.read_text())] == ["a"]
    result = run("-o", str(tmp_path / "missing" / "rows.json"))
    assert result.exit_code == 2
    assert "No such file" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit", "rows.json"]


async def test_filters_and_limits_apply(started: Start, run: Export, call: Any) -> None:
    journal = await started()
    for name in "abc":
        await append_pair(journal, call, name, agent_id=name)
    assert [row["id"] for row in rows_of(run("--agent", "b"))] == ["b"]
    assert [row["id"] for row in rows_of(run("--limit", "1", "--offset", "1"))] == ["b"]
    assert rows_of(run("--blocked")) == []
    assert len(rows_of(run("--not-blocked", "--no-dry-run", "--tool", "PAY"))) == 3
    assert rows_of(run("--from", "2030-01-01")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "soon"), "--from: 'soon' is not an ISO 8601 date or time"),
        (("--format", "xml"), "--format xml: there are json, csv and parquet"),
        ((), "there is no journal in"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    run: Export, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


async def test_a_damaged_journal_is_said_with_its_line(
    started: Start, run: Export, call: Any, directory: Path
) -> None:
    journal = await started()
    await append_pair(journal, call, "a")
    path = next(directory.glob("journal-*"))
    path.write_bytes(path.read_bytes().replace(b'"kind":"intent"', b'"kind":"intent'))
    result = run()
    assert result.exit_code == 2
    assert f"{path.name}, line 2" in result.stderr


async def test_the_configuration_says_where_the_audit_is(
    started: Start, run: Export, call: Any, tmp_path: Path
) -> None:
    journal = await started()
    await append_pair(journal, call, "a")
    config = tmp_path / "helio.yaml"
    upstream = "upstream: { url: 'http://127.0.0.1:1/mcp' }\n"
    config.write_text(f"version: '1'\n{upstream}audit: {{ path: ./audit }}\n")
    assert [row["id"] for row in rows_of(run(where=("-c", str(config))))] == ["a"]
    config.write_text("version: '1'\nupstraem: {}\n")
    result = run(where=("-c", str(config)))
    assert result.exit_code == 1
    assert "upstraem" in result.stderr
    assert "--audit-path" in result.stderr
    assert run(where=("-c", str(tmp_path / "none.yaml"))).exit_code == 2


def test_importing_the_command_loads_neither_duckdb_nor_the_configuration() -> None:
    code = (
        "import sys, helio.cli.export; "
        "print([name for name in ('duckdb', 'pydantic', 'orjson') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


async def test_notes_of_progress_go_to_stderr_when_it_takes_longer(
    started: Start, run: Export, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await started()
    await append_pair(journal, call, "a")
    assert run().stderr == ""
    monkeypatch.setattr("helio.cli.audit_reading._PATIENCE", 0.0)
    assert "reading the journal: 0 of 0 MB" in run().stderr
