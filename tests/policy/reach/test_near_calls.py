"""Findings held against calls near the policy: the short form here, a million calls by
`HELIO_PROOF=1`; and faults planted in the reasoning, each of which these calls show.
"""

import os
import random
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from helio.diagnostics import Diagnostic
from helio.evaluator import Evaluator
from helio.policy import compile_text
from helio.policy.reach import covering, values
from helio.policy.reach.languages import distinguish
from oracle.graph import Graph
from policy.reach.checking import check_call, check_witness, decided, facts_of, rule_of, text_of
from policy.reach.near import Near, policy

PROOF = os.environ.get("HELIO_PROOF") == "1"
CALLS = 1_000_000 if PROOF else 3_000
CALLS_EACH = 400 if PROOF else 60
REPORTED = ("HL427", "HL428", "HL429")


def reported(rules: list[dict[str, Any]]) -> tuple[bytes, list[Diagnostic]]:
    compiled = compile_text(text_of(rules))
    assert compiled.policy is not None, [each.message for each in compiled.diagnostics]
    told = [each for each in compiled.diagnostics if each.code in REPORTED]
    return compiled.policy.graph, told


def hold(told: list[Diagnostic], graph: bytes, near: Near, chance: random.Random) -> int:
    """Holds the findings of one policy against calls near it; how many there were."""
    fast, plain = Evaluator(graph), Graph(graph)
    for each in told:
        if each.witness is not None:
            check_witness(each, fast, plain)
    for call in islice(near.calls(chance), CALLS_EACH):
        facts = facts_of(call)
        decision, other = decided(fast, call), plain.decide(facts)
        assert (decision.rule, decision.restricting) == (other.rule, other.restricting), call
        for each in told:
            check_call(each, decision, plain, facts)
    return CALLS_EACH


def run(calls: int, seed: int) -> dict[str, int]:
    """Policies until so many calls were made; how often each code was reported."""
    chance = random.Random(seed)
    counted: dict[str, int] = {}
    while calls > 0:
        rules = policy(chance)
        graph, told = reported(rules)
        if told:
            calls -= hold(told, graph, Near(rules), chance)
        for each in told:
            counted[each.code] = counted.get(each.code, 0) + 1
    return counted


@pytest.mark.slow
def test_no_call_near_a_policy_contradicts_what_is_said_of_it() -> None:
    counted = run(CALLS, seed=1)
    print(counted)
    assert set(counted) == set(REPORTED)


def indices(rules: list[int], gone: int) -> list[int]:
    """Rules by their numbers in a policy from which one was taken out."""
    return [each - (each > gone) for each in rules]


def check_gone(rules: list[dict[str, Any]], gone: int, chance: random.Random) -> None:
    """Without the rule the evaluator says the same of every call, but for which rule says it."""
    graph, _ = reported(rules)
    less, _ = reported([each for place, each in enumerate(rules) if place != gone])
    before, after = Evaluator(graph), Evaluator(less)
    for call in islice(Near(rules).calls(chance), CALLS_EACH):
        old, new = decided(before, call), decided(after, call)
        assert old.action == new.action, call
        assert indices(old.restricting, gone) == new.restricting, call
        assert indices([place for place, _ in old.shadow], gone) == [
            place for place, _ in new.shadow
        ], call


@pytest.mark.slow
def test_a_rule_that_can_go_changes_no_decision() -> None:
    chance = random.Random(3)
    calls = CALLS // 10 if PROOF else 300
    while calls > 0:
        rules = policy(chance)
        for each in compile_text(text_of(rules)).diagnostics:
            if each.code == "HL470":
                check_gone(rules, rule_of(each), chance)
                calls -= CALLS_EACH


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "numbers between others are forgotten": lambda patch: patch.setattr(
        values, "_upwards", lambda named, first=0: ((each,) for each in named[first:])
    ),
    "what is left over is forgotten": lambda patch: patch.setattr(
        covering, "remainder", lambda *_given: []
    ),
    "rules are known by their first condition": lambda patch: patch.setattr(
        covering,
        "decided_by",
        lambda space, rule: space.box(rule.conditions[:1], possible=rule.decides_in_doubt),
    ),
    "texts but the first are forgotten": lambda patch: patch.setattr(
        values, "distinguish", lambda *given: dict(islice(distinguish(*given).items(), 1))
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_shown(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises(AssertionError):
        run(6_000, seed=2)
