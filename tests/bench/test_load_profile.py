"""What the proxy is loaded with."""

import orjson
import pytest

from helio.bench.load_profile import (
    BLOCKED_MARK,
    PASSED_MARK,
    RATED,
    SPENDING,
    TRAFFIC,
    Traffic,
    bodies,
    mark,
    proxy_policy,
    proxy_rules,
    proxy_tools,
)
from helio.bench.workload import make_graph
from helio.evaluator import Evaluator, pack_hints

COUNT = 200


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_calls_are_distinct_and_the_same_each_time(traffic: Traffic) -> None:
    calls = bodies(traffic, COUNT)
    assert len(set(calls)) == len(calls) == COUNT
    assert bodies(traffic, COUNT) == calls


@pytest.mark.parametrize(("traffic", "action"), [("passing", "allow"), ("denied", "deny")])
def test_the_evaluator_decides_the_mix_as_its_name_says(traffic: Traffic, action: str) -> None:
    evaluator = Evaluator(make_graph(proxy_rules()))
    hints = {tool.name: pack_hints(tool.annotations) for tool in proxy_tools()}
    decisions = []
    for body in bodies(traffic, COUNT):
        tool = orjson.loads(body)["params"]["name"]
        decisions.append(evaluator.judge(body, "default", hints[tool]))
    assert {decision.action for decision in decisions} == {action}
    assert len({decision.rule for decision in decisions}) > 3


@pytest.mark.parametrize(
    ("traffic", "tool"), [("rate_limited", RATED), ("spend_limited", SPENDING)]
)
def test_limited_calls_go_to_the_tool_of_their_limit(traffic: Traffic, tool: object) -> None:
    calls = [orjson.loads(body)["params"] for body in bodies(traffic, COUNT)]
    assert {call["name"] for call in calls} == {getattr(tool, "name", None)}
    assert all(1 <= call["arguments"]["amount"] <= 100 for call in calls)


def test_the_policy_has_twenty_rules_with_the_limits_first() -> None:
    policy = proxy_policy()
    assert len(policy) == 20
    assert [rule["action"] for rule in policy[:2]] == ["rate_limit", "spend_limit"]
    assert len({rule["name"] for rule in policy}) == 20


def test_tools_are_listed_once() -> None:
    names = [tool.name for tool in proxy_tools()]
    assert len(set(names)) == len(names)


def test_answers_are_told_apart() -> None:
    assert mark("denied") == BLOCKED_MARK
    assert {mark(traffic) for traffic in TRAFFIC if traffic != "denied"} == {PASSED_MARK}
