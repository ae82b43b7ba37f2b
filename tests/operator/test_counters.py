"""Limits and budgets as operators see them."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from helio.evaluator import Evaluator, Windows, tool_call
from helio.operator import counters
from helio.operator.counters import budgets_shown, limits_shown
from helio.policy import CompiledPolicy, compile_text

SECOND = 1_000_000_000
WALL = 1_767_323_045 * SECOND
TEXT = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies:
  rules:
    - name: payments
      match: { tool: pay }
      limits:
        max_calls: 3
        window: 1m
        max_spend: { field: amount, limit: 100.5, currency: GBP, window: 24h, key: [session, tool] }
    - match: { tool: look }
      shadow: true
      action: rate_limit
      limits: { max_calls: 1, window: 5s }
"""


@pytest.fixture
def policy() -> CompiledPolicy:
    compiled = compile_text(TEXT)
    assert compiled.policy is not None
    return compiled.policy


def pay(policy: CompiledPolicy, windows: Windows, amount: str, session: str = "s1") -> int:
    """Reserves one payment's room, at the first second."""
    message = tool_call("pay", b'{"amount":' + amount.encode() + b"}")
    decision = Evaluator(policy.graph).decide(message, "default", session=session)
    return windows.reserve(decision, SECOND)[0]


def shown(policy: CompiledPolicy, windows: Windows, now: int = SECOND) -> Any:
    """What is shown of limits at `now`, as a script reads it."""
    found = limits_shown(policy, windows.levels(now), WALL)
    return json.loads(orjson.dumps(found), parse_float=Decimal)


def test_limits_without_calls_are_shown(policy: CompiledPolicy) -> None:
    found = shown(policy, Windows())
    assert found["rate_limits"] == [
        {
            "rule": "payments",
            "rule_index": 0,
            "window_seconds": 60,
            "key": "tool",
            "shadow": False,
            "buckets": [],
            "buckets_total": 0,
            "max_calls": 3,
        },
        {
            "rule": "rules[1]",
            "rule_index": 1,
            "window_seconds": 5,
            "key": "tool",
            "shadow": True,
            "buckets": [],
            "buckets_total": 0,
            "max_calls": 1,
        },
    ]
    (spend,) = found["spend_limits"]
    assert (spend["field"], spend["currency"]) == ("$['amount']", "GBP")
    assert (spend["max_spend"], spend["key"]) == (Decimal("100.5"), ["session", "tool"])


def test_every_window_has_its_level(policy: CompiledPolicy) -> None:
    windows = Windows()
    windows.commit(pay(policy, windows, "40.25"), SECOND)
    pay(policy, windows, "60.25")
    found = shown(policy, windows, 11 * SECOND)
    assert found["rate_limits"][0]["buckets"] == [
        {
            "key": "tool=default/pay",
            "current": 1,
            "reserved": 1,
            "remaining": 1,
            "reset_at": "2026-01-02T03:04:55.000000Z",
        }
    ]
    assert found["spend_limits"][0]["buckets"] == [
        {
            "key": "session=s1|tool=default/pay",
            "current": Decimal("40.25"),
            "reserved": Decimal("60.25"),
            "remaining": 0,
            "reset_at": "2026-01-03T03:03:55.000000Z",
        }
    ]


def test_what_a_lowered_maximum_leaves_is_nothing(policy: CompiledPolicy) -> None:
    windows = Windows()
    windows.commit(pay(policy, windows, "100.5"), SECOND)
    lowered = compile_text(TEXT.replace("100.5", "0.01")).policy
    assert lowered is not None
    assert shown(lowered, windows)["spend_limits"][0]["buckets"][0]["remaining"] == 0


def test_every_digit_stays(policy: CompiledPolicy) -> None:
    windows = Windows()
    windows.commit(pay(policy, windows, "0.0000000000000000000000001"), SECOND)
    (bucket,) = shown(policy, windows)["spend_limits"][0]["buckets"]
    assert bucket["current"] == Decimal("1E-25")
    assert bucket["remaining"] == Decimal("100.4999999999999999999999999")


def test_of_very_many_windows_the_fullest_are_shown(
    policy: CompiledPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MOST_BUCKETS", 2)
    windows = Windows()
    for amount, session in (("5", "a"), ("20", "b"), ("10", "c")):
        windows.commit(pay(policy, windows, amount, session), SECOND)
    (spend,) = shown(policy, windows)["spend_limits"]
    assert [bucket["current"] for bucket in spend["buckets"]] == [20, 10]
    assert spend["buckets_total"] == 3


def test_without_budgets_there_are_none(policy: CompiledPolicy) -> None:
    assert budgets_shown(policy, [], WALL) == {"budgets": []}
