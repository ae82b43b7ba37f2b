"""The measuring of decisions: shapes and checks, no speed."""

import pytest

from helio.bench import evaluator
from helio.bench.workload import CALLS


def test_a_report_holds_every_policy_beside_the_parser() -> None:
    told: list[str] = []
    report = evaluator.measure(1, told.append, (10, 50))
    assert told == ["evaluator, 10 rules", "evaluator, 50 rules"]
    assert report["calls"] == CALLS
    policies = report["policies"]
    assert isinstance(policies, list)
    assert [policy["rules"] for policy in policies] == [10, 50]
    for policy in policies:
        assert policy["ratio_to_orjson"] == policy["ns"] / policy["orjson"]["ns"]
        assert 0 < policy["p50_ms"] <= policy["p99_ms"]
        assert 0 < policy["orjson"]["p50_ms"] <= policy["orjson"]["p99_ms"]
        assert min(policy["ns"], policy["steps_ns"], policy["first_ns"], policy["load_ms"]) > 0
    assert report["growth"] == policies[1]["ns"] / policies[0]["ns"]


def test_a_wrong_decision_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "decide_plainly", lambda rules, call: len(rules))
    with pytest.raises(evaluator.WrongDecision, match="10 rules"):
        evaluator.measure_policy(10, 1)
