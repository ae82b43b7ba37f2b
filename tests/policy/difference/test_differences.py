"""What counts as a difference, which way it goes, and how it is told."""

from decimal import Decimal
from typing import Any

import pytest
import yaml

from helio.policy.difference import ApprovalTerms, Difference, Side, differences
from policy.difference.generated import side_of

PAY: dict[str, Any] = {"match": {"tool": "pay"}}
FREE = {"match": {"tool": "look"}, "action": "allow"}


def side(*rules: dict[str, Any], terms: ApprovalTerms | None = None, **more: Any) -> Side:
    budgets = more.pop("budgets", None)
    document = {
        "version": "1",
        "upstream": {"url": "http://localhost:8080/mcp"},
        "policies": {**more, "rules": [FREE, *rules]},
        **({"budgets": budgets} if budgets else {}),
    }
    return Side(side_of(yaml.safe_dump(document, sort_keys=False)).policy, terms)


def rate(calls: int, window: str = "1h", **more: Any) -> dict[str, Any]:
    return {**PAY, "limits": {"max_calls": calls, "window": window, **more}}


def spend(limit: int, currency: str = "GBP", field: str = "amount") -> dict[str, Any]:
    money = {"field": field, "limit": limit, "currency": currency, "window": "1h"}
    return {**PAY, "limits": {"max_spend": money}}


def asking(**approval: Any) -> dict[str, Any]:
    return {**PAY, "action": "require_approval", **({"approval": approval} if approval else {})}


def kinds(found: Difference) -> list[str]:
    assert not found.undecided
    return [each.kind for each in found.differing]


DENY: dict[str, Any] = {**PAY, "action": "deny"}
ALLOW: dict[str, Any] = {**PAY, "action": "allow"}
WIDER = {
    "denied, allowed": (DENY, ALLOW),
    "denied, asked about": (DENY, asking()),
    "asked about, allowed": (asking(), ALLOW),
    "rehearsed, allowed": ({**PAY, "action": "dry_run"}, ALLOW),
    "more calls": (rate(5), rate(9)),
    "a shorter window": (rate(5, "2h"), rate(5, "1h")),
    "no limit": (rate(5), ALLOW),
    "more money": (spend(100), spend(1000)),
    "no evidence": ({**PAY, "evidence": {"requires": ["look"]}}, ALLOW),
    "evidence of anything": (
        {**PAY, "evidence": {"requires": [{"tool": "look", "bind": {"$.id": "$.id"}}]}},
        {**PAY, "evidence": {"requires": ["look"]}},
    ),
    "nothing before": ({**PAY, "requires": ["look"]}, ALLOW),
    "a call before, even a failed one": (
        {**PAY, "requires": ["look"]},
        {**PAY, "requires": ["look"], "requires_success": False},
    ),
    "more time to approve": (asking(timeout="1m"), asking(timeout="5m")),
}
OTHERWISE = {
    "another key": (rate(5, key="agent"), rate(5, key="global")),
    "another currency": (spend(100), spend(100, "EUR")),
    "another field": (spend(100), spend(100, field="total")),
    "fewer calls of more money": (
        {**PAY, "limits": {**rate(9)["limits"], **spend(100)["limits"]}},
        {**PAY, "limits": {**rate(5)["limits"], **spend(900)["limits"]}},
    ),
    "an earlier reminder": (asking(escalation_after="1m"), asking(escalation_after="2m")),
    "another label": ({**ALLOW, "labels": ["a"]}, {**ALLOW, "labels": ["b"]}),
    "rehearsed, not denied": (DENY, {**PAY, "action": "dry_run"}),
}


