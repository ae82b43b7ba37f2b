"""What is said of reach holds for every call that was tried, by the evaluator and by the oracle."""

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import orjson
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helio.diagnostics import Diagnostic
from helio.evaluator import Decision, Evaluator, pack_hints, tool_call
from helio.policy import compile_text
from oracle.compare import Truth
from oracle.demands import Caller
from oracle.graph import Facts, Graph
from oracle.strict_json import parse
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


def text_of(rules: list[dict[str, Any]]) -> str:
    document = {
        "version": "1",
        "upstream": {"url": "http://localhost:8080/mcp"},
        "policies": {"rules": rules},
    }
    return yaml.safe_dump(document, sort_keys=False)


def decided(evaluator: Evaluator, call: Mapping[str, Any]) -> Decision:
    session = call.get("session")
    return evaluator.decide(
        tool_call(call["tool"], orjson.dumps(call["arguments"])),
        call.get("upstream", "default"),
        pack_hints(call.get("annotations")),
        agent=call.get("agent"),
        session=None if session is None else "s",
        labels=None if session is None else session["labels"],
        called=None if session is None else session["called"],
    )


def facts_of(call: Mapping[str, Any]) -> Facts:
    session = call.get("session")
    caller = Caller(call.get("upstream", "default"), call["tool"], "0", call.get("agent"))
    arguments = parse(orjson.dumps(call["arguments"]))
    assert isinstance(arguments, dict)
    return Facts(
        caller,
        arguments,
        call.get("annotations") or {},
        None if session is None else frozenset(session["labels"]),
        None if session is None else frozenset(session["called"]),
    )


def rule_of(found: Diagnostic) -> int:
    place = re.match(r"policies\.rules\[(\d+)\]", found.path)
    assert place is not None
    return int(place[1])


def truths(plain: Graph, rule: int, facts: Facts) -> list[Truth]:
    return [plain.condition(index, facts) for index in plain.rules[rule]["conditions"]]


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


def check_call(each: Diagnostic, decision: Decision, plain: Graph, facts: Facts) -> None:
    rule = rule_of(each)
    doubted = {place for place, _, _ in decision.indeterminate}
    reached = {decision.rule, *decision.restricting, *(place for place, _ in decision.shadow)}
    if "cannot judge" in each.message:
        assert rule not in reached - doubted
    elif each.code == "HL429":
        # Conditions on one subject exclude each other; the others may not be judged.
        assert rule not in reached
    else:
        assert rule not in reached | doubted
    if each.code == "HL429":
        assert any(truth is not Truth.TRUE for truth in truths(plain, rule, facts))


def check_witness(each: Diagnostic, fast: Evaluator, plain: Graph) -> None:
    assert isinstance(each.witness, dict)
    facts = facts_of(each.witness)
    rule = rule_of(each)
    assert set(truths(plain, rule, facts)) <= {Truth.TRUE}
    by = decided(fast, each.witness).rule
    assert by == plain.decide(facts).rule
    assert 0 <= by < rule
    if each.code == "HL428":
        assert plain.rules[by]["action"] == "allow"
        assert not plain.rules[by]["limits"]


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
