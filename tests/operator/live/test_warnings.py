"""Limits and budgets that are nearly full are told once, until there is room again."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from helio.evaluator import Evaluator, Windows, tool_call
from helio.operator.live.warnings import NearlyFull
from helio.policy import CompiledPolicy, compile_text

SECOND = 1_000_000_000
TEXT = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies:
  rules:
    - { name: pay, match: { tool: pay }, limits: { max_calls: 5, window: 1m, key: session } }
budgets:
  - { name: daily, limit: 100, currency: EUR, window: 24h,
      contributors: [{ match: { tool: pay }, amount: 1 }] }
"""


@pytest.fixture
def policy() -> CompiledPolicy:
    compiled = compile_text(TEXT)
    assert compiled.policy is not None
    return compiled.policy


class Looking:
    def __init__(self, policy: CompiledPolicy) -> None:
        self._policy = policy
        self._windows = Windows()
        self._nearly_full = NearlyFull()

    def pay(self, times: int, now: int = SECOND) -> None:
        for _ in range(times):
            message = tool_call("pay", b"{}")
            evaluator = Evaluator(self._policy.graph)
            decision = evaluator.decide(message, "default", session="s1")
            reservation, _ = self._windows.reserve(decision, now)
            self._windows.commit(reservation, now)

    def told(self, now: int = SECOND) -> Any:
        found: Iterator[Any] = self._nearly_full.look(
            self._policy, self._windows.fullest(now), 1_772_352_000 * SECOND
        )
        return json.loads(orjson.dumps(list(found)))


def test_a_limit_is_told_at_four_fifths_and_not_before(policy: CompiledPolicy) -> None:
    looking = Looking(policy)
    looking.pay(3)
    assert looking.told() == []
    looking.pay(1)
    (warning,) = looking.told()
    assert (warning["kind"], warning["rule"], warning["key"]) == ("rate", "pay", "session=s1")
    assert (warning["reached"], warning["current"], warning["maximum"]) == (False, 4, 5)
    assert warning["reset_at"].endswith("Z")


def test_it_is_told_once_until_there_was_room(policy: CompiledPolicy) -> None:
    looking = Looking(policy)
    looking.pay(4)
    assert len(looking.told()) == 1
    looking.pay(1)
    assert looking.told() == []
    later = 120 * SECOND
    assert looking.told(later) == []
    looking.pay(4, later)
    assert len(looking.told(later)) == 1, "as at the beginning"


def test_what_the_policy_does_not_know_is_not_told(policy: CompiledPolicy) -> None:
    looking = Looking(policy)
    looking.pay(5)
    other = compile_text(TEXT.replace("max_calls: 5", "max_calls: 50").replace("1m", "2m")).policy
    assert other is not None
    looking._policy = other
    assert looking.told() == []