@pytest.mark.parametrize(("old", "new"), WIDER.values(), ids=WIDER)
def test_what_lets_more_through_is_wider(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert kinds(differences(side(old), side(new))) == ["widened"]
    assert kinds(differences(side(new), side(old))) == ["narrowed"]


@pytest.mark.parametrize(("old", "new"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_cannot_be_compared_is_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert kinds(differences(side(old), side(new))) == ["changed"]
    assert kinds(differences(side(new), side(old))) == ["changed"]


ALIKE = {
    "a name": (rate(5), {**rate(5), "name": "payments"}),
    "feedback": (DENY, {**DENY, "feedback": {"message": "No."}}),
    "a deny until evidence": (
        {**DENY, "evidence": {"requires": ["look"]}},
        {**PAY, "evidence": {"requires": ["look"]}},
    ),
    "a glob": (
        {"match": {"tool": "{send,reply}_mail"}, "action": "deny"},
        {"match": {"tool": ["reply_mail", "send_mail"]}, "action": "deny"},
    ),
    "a comparison": (
        {"match": {"tool": "pay", "input": {"n": {"gt": 5}}}, "action": "deny"},
        {"match": {"tool": "pay", "input": {"$.n": {"gt": 5, "gte": 5.0}}}, "action": "deny"},
    ),
    "what is allowed anyway": (ALLOW, FREE),
    "keys in another order": (rate(5, key=["tool", "session"]), rate(5, key=["session", "tool"])),
}


@pytest.mark.parametrize(("old", "new"), ALIKE.values(), ids=ALIKE)
def test_what_means_the_same_is_no_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert kinds(differences(side(old), side(new))) == []


def test_a_rule_in_two_parts_is_no_difference() -> None:
    whole = {"match": {"tool": "pay", "input": {"n": {"gt": 5}}}, "action": "deny"}
    parts = [
        {"match": {"tool": "pay", "input": {"n": {"gt": 5, "lte": 9}}}, "action": "deny"},
        {"match": {"tool": "pay", "input": {"n": {"gt": 9}}}, "action": "deny"},
    ]
    assert kinds(differences(side(whole), side(*parts))) == []


def above(amount: int) -> dict[str, Any]:
    return {"match": {"tool": "pay.*", "input": {"amount": {"gt": amount}}}, "action": "deny"}


def test_a_region_is_told_in_the_policy_s_own_words() -> None:
    (found,) = differences(side(above(1000)), side(above(5000))).differing
    assert found.region == ("tool matches pay.* and amount > 1000 and <= 5000",)
    assert found.witness == {"tool": "pay.any", "arguments": {"amount": 1001}}
    assert (found.old.decision, found.old.rule, found.old.index) == ("deny", "rules[1]", 1)
    assert (found.new.decision, found.new.rule, found.new.line) == ("allow", None, None)


@pytest.mark.parametrize(
    ("low", "high", "amount"), [("0.50", "0.60", 0.55), ("100", "100.50", 100.25)]
)
def test_amounts_are_shown_however_they_are_written(low: str, high: str, amount: float) -> None:
    policies = [
        side_of(
            "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"
            f"    - {{ match: {{ tool: pay, input: {{ n: {{ gt: {bound} }} }} }}, action: deny }}\n"
        )
        for bound in (low, high)
    ]
    found = differences(*policies)
    assert kinds(found) == ["widened"]
    assert found.differing[0].witness == {"tool": "pay", "arguments": {"n": amount}}


def test_what_cannot_be_judged_is_told() -> None:
    unknown = {**PAY, "match": {"tool": "pay", "agent": "bot-*"}, "action": "deny"}
    (found,) = differences(side(), side(unknown)).differing
    assert found.region == ("tool matches pay and (agent matches bot-* or is unknown)",)
    assert found.witness == {"tool": "pay", "arguments": {}, "agent": "bot-any"}


def test_a_default_counts_where_no_rule_decides() -> None:
    (found,) = differences(side(DENY), side(DENY, default="deny")).differing
    assert (found.kind, found.region) == (
        "narrowed",
        ("tool matches none of look and pay",),
    )


def test_people_are_asked_about_what_destroys() -> None:
    (found,) = differences(side(), side(flag_destructive="require_approval")).differing
    assert found.kind == "narrowed"
    assert "destructiveHint is true" in found.region[0]


@pytest.mark.parametrize(
    ("setting", "wide", "narrow"),
    [
        ("unknown_tools", "allow", "deny"),
        ("on_tool_drift", "log", "block"),
        ("on_tool_drift", "log", "require_approval"),
        ("on_tool_drift", "require_approval", "block"),
    ],
)
def test_guards_before_the_rules_count(setting: str, wide: str, narrow: str) -> None:
    old, new = side(DENY, **{setting: wide}), side(DENY, **{setting: narrow})
    assert kinds(differences(old, new)) == ["narrowed"]
    assert kinds(differences(new, old)) == ["widened"]


def test_a_guard_of_a_policy_that_denies_everything_shows_no_call() -> None:
    everything = {"action": "deny", "match": {}}
    rules = {"rules": [everything]}
    sides = [
        side_of(
            yaml.safe_dump(
                {
                    "version": "1",
                    "upstream": {"url": "http://localhost/mcp"},
                    "policies": {**rules, "unknown_tools": value},
                }
            )
        )
        for value in ("allow", "deny")
    ]
    found = differences(*sides)
    assert (len(found.differing), len(found.undecided)) == (0, 1)


def test_enforcing_what_was_watched_narrows() -> None:
    watched, enforced = side(DENY, shadow=True), side(DENY)
    told = [(each.kind, each.region) for each in differences(watched, enforced).differing]
    assert told == [("narrowed", ("tool matches pay",)), ("narrowed", ("any installation",))]


def test_rehearsing_forwards_nothing() -> None:
    found = differences(side(DENY), side(DENY, dry_run=True))
    assert {each.kind for each in found.differing} == {"narrowed", "changed"}


def test_what_both_only_rehearse_is_compared_as_if_enforced() -> None:
    found = differences(side(DENY, dry_run=True), side(ALLOW, dry_run=True))
    assert kinds(found) == ["widened"]


def test_shadow_rules_decide_nothing() -> None:
    assert kinds(differences(side(), side({**DENY, "shadow": True}))) == []
    assert kinds(differences(side(DENY), side({**DENY, "shadow": True}))) == ["widened"]


def budget(limit: int, *contributors: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    first = {"match": {"tool": "pay"}, "field": "amount"}
    return [
        {
            "name": "money",
            "limit": limit,
            "currency": "GBP",
            "window": "1h",
            "contributors": list(contributors or (first,)),
            **more,
        }
    ]


def test_budgets_count_for_the_calls_that_feed_them() -> None:
    (found,) = differences(side(budgets=budget(9)), side(budgets=budget(5))).differing
    assert (found.kind, found.region) == ("narrowed", ("tool matches pay",))
    assert found.witness == {"tool": "pay", "arguments": {"amount": 1}}
    assert found.gained == (
        "takes `amount` from a budget of 5 GBP in 1h by global; an overage is denied",
    )


def test_budgets_do_not_count_for_what_is_denied() -> None:
    assert kinds(differences(side(DENY, budgets=budget(9)), side(DENY, budgets=budget(5)))) == []


def test_an_overage_that_people_may_approve_is_wider() -> None:
    asks = budget(9, on_exceed="require_approval")
    assert kinds(differences(side(budgets=budget(9)), side(budgets=asks))) == ["widened"]


def test_one_more_contributor_feeds_a_budget() -> None:
    more = budget(
        9, {"match": {"tool": "pay"}, "field": "amount"}, {"match": {"tool": "gift"}, "amount": 3}
    )
    (found,) = differences(side(budgets=budget(9)), side(budgets=more)).differing
    assert (found.kind, found.witness["tool"]) == ("narrowed", "gift")


def test_the_section_approval_counts_where_people_are_asked() -> None:
    patient, generous = ApprovalTerms(timeout_ms=600_000), ApprovalTerms(default_on_timeout="allow")
    usual = side(asking(), DENY)
    for terms in (patient, generous, ApprovalTerms(grant_ttl_ms=3_600_000)):
        assert kinds(differences(usual, side(asking(), DENY, terms=terms))) == ["widened"]
    returned = ApprovalTerms(mode="return")
    assert kinds(differences(usual, side(asking(), terms=returned))) == ["changed"]
    assert kinds(differences(side(DENY), side(DENY, terms=generous))) == []


def test_a_session_is_known_or_not() -> None:
    """No box is told of that is both: such a call is none."""
    old = [
        {"match": {"tool": "pay", "session": {"labels": ["a"]}}, "action": "require_approval"},
        {"match": {"tool": "pay", "session": {"labels": ["b"]}}, "action": "deny"},
    ]
    found = differences(side(*old), side(*reversed(old)))
    assert not found.undecided
    assert found.differing


def test_numbers_keep_all_their_digits() -> None:
    """Between these, a reader of doubles sees nothing."""

    def above(limit: str) -> Side:
        match = f"{{ tool: pay, input: {{ n: {{ gt: {limit} }} }} }}"
        rule = f"{{ match: {match}, action: deny }}"
        head = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\n"
        return side_of(f"{head}policies: {{ rules: [{rule}] }}\n")

    for low, high in (
        ("9007199254740993", "9007199254740994.5"),
        ("123456789012345678901234567890.25", "123456789012345678901234567890.5"),
        ("0.1", "0.1000000000000000000001"),
    ):
        found = differences(above(low), above(high))
        assert not found.undecided
        assert kinds(found) == ["widened"]
        number = Decimal(str(found.differing[0].witness["arguments"]["n"]))
        assert Decimal(low) < number <= Decimal(high)


def test_what_is_too_much_is_said_not_to_be_decided() -> None:
    many = [
        {"match": {"tool": "pay", "input": {"l": {"contains": n}}}, "action": "require_approval"}
        for n in range(5)
    ]
    denying = [{**rule, "action": "deny"} for rule in many]
    found = differences(side(*many), side(*denying))
    assert not found.differing
    assert "no call was found" in found.undecided[0].reason
