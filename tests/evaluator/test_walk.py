"""Rules in file order: the table of "The three values" in docs/architecture.md, row by row."""

from typing import Any

import pytest

from helio.evaluator import pack_hints

ACTIONS = ["allow", "deny", "require_approval", "rate_limit", "spend_limit", "dry_run"]
BIG = {"amount": 9}
SMALL = {"amount": 1}
WORD = {"amount": "5000"}


def over_five(policy: Any) -> int:
    condition: int = policy.input("$['amount']", {"gt": 5})
    return condition


@pytest.mark.parametrize("action", ACTIONS)
def test_a_true_rule_decides(strict_policy: Any, action: str) -> None:
    strict_policy.rule(action, over_five(strict_policy))
    strict_policy.rule("deny")
    decision = strict_policy.decide(arguments=BIG)
    assert (decision.rule, decision.action) == (0, action)
    assert decision.restricting == []
    assert decision.indeterminate == []


@pytest.mark.parametrize("action", ACTIONS)
def test_a_false_rule_is_passed(strict_policy: Any, action: str) -> None:
    strict_policy.rule(action, over_five(strict_policy))
    strict_policy.rule("dry_run")
    decision = strict_policy.decide(arguments=SMALL)
    assert (decision.rule, decision.action) == (1, "dry_run")
    assert decision.indeterminate == []


@pytest.mark.parametrize("default", ["allow", "deny"])
def test_the_default_decides_when_no_rule_does(policy: Any, default: str) -> None:
    policy.settings["default"] = default
    policy.rule("dry_run", over_five(policy))
    decision = policy.decide(arguments=SMALL)
    assert (decision.rule, decision.action) == (-1, default)


def test_an_empty_policy_is_its_default(strict_policy: Any) -> None:
    decision = strict_policy.decide()
    assert (decision.rule, decision.action) == (-1, "deny")
    assert decision.demands == []
    assert decision.fault is None
    assert decision.panicked is None


def test_the_first_match_wins(policy: Any) -> None:
    policy.rule("allow", policy.tool("pay"))
    policy.rule("deny", policy.tool("p*"))
    assert policy.decide("pay").action == "allow"
    assert policy.decide("play").action == "deny"


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("arguments", [BIG, WORD, SMALL])
def test_a_shadow_rule_only_reports(policy: Any, action: str, arguments: dict[str, Any]) -> None:
    policy.rule(action, over_five(policy), shadow=True)
    policy.rule("dry_run")
    decision = policy.decide(arguments=arguments)
    assert (decision.rule, decision.action) == (1, "dry_run")
    assert decision.restricting == []
    assert decision.shadow == ([] if arguments is SMALL else [(0, action)])
    assert [rule for rule, _, _ in decision.indeterminate] == ([0] if arguments is WORD else [])


@pytest.mark.parametrize("action", ["deny", "dry_run"])
def test_what_only_restricts_decides_unjudged(policy: Any, action: str) -> None:
    policy.rule(action, over_five(policy))
    policy.rule("allow")
    decision = policy.decide(arguments=WORD)
    assert (decision.rule, decision.action) == (0, action)
    assert [rule for rule, _, _ in decision.indeterminate] == [0]
    assert decision.restricting == []


def test_a_deny_until_decides_unjudged(policy: Any) -> None:
    policy.rule("deny", over_five(policy), until=True, requires=["verify"])
    policy.rule("allow")
    decision = policy.decide(arguments=WORD)
    assert (decision.rule, decision.action) == (0, "deny")


def test_an_allow_without_more_is_passed_over(strict_policy: Any) -> None:
    strict_policy.rule("allow", over_five(strict_policy))
    decision = strict_policy.decide(arguments=WORD)
    assert (decision.rule, decision.action) == (-1, "deny")
    assert [rule for rule, _, _ in decision.indeterminate] == [0]
    assert decision.restricting == []


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("allow", {"evidence": [{"tool": "orders.lookup", "bind": []}]}),
        ("allow", {"requires": ["verify"]}),
        ("require_approval", {}),
        ("rate_limit", {}),
        ("spend_limit", {}),
    ],
)
def test_anything_else_adds_its_restrictions(
    policy: Any, action: str, fields: dict[str, Any]
) -> None:
    policy.rule(action, over_five(policy), **fields)
    policy.rule("allow", policy.tool("pay"))
    decision = policy.decide(arguments=WORD)
    assert (decision.rule, decision.action) == (1, "allow")
    assert decision.restricting == [0]
    assert [rule for rule, _, _ in decision.indeterminate] == [0]


