"""`may_allow`: what the rules leave possible for a tool, whatever a call of it holds."""

from typing import Any

import pytest

from helio.evaluator import pack_hints


def allows(policy: Any, tool: str = "pay", hints: int | None = 0, **facts: Any) -> bool:
    facts = {"agent_known": True} | facts
    answer: bool = policy.evaluator().may_allow(tool, "default", hints, **facts)
    return answer


def test_the_default_counts_where_no_rule_does(policy: Any, strict_policy: Any) -> None:
    assert allows(policy)
    assert not allows(strict_policy)


def test_a_deny_by_name_hides(policy: Any) -> None:
    policy.rule("deny", policy.tool("delete_*"))
    assert not allows(policy, "delete_order")
    assert allows(policy, "pay")


def test_an_allow_before_the_deny_shows(policy: Any) -> None:
    policy.rule("allow", policy.tool("delete_draft"))
    policy.rule("deny", policy.tool("delete_*"))
    policy.rule("allow", policy.tool("delete_order"))
    assert allows(policy, "delete_draft")
    assert not allows(policy, "delete_order")


OPEN = [
    lambda policy: policy.input("$['amount']", {"gt": 10}),
    lambda policy: policy.input("$['amount']", {"gt": 10}, node="metadata"),
    lambda policy: policy.add("labels", names=["untrusted"]),
    lambda policy: policy.add("called", names=["read"]),
    lambda policy: policy.add("not_called", names=["read"]),
]


@pytest.mark.parametrize("condition", OPEN)
def test_what_a_call_may_settle_settles_nothing_before(
    policy: Any, strict_policy: Any, condition: Any
) -> None:
    policy.rule("deny", policy.tool("pay"), condition(policy))
    assert allows(policy)
    policy.rule("deny", policy.tool("pay"))
    assert not allows(policy)
    strict_policy.rule("allow", strict_policy.tool("pay"), condition(strict_policy))
    assert allows(strict_policy)
    assert not allows(strict_policy, "read")


@pytest.mark.parametrize(
    "action", ["allow", "require_approval", "rate_limit", "spend_limit", "dry_run"]
)
def test_all_actions_but_deny_may_let_through(strict_policy: Any, action: str) -> None:
    strict_policy.rule(action, strict_policy.tool("pay"))
    assert allows(strict_policy)


def test_a_deny_until_may_be_lifted(strict_policy: Any) -> None:
    strict_policy.rule(
        "deny",
        strict_policy.tool("pay"),
        until=True,
        requires=["read"],
        requires_success=True,
    )
    assert allows(strict_policy)


def test_shadow_rules_decide_nothing(policy: Any, strict_policy: Any) -> None:
    policy.rule("deny", policy.tool("pay"), shadow=True)
    assert allows(policy)
    strict_policy.rule("allow", strict_policy.tool("pay"), shadow=True)
    assert not allows(strict_policy)


def test_constants_upstreams_and_tools_are_judged(policy: Any) -> None:
    policy.rule("deny", policy.add("constant", value=False, text="environment: production"))
    policy.rule("deny", policy.globs("upstream", "stripe"))
    policy.rule("deny", policy.tool("p*"), policy.tool("*y"))
    assert not allows(policy, "pay")
    assert allows(policy, "pat")
    assert not policy.evaluator().may_allow("pat", "stripe", 0, agent_known=True)


def test_annotations_are_judged_when_they_are_known(policy: Any) -> None:
    policy.rule("deny", policy.annotation("destructiveHint", True))
    assert not allows(policy, hints=0)
    assert not allows(policy, hints=pack_hints({"destructiveHint": True}))
    assert allows(policy, hints=pack_hints({"destructiveHint": False}))
    assert allows(policy, hints=pack_hints({"readOnlyHint": True}))
    assert allows(policy, hints=None)


def test_agents_are_judged_when_they_are_known(policy: Any, strict_policy: Any) -> None:
    policy.rule("deny", policy.globs("agent", "sales-*"))
    assert not allows(policy, agent="sales-1")
    assert allows(policy, agent="support")
    # What cannot be judged is enough for a deny and too little for an allow.
    assert not allows(policy, agent=None)
    assert allows(policy, agent=None, agent_known=False)
    strict_policy.rule("allow", strict_policy.globs("agent", "sales-*"))
    assert allows(strict_policy, agent="sales-1")
    assert not allows(strict_policy, agent="support")
    assert not allows(strict_policy, agent=None)
    assert allows(strict_policy, agent=None, agent_known=False)


def test_an_agent_counts_only_when_it_is_known(policy: Any) -> None:
    policy.rule("deny", policy.globs("agent", "sales-*"))
    assert allows(policy, agent="sales-1", agent_known=False)


def test_hints_are_a_mask(policy: Any) -> None:
    with pytest.raises(OverflowError):
        allows(policy, hints=256)
