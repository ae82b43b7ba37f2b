"""What a policy leaves possible for a tool before it is called."""

import pytest

from pipeline.playbook import govern

DENIES = "rules: [{match: {tool: 'delete_*'}, action: deny}]"


def allows(policies: str, tool: str, hints: int | None = 0) -> bool:
    policy = govern(f"{{ {policies} }}").policy
    return policy.may_allow(tool, "default", hints, agent=None, agent_known=False)


def test_what_the_rules_deny_for_good_may_not_pass() -> None:
    assert not allows(DENIES, "delete_order")
    assert allows(DENIES, "read_order")
    assert not allows(f"default: deny, {DENIES}", "read_order")


@pytest.mark.parametrize("setting", ["shadow: true", "dry_run: true"])
def test_where_nothing_is_enforced_all_may_pass(setting: str) -> None:
    assert allows(f"{setting}, {DENIES}", "delete_order")
    assert allows(f"{setting}, default: deny", "read_order")


def test_annotations_may_be_found_out_later() -> None:
    denies = "rules: [{match: {annotations: {readOnlyHint: false}}, action: deny}]"
    assert not allows(denies, "pay", hints=0)
    assert allows(denies, "pay", hints=None)