def test_an_allow_with_limits_adds_them(policy: Any) -> None:
    policy.rule("allow", over_five(policy), limits=[policy.rate("r", 5)])
    decision = policy.decide(arguments=WORD)
    assert decision.restricting == [0]
    assert [demand.rule for demand in decision.demands] == [0]


def test_rules_after_the_deciding_one_are_not_visited(policy: Any) -> None:
    policy.rule("require_approval", over_five(policy))
    policy.rule("allow")
    policy.rule("require_approval", over_five(policy))
    policy.rule("deny", over_five(policy), shadow=True)
    decision = policy.decide(arguments=WORD)
    assert decision.restricting == [0]
    assert decision.shadow == []
    assert len(decision.indeterminate) == 1


def test_indices_are_those_of_the_file(policy: Any) -> None:
    policy.rule("deny", policy.tool("x"), index=3)
    policy.rule("deny", policy.tool("y"), index=10)
    assert policy.decide("y").rule == 10


@pytest.mark.parametrize(
    ("annotations", "judged", "assumed"),
    [
        ({}, {"destructiveHint": True}, ["destructiveHint"]),
        ({"readOnlyHint": False}, {"destructiveHint": True}, ["destructiveHint"]),
        ({"readOnlyHint": True}, {"destructiveHint": False}, []),
        ({"destructiveHint": True}, {"destructiveHint": True}, []),
        ({"destructiveHint": "yes"}, {"destructiveHint": True}, ["destructiveHint"]),
        ({}, {"openWorldHint": True, "readOnlyHint": False}, ["readOnlyHint", "openWorldHint"]),
        ({"idempotentHint": True}, {"idempotentHint": True}, []),
    ],
)
def test_defaults_that_were_used_are_named(
    policy: Any, annotations: dict[str, object], judged: dict[str, bool], assumed: list[str]
) -> None:
    policy.rule("deny", *(policy.annotation(hint, value) for hint, value in judged.items()))
    decision = policy.decide(hints=pack_hints(annotations))
    assert decision.rule == 0
    assert decision.assumed_hints == assumed


def test_defaults_of_restricting_rules_are_named_those_of_others_are_not(policy: Any) -> None:
    policy.rule("deny", policy.annotation("readOnlyHint", True))
    policy.rule("deny", policy.annotation("idempotentHint", False), shadow=True)
    policy.rule("require_approval", policy.annotation("openWorldHint", True), over_five(policy))
    policy.rule("allow", over_five(policy), policy.annotation("destructiveHint", True))
    decision = policy.decide(arguments=WORD)
    assert decision.rule == -1
    assert decision.assumed_hints == ["openWorldHint"]


def test_the_same_evaluator_forgets_the_last_call(policy: Any, make_call: Any) -> None:
    policy.rule("deny", over_five(policy), policy.globs("agent", "bot"))
    evaluator = policy.evaluator()
    for arguments, agent, action in [
        (BIG, "bot", "deny"),
        (SMALL, "bot", "allow"),
        (BIG, "bot", "deny"),
        (BIG, "human", "allow"),
        (WORD, None, "deny"),
        (BIG, "bot", "deny"),
    ]:
        message = make_call("pay", arguments)
        assert evaluator.decide(message, "default", agent=agent).action == action


def test_judge_is_parse_and_decide(policy: Any, make_call: Any) -> None:
    policy.rule("deny", over_five(policy), policy.annotation("readOnlyHint", False))
    evaluator = policy.evaluator()
    body = make_call("pay", BIG).body
    assert evaluator.judge(body, "default").action == "deny"
    assert evaluator.judge(body, "default", pack_hints({"readOnlyHint": True})).action == "allow"
