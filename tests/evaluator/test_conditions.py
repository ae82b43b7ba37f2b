"""Each condition's truth: it holds, it does not, or it cannot be judged."""

from typing import Any

import pytest

from helio.evaluator import pack_hints

HOLDS, FAILS, UNKNOWN = "holds", "fails", "unknown"


def truth(policy: Any, condition: int, **call: Any) -> str:
    """What a condition comes to, seen through a rule that an indeterminate one only restricts."""
    policy.rule("require_approval", condition)
    decision = policy.decide(**call)
    if decision.rule == 0:
        assert decision.action == "require_approval"
        assert decision.indeterminate == []
        return HOLDS
    assert decision.rule == -1
    if decision.restricting == [0]:
        assert [rule for rule, _, _ in decision.indeterminate] == [0]
        return UNKNOWN
    assert decision.indeterminate == []
    return FAILS


@pytest.mark.parametrize(
    ("patterns", "tool", "expected"),
    [
        (["pay"], "pay", HOLDS),
        (["pay"], "Pay", FAILS),
        (["pay"], "pay ", FAILS),
        (["pay*"], "payments.create", HOLDS),
        (["*.create"], "payments.create", HOLDS),
        (["p?y", "q"], "pay", HOLDS),
        (["[op]ay"], "pay", HOLDS),
        (["{pay,refund}_*"], "refund_all", HOLDS),
        (["{pay,refund}_*"], "refund", FAILS),
        (["*"], "anything", HOLDS),
        (["a", "b", "c"], "c", HOLDS),
        (["ра*"], "pay", FAILS),  # noqa: RUF001 - Cyrillic letters that look alike
    ],
)
def test_tool(policy: Any, patterns: list[str], tool: str, expected: str) -> None:
    assert truth(policy, policy.tool(*patterns), tool=tool) == expected


@pytest.mark.parametrize(("upstream", "expected"), [("stripe", HOLDS), ("mail", FAILS)])
def test_upstream(policy: Any, upstream: str, expected: str) -> None:
    assert truth(policy, policy.globs("upstream", "str*"), upstream=upstream) == expected


@pytest.mark.parametrize(
    ("agent", "expected"), [("support-7", HOLDS), ("ops", FAILS), (None, UNKNOWN)]
)
def test_agent(policy: Any, agent: str | None, expected: str) -> None:
    assert truth(policy, policy.globs("agent", "support-*"), agent=agent) == expected


DESTRUCTIVE = {"destructiveHint": True}
READER = {"readOnlyHint": True}


@pytest.mark.parametrize(
    ("annotations", "hint", "effective"),
    [
        ({}, "readOnlyHint", False),
        ({}, "destructiveHint", True),
        ({}, "idempotentHint", False),
        ({}, "openWorldHint", True),
        (READER, "readOnlyHint", True),
        (READER, "destructiveHint", False),
        (READER | DESTRUCTIVE, "destructiveHint", False),
        ({"readOnlyHint": False}, "destructiveHint", True),
        ({"destructiveHint": False}, "destructiveHint", False),
        (DESTRUCTIVE, "readOnlyHint", False),
        ({"idempotentHint": True}, "idempotentHint", True),
        ({"openWorldHint": False}, "openWorldHint", False),
    ],
)
@pytest.mark.parametrize("wanted", [True, False])
def test_annotation(
    policy: Any, annotations: dict[str, bool], hint: str, effective: bool, wanted: bool
) -> None:
    expected = HOLDS if effective is wanted else FAILS
    condition = policy.annotation(hint, wanted)
    assert truth(policy, condition, hints=pack_hints(annotations)) == expected


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("labels", {"session": "s", "labels": ["untrusted", "x"]}, HOLDS),
        ("labels", {"session": "s", "labels": ["x"]}, FAILS),
        ("labels", {"session": "s"}, FAILS),
        ("labels", {"labels": ["untrusted"]}, UNKNOWN),
        ("called", {"session": "s", "called": ["untrusted"]}, HOLDS),
        ("called", {"session": "s"}, FAILS),
        ("called", {}, UNKNOWN),
        ("not_called", {"session": "s", "called": ["x"]}, HOLDS),
        ("not_called", {"session": "s", "called": ["untrusted"]}, FAILS),
        ("not_called", {}, UNKNOWN),
    ],
)
def test_session(policy: Any, kind: str, facts: dict[str, Any], expected: str) -> None:
    assert truth(policy, policy.add(kind, names=["untrusted"]), **facts) == expected


