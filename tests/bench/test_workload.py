"""The generated policies and calls are what the benchmark says they are."""

from collections import Counter

import orjson
import pytest

from helio.bench.workload import (
    CALLS,
    Call,
    Rule,
    Tool,
    decide_plainly,
    make_calls,
    make_document,
    make_graph,
    make_rules,
    seeded,
)
from helio.evaluator import Evaluator, parse_message


def generated(count: int, seed: int = 1) -> tuple[list[Rule], list[Call]]:
    chance = seeded(seed)
    rules = make_rules(count, chance)
    return rules, make_calls(rules, chance)


def test_the_same_seed_gives_the_same_workload() -> None:
    assert generated(100) == generated(100)
    assert generated(100, seed=1) != generated(100, seed=2)


@pytest.mark.parametrize("count", [10, 100, 1_000])
def test_the_mix_is_as_documented_and_names_are_unique(count: int) -> None:
    rules, _ = generated(count)
    kinds = Counter(rule.kind for rule in rules)
    assert kinds["exact"] == 0.4 * count
    assert kinds["glob"] == 0.3 * count
    assert kinds["annotation"] + kinds["comparison"] == 0.3 * count
    assert abs(kinds["annotation"] - kinds["comparison"]) <= 1
    assert len({rule.name for rule in rules}) == count


def test_calls_are_distinct_and_as_large_as_documented() -> None:
    _, calls = generated(100)
    assert len({call.body for call in calls}) == len(calls) == CALLS
    assert 700 < sum(len(call.body) for call in calls) / CALLS < 800
    assert len({orjson.dumps(call.arguments) for call in calls}) == CALLS


def test_calls_are_tool_calls_of_their_tool() -> None:
    _, calls = generated(100)
    for call in calls[:50]:
        message = parse_message(call.body)
        assert message.method == "tools/call"
        assert message.tool == call.tool.name
        assert orjson.loads(message.arguments) == call.arguments


def test_every_kind_of_rule_decides_some_calls() -> None:
    rules, calls = generated(100)
    deciding = Counter(
        rules[index].kind if index >= 0 else None
        for index in (decide_plainly(rules, call) for call in calls)
    )
    assert set(deciding) == {"exact", "glob", "annotation", "comparison", None}


def test_the_evaluator_decides_as_the_plain_reading_does() -> None:
    rules, calls = generated(100)
    evaluator = Evaluator(make_graph(rules))
    decided = [evaluator.judge(call.body, "default", call.hints).rule for call in calls]
    assert decided == [decide_plainly(rules, call) for call in calls]


def call_of(tool: str, *, destructive: bool | None = None, **arguments: object) -> Call:
    return Call(b"", Tool(tool, destructive), arguments, 0)


@pytest.mark.parametrize(
    ("rule", "call", "holds"),
    [
        (Rule("r", "exact", tool="a"), call_of("a"), True),
        (Rule("r", "exact", tool="a"), call_of("b"), False),
        (Rule("r", "glob", tool="a_*"), call_of("a_x"), True),
        (Rule("r", "annotation", destructive=True), call_of("a"), True),
        (Rule("r", "annotation", destructive=False), call_of("a"), False),
        (Rule("r", "annotation", destructive=False), call_of("a", destructive=False), True),
        (Rule("r", "comparison", field="n", above=5), call_of("a", n=6), True),
        (Rule("r", "comparison", field="n", above=5), call_of("a", n=5), False),
        (Rule("r", "comparison", field="n", above=5), call_of("a"), False),
    ],
)
def test_the_plain_reading(rule: Rule, call: Call, holds: bool) -> None:
    assert decide_plainly([rule], call) == (0 if holds else -1)


def test_rules_as_configuration() -> None:
    rules = [
        Rule("first", "annotation", tool="area1_*", destructive=False, deny=True),
        Rule("second", "comparison", field="amount", above=12_000),
    ]
    assert make_document(rules) == [
        {
            "name": "first",
            "match": {"tool": "area1_*", "annotations": {"destructiveHint": False}},
            "action": "deny",
        },
        {"name": "second", "match": {"input": {"$.amount": {"gt": 12_000}}}, "action": "allow"},
    ]
