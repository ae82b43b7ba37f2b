"""Pairs of policies, calls, and what becomes of a call by the oracle alone.

Below the tests of this room; above `oracle`. Outcomes are read off the nodes of the rule graph, so
that nothing here comes from what is tested.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

from helio.diagnostics.exact_json import json_bytes
from helio.policy import compile_text
from helio.policy.difference import Side
from oracle.demands import Caller
from oracle.graph import Facts, Graph, effective_hint
from oracle.strict_json import parse

Rule = dict[str, Any]
Policy = dict[str, Any]

GLOBS = st.sampled_from(["a", "b", "ab", "a*", "*b", "[ab]*", "{a,b}", "a[!b]", "*"])
NUMBERS = st.sampled_from([0, 1, 1.5, 2, -3, 100, 2**53 + 1, -(2**60)])
TEXTS = st.sampled_from(["a", "b", "ab", ""])
SCALARS = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))
OPERANDS = {
    **dict.fromkeys(("gt", "gte", "lt", "lte"), NUMBERS),
    **dict.fromkeys(("eq", "neq"), SCALARS),
    **dict.fromkeys(("starts_with", "contains"), TEXTS),
    **{each: st.lists(SCALARS, min_size=1, max_size=2) for each in ("in", "not_in")},
    "exists": st.booleans(),
}
TESTS = st.lists(
    st.sampled_from(sorted(OPERANDS)).flatmap(
        lambda operator: st.tuples(st.just(operator), OPERANDS[operator])
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda test: test[0],
).map(dict)
ASKED = TESTS | st.builds(lambda tests: {"every": tests}, TESTS)
PATHS = st.sampled_from(["n", "t", "n.x", "l[*]"])
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
LIMITS = st.sampled_from(
    [
        {"max_calls": 9, "window": "1h"},
        {"max_calls": 5, "window": "1h", "key": "agent"},
        {"max_spend": {"field": "n", "limit": 50, "currency": "GBP", "window": "1h"}},
    ]
)
FREE = [{"match": {"tool": name}, "action": "allow"} for name in ("p", "q", "free")]
"""What others require is there."""
RULES = st.fixed_dictionaries(
    {
        "match": MATCHES,
        "action": st.sampled_from(["allow", "allow", "deny", "require_approval", "dry_run"]),
    },
    optional={
        "shadow": st.booleans(),
        "limits": LIMITS,
        "requires": st.just(["free"]),
        "labels": st.just(["p"]),
    },
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "default": st.sampled_from(["allow", "deny"]),
        "flag_destructive": st.sampled_from(["log", "require_approval"]),
    },
)
POLICIES = st.fixed_dictionaries(
    {"settings": SETTINGS, "rules": st.lists(RULES, min_size=1, max_size=5)}
)
CALLS = st.fixed_dictionaries(
    {
        "tool": st.sampled_from(["a", "b", "ab", "ba", "ac", "c", "aab", "free"]),
        "arguments": st.fixed_dictionaries(
            {},
            optional={
                "n": VALUES | st.sampled_from([-4, 0.5, 1.2, 50, 1000]) | st.just({"x": 2}),
                "t": VALUES | st.sampled_from(["aa", "bb"]),
                "l": st.lists(VALUES, max_size=3) | SCALARS,
            },
        ),
        "annotations": st.dictionaries(st.sampled_from(HINTS), st.booleans()),
        "agent": st.sampled_from([None, "a", "b", "ab", "xb", "c"]),
        "session": st.none()
        | st.fixed_dictionaries({"labels": st.just([]) | NAMES, "called": st.just([]) | NAMES}),
    }
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy, and the same after one to three changes."""
    old = draw(POLICIES)
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(1, 3))):
        _mutate(draw, new)
    return old, new


def _mutate(draw: st.DrawFn, policy: Policy) -> None:
    rules = policy["rules"]
    place = draw(st.integers(0, max(0, len(rules) - 1)))
    match draw(st.sampled_from(["add", "drop", "replace", "swap", "part", "settings"])):
        case "add":
            rules.insert(place, draw(RULES))
        case "drop" if rules:
            del rules[place]
        case "replace" if rules:
            rules[place] = draw(RULES)
        case "swap" if rules:
            other = draw(st.integers(0, len(rules) - 1))
            rules[place], rules[other] = rules[other], rules[place]
        case "part" if rules:
            fresh = draw(RULES)
            part = draw(st.sampled_from(sorted(fresh)))
            rules[place] = {**rules[place], part: fresh[part]}
        case _:
            policy["settings"] = draw(SETTINGS)


def text_of(policy: Policy) -> str:
    document = {
        "version": "1",
        "upstream": {"url": "http://localhost:8080/mcp"},
        "policies": {**policy["settings"], "rules": [*FREE, *policy["rules"]]},
        **({"budgets": policy["budgets"]} if policy.get("budgets") else {}),
    }
    return yaml.safe_dump(document, sort_keys=False)


def side_of(text: str) -> Side:
    compiled = compile_text(text)
    assert compiled.policy is not None, [each.message for each in compiled.diagnostics]
    return Side(compiled.policy)


def facts_of(call: Mapping[str, Any]) -> Facts:
    session = call.get("session")
    hidden = "0"
    caller = Caller(
        call.get("upstream", "default"),
        call["tool"],
        hidden,
        call.get("agent"),
        None if session is None else "s",
    )
    arguments = parse(json_bytes(call["arguments"]))
    assert isinstance(arguments, dict)
    return Facts(
        caller,
        arguments,
        call.get("annotations") or {},
        None if session is None else frozenset(session["labels"]),
        None if session is None else frozenset(session["called"]),
    )


def fate(plain: Graph, call: Mapping[str, Any]) -> tuple[int, Any]:
    """The deciding rule, and what becomes of the call: `deny`, or all that is asked of it."""
    facts = facts_of(call)
    decision = plain.decide(facts)
    rules = [plain.rules_by_index[index] for index in decision.restricting]
    last = plain.rules_by_index.get(decision.rule)
    if decision.action == "deny" and not (last and last["until"]):
        return decision.rule, "deny"
    rules += [last] if last else []
    asking = {_written(plain, rule["approval"]) for rule in rules if asks(rule)}
    reads = effective_hint("readOnlyHint", facts.hints)
    destroys = not reads and effective_hint("destructiveHint", facts.hints)
    if last is None and destroys and plain.settings["flag_destructive"] == "require_approval":
        asking.add("null")
    labels = last["labels"] if last and decision.action != "dry_run" else []
    return decision.rule, (
        decision.action == "dry_run",
        frozenset(asking),
        frozenset(name for rule in rules for name in rule["requires"]),
        frozenset(_limit(plain, index) for rule in rules for index in rule["limits"]),
        frozenset(labels),
        frozenset((each.budget, each.limit, each.amount) for each in plain.decide(facts).budgets),
    )


def asks(rule: Rule) -> bool:
    return bool(rule["action"] == "require_approval")


def _limit(plain: Graph, index: int) -> str:
    node = {key: value for key, value in plain.nodes[index].items() if key != "id"}
    if "path" in node:
        node["path"] = plain.nodes[node["path"]]["path"]
    return _written(plain, node)


def _written(_plain: Graph, value: object) -> str:
    return json.dumps(value, sort_keys=True)