@pytest.mark.parametrize(
    ("kind", "there", "expected"),
    [
        ("labels", ["a"], FAILS),
        ("labels", ["b", "a"], HOLDS),
        ("called", ["a"], FAILS),
        ("called", ["a", "b"], HOLDS),
        ("not_called", ["a"], FAILS),
        ("not_called", ["c"], HOLDS),
    ],
)
def test_every_name_counts(policy: Any, kind: str, there: list[str], expected: str) -> None:
    condition = policy.add(kind, names=["a", "b"])
    assert truth(policy, condition, session="s", labels=there, called=there) == expected


@pytest.mark.parametrize(
    ("tests", "amount", "expected"),
    [
        ({"eq": 5}, "5.0", HOLDS),
        ({"eq": 5}, "6", FAILS),
        ({"eq": 5}, '"5"', UNKNOWN),
        ({"neq": 5}, "6", HOLDS),
        ({"neq": 5}, "5e0", FAILS),
        ({"neq": 5}, "null", UNKNOWN),
        ({"gt": 5}, "5.0000000000000000000001", HOLDS),
        ({"gt": 5}, "5", FAILS),
        ({"gt": 1000}, '"5000"', UNKNOWN),
        ({"gte": 5}, "5", HOLDS),
        ({"lt": 5}, "4.9", HOLDS),
        ({"lt": 5}, "[1]", UNKNOWN),
        ({"lte": 5}, "5", HOLDS),
        ({"lte": 5}, "6", FAILS),
        ({"in": ["a", "b"]}, '"b"', HOLDS),
        ({"in": ["a", "b"]}, '"c"', FAILS),
        ({"in": ["a", "b"]}, "1", UNKNOWN),
        ({"in": ["a", 1]}, '"c"', UNKNOWN),
        ({"not_in": ["a", "b"]}, '"c"', HOLDS),
        ({"not_in": ["a", "b"]}, "1", UNKNOWN),
        ({"contains": "x"}, '"axb"', HOLDS),
        ({"contains": "x"}, '["x"]', HOLDS),
        ({"contains": "x"}, '["y"]', FAILS),
        ({"contains": "x"}, '["y", 1]', UNKNOWN),
        ({"contains": "x"}, "1", UNKNOWN),
        ({"regex": "^a+$"}, '"aaa"', HOLDS),
        ({"regex": "a"}, '"bab"', HOLDS),
        ({"regex": "a"}, "1", UNKNOWN),
        ({"starts_with": "a"}, '"ab"', HOLDS),
        ({"ends_with": "b"}, '"ab"', HOLDS),
        ({"ends_with": "b"}, "{}", UNKNOWN),
        ({"exists": True}, "null", HOLDS),
        ({"exists": False}, "null", FAILS),
        ({"gt": 1, "lt": 9}, "5", HOLDS),
        ({"gt": 1, "lt": 9}, "9", FAILS),
        ({"gt": 1, "exists": True}, '"5"', UNKNOWN),
    ],
)
def test_input(policy: Any, tests: dict[str, Any], amount: str, expected: str) -> None:
    condition = policy.input("$['amount']", tests)
    arguments = f'{{"amount": {amount}}}'.encode()
    assert truth(policy, condition, arguments=arguments) == expected


ABSENT = {
    "eq": (1, FAILS),
    "neq": (1, UNKNOWN),
    "gt": (1, FAILS),
    "gte": (1, FAILS),
    "lt": (1, FAILS),
    "lte": (1, FAILS),
    "in": ([1], FAILS),
    "not_in": ([1], UNKNOWN),
    "contains": ("a", FAILS),
    "regex": ("a", FAILS),
    "starts_with": ("a", FAILS),
    "ends_with": ("a", FAILS),
}


