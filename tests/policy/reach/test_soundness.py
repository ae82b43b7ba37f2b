"""What is said of reach holds for every call that was tried, by the evaluator and by the oracle."""

from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helio.evaluator import Evaluator
from helio.policy import compile_text
from oracle.graph import Graph
from policy.reach.checking import (
    check_call,
    check_witness,
    decided,
    facts_of,
    rule_of,
    text_of,
)
from properties.effort import times

GLOBS = st.sampled_from(["a", "b", "ab", "a*", "*b", "*", "[ab]*", "{a,b}", "?", "a[!b]", "**a**"])
NUMBERS = st.sampled_from([0, 1, 1.5, 2, -3, 100])
TEXTS = st.sampled_from(["a", "b", "ab", "ba", "", "GBP"])
SCALARS = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none())
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.just("x"), SCALARS, max_size=1)
)
TESTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("gt", "gte", "lt", "lte"), NUMBERS),
        **dict.fromkeys(("eq", "neq", "contains"), VALUES),
        **dict.fromkeys(("starts_with", "ends_with"), TEXTS),
        **{each: st.lists(VALUES, min_size=1, max_size=2) for each in ("in", "not_in")},
        "regex": st.sampled_from(["^a", "b$"]),
        "exists": st.booleans(),
    },
).filter(lambda tests: 0 < len(tests) < 4)
ASKED = st.one_of(
    TESTS,
    st.builds(lambda tests: {"every": tests}, TESTS),
    st.builds(lambda tests, inner: {**tests, "every": inner}, TESTS, TESTS),
)
PATHS = st.sampled_from(["n", "t", "n.x", "l[*]", "l[0]"])
NAMES = st.lists(st.sampled_from(["p", "q"]), min_size=1, max_size=2, unique=True)
HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "tool": GLOBS | st.lists(GLOBS, min_size=1, max_size=2),
        "agent": GLOBS,
        "annotations": st.dictionaries(st.sampled_from(HINTS), st.booleans(), max_size=2),
        "input": st.dictionaries(PATHS, ASKED, max_size=2),
        "session": st.fixed_dictionaries(
            {}, optional={"labels": NAMES, "called": NAMES, "not_called": NAMES}
        ),
    },
)
RULES = st.fixed_dictionaries(
    {
        "match": MATCHES,
        "action": st.sampled_from(["allow", "deny", "require_approval", "dry_run"]),
    },
    optional={
        "shadow": st.booleans(),
        "limits": st.just({"max_calls": 9, "window": "1h"}),
        "requires": st.just(["free"]),
    },
)
FREE = {"match": {"tool": "free"}, "action": "allow"}
POLICIES = st.lists(RULES, min_size=2, max_size=6).map(lambda rules: [FREE, *rules])
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "n": VALUES | st.sampled_from([-4, 0.5, 1.2, 50, 1000]),
        "t": VALUES | st.sampled_from(["aa", "bb", "abab"]),
        "l": st.lists(VALUES, max_size=3) | SCALARS,
    },
)
CALLS = st.fixed_dictionaries(
    {
        "tool": st.sampled_from(["a", "b", "ab", "ba", "ac", "c", "aab", "free"]),
        "arguments": ARGUMENTS,
        "annotations": st.dictionaries(st.sampled_from(HINTS), st.booleans()),
        "agent": st.sampled_from([None, "a", "b", "ab", "xb", "c"]),
        "session": st.none()
        | st.fixed_dictionaries(
            {
                name: st.lists(st.sampled_from(["p", "q"]), unique=True)
                for name in ("labels", "called")
            }
        ),
    }
)
CALLS_EACH = 100


@times(3)
@given(rules=POLICIES, data=st.data())
def test_what_is_said_to_be_unreachable_is_never_reached(
    rules: list[dict[str, Any]], data: st.DataObject
) -> None:
    compiled = compile_text(text_of(rules))
    assert compiled.policy is not None, [each.message for each in compiled.diagnostics]
    told = [each for each in compiled.diagnostics if each.code in ("HL427", "HL428", "HL429")]
    fast, plain = Evaluator(compiled.policy.graph), Graph(compiled.policy.graph)
    for each in told:
        if each.witness is not None:
            check_witness(each, fast, plain)
    if not told:
        return
    for call in data.draw(st.lists(CALLS, min_size=10, max_size=CALLS_EACH)):
        facts = facts_of(call)
        decision, other = decided(fast, call), plain.decide(facts)
        assert (decision.rule, decision.restricting) == (other.rule, other.restricting)
        for each in told:
            check_call(each, decision, plain, facts)


@given(st.lists(GLOBS, min_size=2, max_size=4))
def test_globs_alone_are_decided_exactly(globs: list[str]) -> None:
    rules = [{"match": {"tool": glob}, "action": "deny"} for glob in globs]
    compiled = compile_text(text_of(rules))
    assert compiled.policy is not None
    told = {rule_of(each) for each in compiled.diagnostics if each.code == "HL427"}
    fast = Evaluator(compiled.policy.graph)
    names = ["".join(word) for size in range(1, 5) for word in product("abc", repeat=size)]
    reached = {decided(fast, {"tool": name, "arguments": {}}).rule for name in names}
    assert told == set(range(len(rules))) - reached
