"""No call is decided otherwise than `may_allow` foresaw, and it foresees all that a walk can."""

from itertools import product
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from helio import evaluator
from oracle.compare import Truth
from oracle.graph import Facts, Graph
from properties.effort import times
from properties.policies import Call, calls, graphs

OPEN = {"input", "metadata", "labels", "called", "not_called"}
MOST_OPEN = 4


def lets_through(graph: Graph, rule: int, action: str) -> bool:
    """Whether a decision is anything but a deny for good."""
    return action != "deny" or any(one["index"] == rule and one["until"] for one in graph.rules)


def foresees(graph: bytes, call: Call, **changes: Any) -> bool:
    known: dict[str, Any] = {
        "hints": call.hints,
        "agent": call.native["agent"],
        "agent_known": True,
    } | changes
    tool = call.message.tool
    assert tool is not None
    return evaluator.Evaluator(graph).may_allow(tool, call.upstream, **known)


@times(2)
@given(graph=graphs(), asked=st.lists(calls(), min_size=1, max_size=6))
def test_what_is_let_through_was_foreseen(graph: bytes, asked: list[Call]) -> None:
    fast, plain = evaluator.Evaluator(graph), Graph(graph)
    for call in asked:
        decision = fast.decide(call.message, call.upstream, call.hints, **call.native)
        if lets_through(plain, decision.rule, decision.action):
            assert foresees(graph, call)
            assert foresees(graph, call, agent_known=False)
            assert foresees(graph, call, hints=None)
            assert foresees(graph, call, hints=None, agent_known=False)


class Assumed(Graph):
    """A graph whose open conditions have truths that someone chose."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.chosen: dict[int, Truth] = {}

    def condition(self, index: int, facts: Facts) -> Truth:
        """Judge one condition node."""
        chosen = self.chosen.get(index)
        return super().condition(index, facts) if chosen is None else chosen

    def open(self) -> list[int]:
        """The nodes of the open conditions, once for each rule that has them."""
        nodes = [index for rule in self.rules for index in rule["conditions"]]
        return [index for index in nodes if self.nodes[index]["node"] in OPEN]


@times(2)
@given(graph=graphs(max_rules=6), call=calls())
def test_whatever_open_conditions_come_to(graph: bytes, call: Call) -> None:
    plain = Assumed(graph)
    asked = plain.open()
    # A condition that two rules share could come to two things only here.
    assume(len(asked) <= MOST_OPEN and len(set(asked)) == len(asked))
    possible = False
    for truths in product(Truth, repeat=len(asked)):
        plain.chosen = dict(zip(asked, truths, strict=True))
        decision = plain.decide(call.facts)
        possible = possible or lets_through(plain, decision.rule, decision.action)
    assert foresees(graph, call) == possible
