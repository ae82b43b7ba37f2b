"""Which limits a call must have room in, under which keys, and why that cannot always be said."""

import hashlib
import json
from typing import Any

import pytest


def summary(decision: Any) -> list[tuple[str, int, bool]]:
    return [(demand.limit, demand.rule, demand.enforced) for demand in decision.demands]


def test_a_rate_counts_one_call(policy: Any) -> None:
    policy.rule("rate_limit", limits=[policy.rate("rate:x", 5)])
    decision = policy.decide("pay")
    assert decision.has_demands
    [demand] = decision.demands
    assert (demand.limit, demand.rule, demand.kind) == ("rate:x", 0, "rate")
    assert (demand.key, demand.amount, demand.maximum) == ("tool=default/pay", "1", "5")
    assert (demand.window_ms, demand.currency, demand.enforced) == (60_000, None, True)


def test_a_spend_counts_what_the_path_selects(policy: Any) -> None:
    limit = policy.spend("spend:x", "$['order']['total']", "99.50")
    policy.rule("spend_limit", limits=[limit])
    decision = policy.decide(arguments=b'{"order": {"total": 12.340e1}}')
    [demand] = decision.demands
    assert (demand.kind, demand.amount, demand.maximum) == ("spend", "123.4", "99.5")
    assert demand.currency == "GBP"


KEYS = {
    "tool": "tool=default/pay",
    "session": "session=s1",
    "agent": "agent=bot",
    "sender_id": "sender_id=u1",
    "upstream": "upstream=default",
    "global": "global=",
}
FACTS = {"session": "s1", "agent": "bot", "sender": "u1"}


@pytest.mark.parametrize("part", KEYS)
def test_keys(policy: Any, part: str) -> None:
    policy.rule("rate_limit", limits=[policy.rate("r", 5, [part])])
    [demand] = policy.decide("pay", **FACTS).demands
    assert demand.key == KEYS[part]


def test_a_key_of_all_parts(policy: Any) -> None:
    parts = list(reversed(KEYS))
    policy.rule("rate_limit", limits=[policy.rate("r", 5, parts)])
    [demand] = policy.decide("pay", **FACTS).demands
    assert demand.key == "|".join(KEYS[part] for part in parts)


def test_the_key_of_a_call_holds_its_arguments_by_value(policy: Any, make_call: Any) -> None:
    policy.rule("rate_limit", limits=[policy.rate("r", 5, ["call"])])
    evaluator = policy.evaluator()
    keys = []
    for arguments in (b'{"b": [1, "\\u0061"], "a": 1.50}', b'{"a":15e-1,"b":[1.0,"a"]}'):
        [demand] = evaluator.decide(make_call("pay", arguments), "default").demands
        keys.append(demand.key)
    digest = hashlib.sha256(b'{"a":1.5,"b":[1,"a"]}').hexdigest()
    assert keys == [f"call=default/pay/{digest}"] * 2
    [empty] = policy.decide("pay", None).demands
    assert empty.key == f"call=default/pay/{hashlib.sha256(b'{}').hexdigest()}"


def test_keys_are_encoded(policy: Any) -> None:
    policy.rule("rate_limit", limits=[policy.rate("r", 5, ["session", "tool"])])
    [demand] = policy.decide("a|b=%/ü", session="x|agent=y%25").demands
    assert demand.key == "session=x%7Cagent%3Dy%2525|tool=default/a%7Cb%3D%25/ü"


def test_an_unknown_session_falls_back_where_it_may(policy: Any) -> None:
    policy.rule("rate_limit", limits=[policy.rate("r", 5, ["session"])])
    [demand] = policy.decide(agent="bot", session_falls_back=True).demands
    assert demand.key == "agent=bot"
    [demand] = policy.decide(agent="bot", session="s", session_falls_back=True).demands
    assert demand.key == "session=s"
    assert policy.decide(agent="bot").fault == ("session_unresolved", 0, "session", "")
    without_agent = policy.decide(session_falls_back=True)
    assert without_agent.fault == ("session_unresolved", 0, "session", "")


@pytest.mark.parametrize(
    ("part", "name"), [("session", "session"), ("agent", "agent"), ("sender_id", "sender_id")]
)
def test_there_is_no_bucket_for_the_unknown(policy: Any, part: str, name: str) -> None:
    policy.rule("rate_limit", limits=[policy.rate("r", 5, ["tool", part])])
    decision = policy.decide()
    assert decision.fault == ("session_unresolved", 0, name, "")
    assert decision.demands == []
    assert not decision.has_demands


