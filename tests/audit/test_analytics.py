"""What the rows add up to, against sums that are made by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helio.audit.analytics import analytics
from helio.audit.journal import Journal
from helio.audit.loader import Loader
from helio.audit.query import Filters

Start = Callable[..., Awaitable[Journal]]


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
async def filled(started: Start, directory: Path, call: Any, connection: Any) -> Any:
    """Four calls that went through, in two hours; a blocked one, a dry run, and a refused
    message."""
    journal = await started()
    for number, (at, agent, status, spend) in enumerate(
        [
            ("03:04", "ann", "answered", {"GBP": "0.10"}),
            ("03:59", "ann", "upstream_error", {"GBP": "12345678901234567890.5", "EUR": "3"}),
            ("05:00", "bob", "indeterminate", {"GBP": "0.20"}),
            ("05:01", "bob", "not_forwarded", {"GBP": "7"}),
        ]
    ):
        data = call(
            f"c{number}", timestamp=f"2026-01-02T{at}:00.000000Z", agent_id=agent, spend=spend
        )
        await journal.append_intent(data)
        outcome = {
            "call_id": f"c{number}",
            "status": status,
            "total_duration_ms": 10.0 * (number + 1),
            "upstream_latency_ms": 9.0 * (number + 1),
            "proxy_compute_ms": 1.0 * (number + 1),
        }
        await journal.append_outcome("outcome", outcome)
    for name, more in (
        ("b", {"policy_decision": "deny", "block_reason": "policy_denied"}),
        ("d", {"policy_decision": "dry_run", "block_reason": "policy_denied", "dry_run": True}),
    ):
        await journal.append_outcome("blocked", {**call(name), "agent_id": "ann", **more})
    await journal.append_outcome(
        "rejected", {"call_id": "r", "block_reason": "batch_refused", "upstream": "default"}
    )
    await journal.append_written("lifecycle", {"metadata": "{}"})
    await journal.close()
    while Loader(connection, directory).step():
        pass
    return connection


async def test_everything_is_counted_once(filled: Any) -> None:
    found = analytics(filled, Filters(until=datetime(2026, 1, 3, tzinfo=UTC)))
    assert {name: found[name] for name in found if name.endswith("total")} == {
        "total": 6,
        "allowed_total": 4,
        "blocked_total": 1,
        "dry_run_total": 1,
    }
    assert found["by_decision"] == {"allow": 4, "deny": 1, "dry_run": 1}
    assert found["by_block_reason"] == {"policy_denied": 2}
    assert found["top_tools"] == [
        {"tool": "create_payment", "upstream": "default", "calls": 6, "blocked": 1}
    ]
    assert found["top_agents"] == [
        {"agent": "ann", "calls": 4, "blocked": 1},
        {"agent": "bob", "calls": 2, "blocked": 0},
    ]
    assert found["latency"] == {
        "total": {"p50": 25.0, "p95": 38.5, "p99": 39.7},
        "upstream": {"p50": 22.5, "p95": 34.65, "p99": 35.73},
        "proxy_compute": {"p50": 2.5, "p95": 3.85, "p99": 3.97},
    }
    assert [(each["hour"], each["total"], each["blocked_total"]) for each in found["per_hour"]] == [
        ("2026-01-02T03:00:00Z", 4, 1),
        ("2026-01-02T05:00:00Z", 2, 0),
    ]


async def test_money_keeps_every_digit_and_what_was_given_back_does_not_count(filled: Any) -> None:
    assert analytics(filled, Filters())["spend"] == {
        "EUR": {"total": "3", "per_hour": [{"hour": "2026-01-02T03:00:00Z", "amount": "3"}]},
        "GBP": {
            "total": "12345678901234567890.8",
            "per_hour": [
                {"hour": "2026-01-02T03:00:00Z", "amount": "12345678901234567890.6"},
                {"hour": "2026-01-02T05:00:00Z", "amount": "0.2"},
            ],
        },
    }


async def test_filters_choose_what_is_counted(filled: Any) -> None:
    assert analytics(filled, Filters(agent="bob"))["allowed_total"] == 2
    rejected = analytics(filled, Filters(decision="rejected"))
    assert (rejected["total"], rejected["blocked_total"]) == (1, 1)
    assert analytics(filled, Filters(record_kind="lifecycle"))["total"] == 1
    assert analytics(filled, Filters(limit=1, offset=3))["total"] == 7


async def test_no_rows_are_no_fault(filled: Any) -> None:
    found = await asyncio.to_thread(analytics, filled, Filters(agent="nobody"))
    assert found["latency"]["total"] == {"p50": None, "p95": None, "p99": None}
    assert (found["total"], found["spend"], found["per_hour"]) == (0, {}, [])


@pytest.mark.parametrize(
    "amount", ["0.1234567891", "99999999999999999999", "0.000000001", "1" + 25 * "0" + "12345"]
)
async def test_sums_are_exact(
    started: Start, directory: Path, call: Any, connection: Any, amount: str
) -> None:
    journal = await started()
    for number in range(7):
        await journal.append_intent(call(f"{number}", spend={"GBP": amount}))
        await journal.append_outcome("outcome", {"call_id": f"{number}", "status": "answered"})
    await journal.close()
    while Loader(connection, directory).step():
        pass
    total = analytics(connection, Filters())["spend"]["GBP"]["total"]
    with localcontext(prec=60):
        assert Decimal(total) == 7 * Decimal(amount)