@pytest.mark.parametrize("operator", ABSENT)
@pytest.mark.parametrize("quantifier", ["some", "every"])
@pytest.mark.parametrize("arguments", [None, {}, {"Amount": 1}])
def test_nothing_selected(policy: Any, operator: str, quantifier: str, arguments: object) -> None:
    operand, expected = ABSENT[operator]
    condition = policy.input("$['amount']", {operator: operand}, quantifier)
    wanted = FAILS if quantifier == "every" else expected
    assert truth(policy, condition, arguments=arguments) == wanted


@pytest.mark.parametrize(("operand", "expected"), [(True, FAILS), (False, HOLDS)])
def test_existence_of_nothing(policy: Any, operand: bool, expected: str) -> None:
    condition = policy.input("$['amount']", {"exists": operand})
    assert truth(policy, condition, arguments={}) == expected


@pytest.mark.parametrize(
    ("quantifier", "items", "expected"),
    [
        ("some", [1, 9], HOLDS),
        ("some", [1, "x"], UNKNOWN),
        ("some", ["x", 9], HOLDS),
        ("some", [1, 2], FAILS),
        ("every", [8, 9], HOLDS),
        ("every", [9, "x"], UNKNOWN),
        ("every", ["x", 1], FAILS),
        ("every", [], FAILS),
    ],
)
def test_quantifiers(policy: Any, quantifier: str, items: list[Any], expected: str) -> None:
    condition = policy.input("$['items'][*]", {"gt": 5}, quantifier)
    assert truth(policy, condition, arguments={"items": items}) == expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (b'{"channel": "C1"}', HOLDS),
        (b'{"channel": "C2"}', FAILS),
        (b'{"channel": 1}', UNKNOWN),
        (None, FAILS),
    ],
)
def test_metadata(policy: Any, metadata: bytes | None, expected: str) -> None:
    condition = policy.input("$['channel']", {"eq": "C1"}, node="metadata")
    assert truth(policy, condition, metadata=metadata) == expected


def test_without_metadata_not_even_the_root_is_there(policy: Any) -> None:
    condition = policy.input("$", {"exists": True}, node="metadata")
    assert truth(policy, condition) == FAILS


@pytest.mark.parametrize(("value", "expected"), [(True, HOLDS), (False, FAILS)])
def test_constants(policy: Any, value: bool, expected: str) -> None:
    assert truth(policy, policy.add("constant", value=value, text="environment")) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (HOLDS, HOLDS, HOLDS),
        (HOLDS, UNKNOWN, UNKNOWN),
        (UNKNOWN, HOLDS, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN),
        (FAILS, UNKNOWN, FAILS),
        (UNKNOWN, FAILS, FAILS),
    ],
)
def test_conditions_are_joined_by_and(policy: Any, first: str, second: str, expected: str) -> None:
    arguments = {HOLDS: 9, FAILS: 1, UNKNOWN: "x"}
    conditions = [policy.input(f"$['{name}']", {"gt": 5}) for name in ("a", "b")]
    policy.rule("require_approval", *conditions)
    decision = policy.decide(arguments={"a": arguments[first], "b": arguments[second]})
    seen = HOLDS if decision.rule == 0 else UNKNOWN if decision.restricting else FAILS
    assert seen == expected
    unjudged = [first, second].count(UNKNOWN) if expected == UNKNOWN else 0
    assert len(decision.indeterminate) == unjudged


def test_what_could_not_be_judged_is_named(policy: Any) -> None:
    conditions = [
        policy.input("$['order']['a b'][*]", {"gt": 5, "lt": 9}, "every"),
        policy.input("$['currency']", {"neq": "GBP"}),
        policy.input("$['amount']", {"gt": 5}),
        policy.globs("agent", "bot", "b*"),
        policy.add("not_called", names=["verify"]),
    ]
    policy.rule("deny", *conditions)
    arguments = {"order": {"a b": [6, "x", 7]}, "amount": "5000" * 40}
    decision = policy.decide(arguments=arguments)
    assert decision.indeterminate == [
        (
            0,
            "input every $.order['a b'][*] gt 5 and lt 9",
            "found 3 values, not all of which can be judged",
        ),
        (0, 'input $.currency neq "GBP"', "nothing is there"),
        (0, "input $.amount gt 5", ('found string "' + "5000" * 40)[:86]),
        (0, "agent bot, b*", "the agent is unknown"),
        (0, "session not_called verify", "the session is unknown"),
    ]
