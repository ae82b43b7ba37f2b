"""A budget's ledger: from journal lines to its charges, and their export."""

import csv
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from helio.audit import ledger
from helio.audit.journal import Journal
from helio.audit.loader import Loader
from helio.audit.query import Filters
from helio.cli.export import register

Start = Callable[..., Awaitable[Journal]]


def taken(budget: str, amount: str, key: str = "global=") -> dict[str, Any]:
    """What an intent says of one budget."""
    return {
        "budget": budget,
        "key": key,
        "amount": amount,
        "currency": "GBP",
        "contributor": 0,
    }


async def write(journal: Journal, call: Any) -> None:
    """Five calls that take from `money`, or would have; `a`, `b` and `e` did, or may have."""
    for name, status, budgets in (
        ("a", "answered", [taken("money", "0.10"), taken("pot", "2", "session=s")]),
        ("b", "indeterminate", [taken("money", "12345678901234567890.5")]),
        ("c", "not_forwarded", [taken("money", "7")]),
        ("d", "answered", None),
        ("e", "upstream_error", [taken("money", "3")]),
    ):
        more = {} if budgets is None else {"budgets": budgets}
        await journal.append_intent(call(name, tool_name=f"pay_{name}", **more))
        await journal.append_outcome("outcome", {"call_id": name, "status": status})
    blocked = {**call("f"), "block_reason": "budget_exceeded"}
    await journal.append_outcome("blocked", blocked)


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as opened:
        yield opened


async def test_a_ledger_holds_what_was_charged_and_nothing_else(
    started: Start, directory: Path, call: Any, connection: Any
) -> None:
    journal = await started()
    await write(journal, call)
    await journal.close()
    while Loader(connection, directory).step():
        pass
    rows = ledger.page(connection, "money", Filters())
    assert [(row["id"], row["amount"]) for row in rows] == [
        ("e", "3"),
        ("b", "12345678901234567890.5"),
        ("a", "0.10"),
    ]
    assert rows[2] == {
        "id": "a",
        "timestamp": "2026-01-02T03:04:05.000001Z",
        "budget": "money",
        "key": "global=",
        "amount": "0.10",
        "currency": "GBP",
        "contributor": 0,
        "outcome": "answered",
        "tool_name": "pay_a",
        "upstream": "default",
        "session_id": "s1",
        "agent_id": "agent",
        "matched_rule": None,
        "policy_digest": None,
    }
    assert ledger.count(connection, "money", Filters(limit=1)) == 3
    assert [row["id"] for row in ledger.page(connection, "money", Filters(limit=1, offset=1))] == [
        "b"
    ]
    assert [row["id"] for row in ledger.page(connection, "money", Filters(tool="PAY_B"))] == ["b"]
    assert [row["key"] for row in ledger.page(connection, "pot", Filters())] == ["session=s"]
    assert ledger.count(connection, "' OR true --", Filters()) == 0


@pytest.mark.parametrize("name", ["money", 'quoted "money"', "naïve 🦀/\\n", "%_"])
async def test_no_text_of_an_agent_is_taken_for_a_charge(
    started: Start, directory: Path, call: Any, connection: Any, name: str
) -> None:
    journal = await started()
    pretended = json.dumps([taken(name, "9")])
    for number, key in enumerate((f"session={pretended}", f'agent="budget":"{name}"')):
        for budget in ("other", name):
            data = call(f"{budget} {number}", budgets=[taken(budget, "1", key)])
            await journal.append_intent(data)
            await journal.append_outcome(
                "outcome", {"call_id": data["call_id"], "status": "answered"}
            )
    await journal.close()
    while Loader(connection, directory).step():
        pass
    rows = ledger.page(connection, name, Filters())
    assert [row["id"] for row in rows] == [f"{name} 1", f"{name} 0"]
    assert ledger.count(connection, name, Filters()) == 2
    assert len(list(ledger.charges(connection, name, Filters()))) == 2


async def export(directory: Path, *arguments: str) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["export", "--audit-path", str(directory), *arguments])


async def test_the_export_of_a_ledger(started: Start, directory: Path, call: Any) -> None:
    journal = await started()
    await write(journal, call)
    # While the process runs, and after it stopped.
    for _ in range(2):
        result = await export(directory, "--budgets", "money")
        assert result.exit_code == 0
        rows = json.loads(result.stdout, parse_float=Decimal)
        assert [(row["id"], row["amount"]) for row in rows] == [
            ("a", Decimal("0.10")),
            ("b", Decimal("12345678901234567890.5")),
            ("e", 3),
        ]
        await journal.close()
    result = await export(directory, "--budgets", "money", "-f", "csv", "--tool", "pay_a")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert tuple(row) == ledger.NAMES
    assert (row["amount"], row["key"]) == ("0.10", "global=")


async def test_a_call_that_a_kill_left_open_is_in_the_ledger(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await journal.append_intent(call("open", budgets=[taken("money", "5")]))
    await journal.close()
    (row,) = json.loads((await export(directory, "--budgets", "money")).stdout)
    assert (row["id"], row["outcome"]) == ("open", "indeterminate")


async def test_journals_of_several_processes_make_one_ledger(directory: Path, call: Any) -> None:
    for name in (directory, directory / "stdio-one"):
        journal = Journal.open(name)
        await journal.start(dict)
        await write(journal, call)
        await journal.close()
    result = await export(directory, "--budgets", "pot")
    assert len(json.loads(result.stdout)) == 2


async def test_a_name_that_nothing_was_charged_to_is_mentioned(
    started: Start, directory: Path, call: Any
) -> None:
    journal = await started()
    await write(journal, call)
    result = await export(directory, "--budgets", "monye")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert "there is no charge of a budget called monye" in result.stderr
