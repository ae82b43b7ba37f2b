"""The evaluator decides as the oracle does, in every field that a decision reports."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helio import evaluator
from oracle.budgets import BudgetDemand, BudgetFault
from oracle.demands import Demand, Fault
from oracle.graph import Decision, Graph
from oracle.numbers import Number, amount_text
from properties.effort import times
from properties.policies import Call, calls, crowded_graphs, graphs


def as_oracle(decision: evaluator.Decision) -> Decision:
    """Return a native decision as the oracle would write it."""
    assert decision.panicked is None
    assert decision.has_demands == bool(decision.demands)
    assert decision.has_budgets == bool(decision.budgets)
    return Decision(
        rule=decision.rule,
        action=decision.action,
        restricting=list(decision.restricting),
        indeterminate=[rule for rule, _, _ in decision.indeterminate],
        shadow=list(decision.shadow),
        assumed_hints=list(decision.assumed_hints),
        demands=[demand_as_oracle(demand) for demand in decision.demands],
        fault=None if decision.fault is None else fault_as_oracle(decision.fault),
        shadow_faults=[fault_as_oracle(fault) for fault in decision.shadow_faults],
        budgets=[budget_as_oracle(demand) for demand in decision.budgets],
        budget_fault=None
        if decision.budget_fault is None
        else budget_fault_as_oracle(decision.budget_fault),
    )


def budget_as_oracle(demand: evaluator.BudgetDemand) -> BudgetDemand:
    return BudgetDemand(
        **{each: getattr(demand, each) for each in BudgetDemand.__dataclass_fields__}
    )


def budget_fault_as_oracle(fault: tuple[str, str, str, str]) -> BudgetFault:
    kind, budget, field, found = fault
    field = evaluator.normalize_path(field) if kind == "invalid_amount" else field
    return BudgetFault(kind, budget, field, found)


def fault_as_oracle(fault: tuple[str, int, str, str]) -> Fault:
    kind, rule, field, found = fault
    # Native faults name a path as people write it, the graph as it is normalized.
    field = evaluator.normalize_path(field) if kind == "invalid_amount" else field
    return Fault(kind, rule, field, found)


def demand_as_oracle(demand: evaluator.Demand) -> Demand:
    fields: dict[str, Any] = {
        name: getattr(demand, name) for name in Demand.__dataclass_fields__ if name != "maximum"
    }
    return Demand(**fields, maximum=str(amount_text(Number(demand.maximum))))


@times(2)
@given(graph=graphs(), asked=st.lists(calls(), min_size=1, max_size=4))
def test_the_evaluator_decides_as_the_oracle(graph: bytes, asked: list[Call]) -> None:
    fast, plain = evaluator.Evaluator(graph), Graph(graph)
    for call in asked:
        decision = fast.decide(call.message, call.upstream, call.hints, **call.native)
        assert as_oracle(decision) == plain.decide(call.facts)


@given(graph=graphs(max_rules=24), asked=st.lists(calls(), min_size=1, max_size=2))
def test_many_rules_decide_alike_and_do_so_again(graph: bytes, asked: list[Call]) -> None:
    fast, plain = evaluator.Evaluator(graph), Graph(graph)
    for call in asked * 2:
        decision = fast.decide(call.message, call.upstream, call.hints, **call.native)
        assert as_oracle(decision) == plain.decide(call.facts)


@times(3)
@given(graph=crowded_graphs(), asked=st.lists(calls(), min_size=1, max_size=4))
def test_rules_that_crowd_at_one_place_decide_alike(graph: bytes, asked: list[Call]) -> None:
    fast, plain = evaluator.Evaluator(graph), Graph(graph)
    for call in asked:
        decision = fast.decide(call.message, call.upstream, call.hints, **call.native)
        assert as_oracle(decision) == plain.decide(call.facts)


@times(Fraction(1, 2))
@given(graph=graphs(), call=calls())
def test_bytes_are_judged_as_the_message_that_they_are(graph: bytes, call: Call) -> None:
    fast = evaluator.Evaluator(graph)
    judged = fast.judge(call.message.body, call.upstream, call.hints)
    decided = fast.decide(call.message, call.upstream, call.hints)
    assert as_oracle(judged) == as_oracle(decided)


@times(Fraction(1, 2))
@given(graph=graphs())
def test_a_graph_tells_what_it_holds(graph: bytes) -> None:
    fast, plain = evaluator.Evaluator(graph), Graph(graph)
    assert fast.rule_count == len(plain.rules)
    assert fast.digest == evaluator.graph_digest(graph)
    assert fast.digest == plain.digest()
    needs = {"labels", "called", "not_called"}
    asks = any(plain.nodes[c]["node"] in needs for rule in plain.rules for c in rule["conditions"])
    assert fast.needs_session_facts == asks
    assert fast.has_budgets == bool(plain.budgets)
