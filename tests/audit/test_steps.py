"""What charts show of each step of time, against sums that are made by hand."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helio.audit import steps as module
from helio.audit.analytics import analytics
from helio.audit.journal import Journal
from helio.audit.loader import Loader
from helio.audit.query import Filters
from helio.audit.steps import STEPS, step_of
from helio.errors import FilterError

Start = Callable[..., Awaitable[Journal]]
BEGUN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
async def filled(started: Start, directory: Path, call: Any, connection: Any) -> Any:
    """Four calls in three minutes, the last of which is blocked."""
    journal = await started()
    for number, (second, spend) in enumerate(((0, "0.1"), (59, "12345678901234567890.5"), (60, 7))):
        name = f"c{number}"
        await journal.append_intent(call(name, timestamp=at(second), spend={"GBP": str(spend)}))
        outcome = {"call_id": name, "status": "answered", "total_duration_ms": 10.0 + number}
        await journal.append_outcome("outcome", outcome)
    await journal.append_outcome(
        "blocked", call("b", timestamp=at(180), block_reason="policy_denied")
    )
    await journal.close()
    while Loader(connection, directory).step():
        pass
    return connection


def at(second: int) -> str:
    return (BEGUN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def steps(connection: Any, filters: Filters, seconds: int) -> list[dict[str, Any]]:
    return list(analytics(connection, filters, seconds)["per_step"])


async def test_each_step_has_what_began_in_it(filled: Any) -> None:
    found = steps(filled, Filters(), 60)
    told = [(each["at"], each["total"], each["blocked_total"], each["spend"]) for each in found]
    assert told == [
        ("2026-01-02T03:04:00Z", 2, 0, {"GBP": "12345678901234567890.6"}),
        ("2026-01-02T03:05:00Z", 1, 0, {"GBP": "7"}),
        ("2026-01-02T03:07:00Z", 1, 1, {}),
    ]
    assert [each["latency"]["total"]["p50"] for each in found] == [10.5, 12.0, None]


@pytest.mark.parametrize("name", STEPS)
async def test_steps_of_any_length_add_up_to_the_whole(filled: Any, name: str) -> None:
    seconds, rest = step_of({"step": name, "tool": "pay"})
    assert seconds is not None
    filters = Filters.parse(rest)
    found, whole = steps(filled, filters, seconds), analytics(filled, filters)
    for counted in ("total", "allowed_total", "blocked_total", "dry_run_total"):
        assert sum(each[counted] for each in found) == whole[counted]
    assert whole["total"] == 4
    with localcontext(prec=60):
        spent = sum(Decimal(each["spend"].get("GBP", "0")) for each in found)
    assert spent == Decimal(whole["spend"]["GBP"]["total"]) == Decimal("12345678901234567897.6")
    for each in found:
        begun = datetime.fromisoformat(each["at"])
        assert int(begun.timestamp()) % seconds == 0
        assert begun.timestamp() > BEGUN.timestamp() - seconds


async def test_filters_choose_what_is_in_them(filled: Any) -> None:
    blocked = steps(filled, Filters(blocked=True), 86_400)
    assert [(each["at"], each["total"]) for each in blocked] == [("2026-01-02T00:00:00Z", 1)]
    assert steps(filled, Filters(agent="nobody"), 60) == []


def test_a_step_is_one_of_those_that_there_are() -> None:
    assert step_of({"tool": "pay"}) == (None, {"tool": "pay"})
    for text in ("", "7m", "60", "1H"):
        with pytest.raises(FilterError, match=r"step: .* is none; there are 10s, 1m"):
            step_of({"step": text})


async def test_there_are_not_more_of_them_than_a_chart_shows(
    filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    assert len(steps(filled, Filters(), 60)) == 3
    monkeypatch.setattr(module, "MOST", 2)
    with pytest.raises(FilterError, match="step: there are more than 2 with calls; take a longer"):
        steps(filled, Filters(), 60)
