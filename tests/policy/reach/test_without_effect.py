"""What is said to change nothing can go: without it the oracle finds the same of every call."""

import re
from copy import deepcopy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from helio.diagnostics import Diagnostic
from helio.evaluator import Evaluator
from helio.policy import compile_text
from oracle.compare import Truth
from oracle.graph import Graph
from policy.reach.checking import decided, facts_of, rule_of, text_of, truths
from policy.reach.test_soundness import CALLS, FREE, GLOBS, NUMBERS, PATHS, SCALARS
from properties.effort import times

CODES = ("HL430", "HL471")
STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+)\]|\['([^']*)'\]")
PAIRS = [("gt", "gte"), ("lt", "lte"), ("gt", "neq"), ("lte", "neq"), ("eq", "gte"), ("gt", "lt")]
BOUNDS = st.sampled_from(PAIRS).flatmap(
    lambda names: st.fixed_dictionaries(dict.fromkeys(names, NUMBERS))
)
MEMBERS = st.dictionaries(
    st.sampled_from(["in", "not_in"]), st.lists(SCALARS, min_size=2, max_size=4), min_size=1
)
ASKED = BOUNDS | MEMBERS | st.builds(lambda tests: {"every": tests}, BOUNDS | MEMBERS)
RULES = st.fixed_dictionaries(
    {
        "match": st.fixed_dictionaries(
            {
                "tool": st.lists(GLOBS, min_size=1, max_size=4),
                "input": st.dictionaries(PATHS, ASKED, min_size=1, max_size=2),
            },
            optional={"agent": st.lists(GLOBS, min_size=2, max_size=3)},
        ),
        "action": st.sampled_from(["allow", "deny"]),
    }
)
POLICIES = st.lists(RULES, min_size=1, max_size=2).map(lambda rules: [FREE, *rules])
BOTH = {
    "match": {"tool": ["a*", "ab", "b"], "input": {"n": {"gt": 1, "gte": 0, "in": [2, 3, 2.0]}}},
    "action": "deny",
}


def steps_of(found: Diagnostic) -> list[str | int]:
    """The way to what a finding is about, from a rule's `match`."""
    path = found.path.partition("].")[2]
    ways: list[str | int] = []
    for name, index, quoted in STEP.findall(path):
        ways.append(int(index) if index else name or quoted)
    return ways


def without(rules: list[dict[str, Any]], told: list[Diagnostic]) -> list[dict[str, Any]]:
    """The rules without what the findings are about."""
    left = deepcopy(rules)
    places = [(rule_of(each), steps_of(each)) for each in told]
    # What is within something first, and of a list the last ones: the places before stay.
    for rule, steps in sorted(places, key=lambda each: (len(each[1]), str(each)), reverse=True):
        prune(left[rule], steps)
    return left


def prune(owner: Any, steps: list[str | int]) -> None:
    """Takes away what is at the end of a way, and what is empty then."""
    first, *others = steps
    if others:
        prune(owner[first], others)
    if not others or not owner[first]:
        del owner[first]


def conjunction(found: list[Truth]) -> Truth:
    if Truth.FALSE in found:
        return Truth.FALSE
    return Truth.TRUE if set(found) <= {Truth.TRUE} else Truth.INDETERMINATE


def told_of(rules: list[dict[str, Any]]) -> tuple[Graph, Evaluator, list[Diagnostic]]:
    compiled = compile_text(text_of(rules))
    assert compiled.policy is not None, [each.message for each in compiled.diagnostics]
    told = [each for each in compiled.diagnostics if each.code in CODES]
    return Graph(compiled.policy.graph), Evaluator(compiled.policy.graph), told


@times(3)
@given(rules=POLICIES, calls=st.lists(CALLS, min_size=10, max_size=60))
@example(rules=[FREE, BOTH], calls=[])
def test_without_what_changes_nothing_all_is_the_same(
    rules: list[dict[str, Any]], calls: list[dict[str, Any]]
) -> None:
    plain, fast, told = told_of(rules)
    if rules[-1] is BOTH:
        assert sorted(each.code for each in told) == ["HL430", "HL430", "HL471", "HL471"]
    if not told:
        return
    fewer, other, _ = told_of(without(rules, told))
    for call in calls:
        facts = facts_of(call)
        for rule in range(len(rules)):
            assert conjunction(truths(plain, rule, facts)) is conjunction(
                truths(fewer, rule, facts)
            )
        one, two = decided(fast, call), decided(other, call)
        assert (one.rule, one.restricting) == (two.rule, two.restricting)