@pytest.mark.parametrize("amount", ["0", "-0", "1e2", "0.0000000000000000000000000001"])
def test_amounts(policy: Any, amount: str) -> None:
    policy.rule("spend_limit", limits=[policy.spend("s", "$['amount']", "5")])
    decision = policy.decide(arguments=f'{{"amount": {amount}}}'.encode())
    assert decision.fault is None
    assert len(decision.demands) == 1


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("{}", "nothing"),
        ("null", "nothing"),
        ('{"amount": "5000"}', 'string "5000"'),
        ('{"amount": -5}', "-5"),
        ('{"amount": null}', "null"),
        ('{"amount": true}', "true"),
        ('{"amount": [5]}', "array"),
        ('{"amount": {"value": 5}}', "object"),
        ('{"amount": 1e29}', "1e29"),
        ('{"amount": 0.12345678901234567890123456789}', "0.12345678901234567890123456789"),
        (json.dumps({"amount": "x" * 100}), 'string "' + "x" * 72),
    ],
)
def test_a_wrong_amount_is_a_fault(policy: Any, arguments: str, found: str) -> None:
    policy.rule("spend_limit", limits=[policy.spend("s", "$['amount']", "5")])
    decision = policy.decide(arguments=arguments.encode())
    assert decision.fault == ("invalid_amount", 0, "$.amount", found)
    assert decision.demands == []


def test_several_amounts_are_a_fault(policy: Any) -> None:
    policy.rule("spend_limit", limits=[policy.spend("s", "$['lines'][*]['total']", "5")])
    arguments = {"lines": [{"total": 1}, {"total": 2}, {"total": 3}]}
    fault = policy.decide(arguments=arguments).fault
    assert fault == ("invalid_amount", 0, "$.lines[*].total", "3 values")


def test_the_key_is_looked_at_before_the_amount(policy: Any) -> None:
    policy.rule("spend_limit", limits=[policy.spend("s", "$['amount']", "5", ["session"])])
    assert policy.decide().fault == ("session_unresolved", 0, "session", "")


def unknown(policy: Any) -> int:
    """A condition that cannot be judged."""
    condition: int = policy.globs("agent", "bot")
    return condition


def test_limits_come_from_all_who_take_part_in_rule_order(policy: Any) -> None:
    def limits(name: str) -> list[int]:
        return [policy.rate(name, 5)]

    policy.rule("rate_limit", unknown(policy), limits=limits("restricting"))
    policy.rule("rate_limit", policy.tool("x"), limits=limits("false"))
    policy.rule("deny", limits=limits("shadow deny"), shadow=True)
    policy.rule("rate_limit", limits=limits("shadow"), shadow=True)
    policy.rule("rate_limit", unknown(policy), limits=limits("shadow unknown"), shadow=True)
    policy.rule("allow", limits=[policy.rate("first", 5), policy.rate("second", 5)])
    policy.rule("allow", limits=limits("after"))
    assert summary(policy.decide()) == [
        ("restricting", 0, True),
        ("shadow", 3, False),
        ("shadow unknown", 4, False),
        ("first", 5, True),
        ("second", 5, True),
    ]


@pytest.mark.parametrize("action", ["allow", "require_approval", "rate_limit", "dry_run"])
def test_forwarding_actions_carry_their_limits(policy: Any, action: str) -> None:
    policy.rule(action, limits=[policy.rate("r", 5)])
    assert summary(policy.decide()) == [("r", 0, True)]


def test_a_deny_carries_limits_only_until(policy: Any) -> None:
    limit = policy.rate("r", 5)
    policy.rule("rate_limit", unknown(policy), limits=[policy.rate("restricting", 5)])
    policy.rule("deny", policy.tool("pay"), limits=[limit])
    policy.rule("deny", limits=[limit], until=True, requires=["verify"])
    assert summary(policy.decide("pay")) == [("restricting", 0, True)]
    assert summary(policy.decide("refund")) == [("restricting", 0, True), ("r", 2, True)]


def test_only_the_first_enforced_fault_is_told_but_all_of_shadow_rules(policy: Any) -> None:
    spend = policy.spend("s", "$['amount']", "5")
    keyed = policy.rate("r", 5, ["session"])
    policy.rule("rate_limit", limits=[keyed, spend], shadow=True)
    policy.rule("rate_limit", unknown(policy), limits=[spend])
    policy.rule("rate_limit", limits=[keyed, policy.rate("fine", 5)])
    decision = policy.decide()
    assert decision.fault == ("invalid_amount", 1, "$.amount", "nothing")
    assert decision.shadow_faults == [
        ("session_unresolved", 0, "session", ""),
        ("invalid_amount", 0, "$.amount", "nothing"),
    ]
    assert summary(decision) == [("fine", 2, True)]
