"""The oracle's walk: the table of docs/architecture.md, "The three values", by hand."""

from collections.abc import Mapping
from typing import Any

import pytest

from oracle.build import GraphBuilder
from oracle.demands import Caller, Demand, Fault
from oracle.graph import Decision, Facts, Graph
from oracle.strict_json import parse

HOUR = 3_600_000
# With these arguments `$.amount > 1000` is, in this order, true, false and indeterminate.
TRUE, FALSE, INDETERMINATE = b'{"amount":2000}', b'{"amount":5}', b'{"amount":"2000"}'


def facts(arguments: bytes = b"{}", tool: str = "pay", **known: Any) -> Facts:
    """Return the facts of a call; `known` are fields of `Caller` or of `Facts`."""
    value = parse(arguments)
    assert isinstance(value, dict)
    names = Caller.__dataclass_fields__.keys() & known.keys()
    caller = Caller("default", tool, "c0ffee", **{name: known.pop(name) for name in names})
    return Facts(caller, value, **known)


def decide(builder: GraphBuilder, given: Facts) -> Decision:
    return Graph(builder.text()).decide(given)


def amount_rule(action: str, **fields: Any) -> GraphBuilder:
    """Return a policy of one rule, `$.amount > 1000`, with the given action."""
    builder = GraphBuilder()
    limits = [builder.rate("rate:a:tool:3600000", "3", HOUR)] if fields.pop("limited", 0) else []
    condition = builder.selecting("input", "$.amount", [("gt", "1000")])
    builder.rule([condition], action, limits=limits, **fields)
    return builder


@pytest.mark.parametrize("action", ["allow", "deny", "dry_run", "rate_limit", "require_approval"])
def test_a_true_rule_decides_and_a_false_one_does_not(action: str) -> None:
    decision = decide(amount_rule(action), facts(TRUE))
    assert (decision.rule, decision.action, decision.indeterminate) == (0, action, [])
    decision = decide(amount_rule(action), facts(FALSE))
    assert (decision.rule, decision.action, decision.restricting) == (-1, "allow", [])


@pytest.mark.parametrize(
    ("action", "fields", "rule", "restricting"),
    [
        ("deny", {}, 0, []),
        ("deny", {"until": True, "requires": ["look"]}, 0, []),
        ("dry_run", {}, 0, []),
        ("allow", {}, -1, []),
        ("allow", {"requires": ["look"]}, -1, [0]),
        ("allow", {"evidence": [{"tool": "look", "bind": []}]}, -1, [0]),
        ("allow", {"limited": True}, -1, [0]),
        ("rate_limit", {"limited": True}, -1, [0]),
        ("require_approval", {}, -1, [0]),
    ],
)
def test_an_indeterminate_rule_never_widens(
    action: str, fields: dict[str, Any], rule: int, restricting: list[int]
) -> None:
    decision = decide(amount_rule(action, **fields), facts(INDETERMINATE))
    assert decision.indeterminate == [0]
    assert (decision.rule, decision.restricting) == (rule, restricting)
    assert decision.action == ("allow" if rule == -1 else action)


@pytest.mark.parametrize("arguments", [TRUE, INDETERMINATE])
def test_a_shadow_rule_is_reported_and_passed(arguments: bytes) -> None:
    builder = amount_rule("deny", shadow=True)
    builder.rule(action="dry_run")
    decision = decide(builder, facts(arguments))
    assert (decision.rule, decision.action) == (1, "dry_run")
    assert decision.shadow == [(0, "deny")]
    assert decide(builder, facts(FALSE)).shadow == []


def test_the_first_match_wins_and_the_default_comes_last() -> None:
    builder = GraphBuilder(default="deny")
    builder.rule([builder.named("tool", ["read_*"])], "allow")
    builder.rule([builder.named("tool", ["read_mail", "send_mail"])], "dry_run")
    assert decide(builder, facts(tool="read_mail")).rule == 0
    assert decide(builder, facts(tool="send_mail")).rule == 1
    assert decide(builder, facts(tool="Read_mail")).action == "deny"


@pytest.mark.parametrize(
    ("hints", "destructive", "assumed"),
    [
        ({}, True, ["destructiveHint"]),
        ({"readOnlyHint": True}, False, []),
        ({"readOnlyHint": False}, True, ["destructiveHint"]),
        ({"destructiveHint": True}, True, []),
        ({"destructiveHint": False}, False, []),
        ({"readOnlyHint": True, "destructiveHint": True}, False, []),
    ],
)
def test_annotations_take_the_defaults(
    hints: Mapping[str, bool], destructive: bool, assumed: list[str]
) -> None:
    builder = GraphBuilder()
    builder.rule([builder.annotation("destructiveHint", destructive)], "deny")
    decision = decide(builder, facts(hints=hints))
    assert (decision.rule, decision.assumed_hints) == (0, assumed)
    builder = GraphBuilder()
    builder.rule([builder.annotation("destructiveHint", not destructive)], "deny")
    assert decide(builder, facts(hints=hints)).rule == -1


def test_assumed_hints_come_in_the_order_of_mcp() -> None:
    builder = GraphBuilder()
    hints = (("openWorldHint", True), ("idempotentHint", False), ("readOnlyHint", False))
    builder.rule([builder.annotation(hint, value) for hint, value in hints], "deny")
    assert decide(builder, facts()).assumed_hints == [
        "readOnlyHint",
        "idempotentHint",
        "openWorldHint",
    ]


@pytest.mark.parametrize(
    ("node", "known", "rule", "indeterminate"),
    [
        ("labels", {"labels": frozenset({"a", "b", "c"})}, 0, []),
        ("labels", {"labels": frozenset({"a"})}, -1, []),
        ("called", {"called": frozenset({"a", "b"})}, 0, []),
        ("called", {"called": frozenset({"b"})}, -1, []),
        ("not_called", {"called": frozenset({"c"})}, 0, []),
        ("not_called", {"called": frozenset({"b"})}, -1, []),
        *((node, {}, -1, [0]) for node in ("labels", "called", "not_called")),
    ],
)
def test_what_a_session_has_seen(
    node: str, known: dict[str, Any], rule: int, indeterminate: list[int]
) -> None:
    builder = GraphBuilder()
    builder.rule([builder.names(node, ["a", "b"])], "allow")
    decision = decide(builder, facts(**known))
    assert (decision.rule, decision.indeterminate) == (rule, indeterminate)


def test_who_calls() -> None:
    builder = GraphBuilder()
    builder.rule([builder.named("agent", ["support-*"])], "deny")
    assert decide(builder, facts(agent="support-1")).rule == 0
    assert decide(builder, facts(agent="sales-1")).rule == -1
    assert decide(builder, facts()).indeterminate == [0]


def test_metadata_selects_nothing_where_there_is_none() -> None:
    builder = GraphBuilder()
    builder.rule([builder.selecting("metadata", "$.channel", [("eq", '"C1"')])], "deny")
    assert decide(builder, facts()).rule == -1
    known: dict[str, Any] = {"metadata": {"channel": "C1"}, "has_metadata": True}
    assert decide(builder, facts(**known)).rule == 0


def test_a_constant_is_false() -> None:
    builder = GraphBuilder()
    builder.rule([builder.add("constant", value=False, text="environment: production")], "deny")
    assert decide(builder, facts()).rule == -1


def test_the_demands_of_all_that_applies() -> None:
    builder = GraphBuilder()
    unclear = builder.selecting("input", "$.amount", [("gt", "1000")])
    first = builder.rate("rate:one:session:1000", "2", 1000, ["session", "agent"])
    second = builder.spend("spend:two:call:1000:$.price:GBP", "9.5", 1000, "$.price", key=["call"])
    builder.rule([unclear], "rate_limit", limits=[first])
    builder.rule(action="spend_limit", limits=[second], shadow=True)
    builder.rule(action="deny", limits=[first])
    decision = decide(builder, facts(b'{"amount":"x","price":1.50}', session="a|b", agent="50%=c"))
    assert decision.demands == [
        Demand(
            "rate:one:session:1000", 0, "rate", "session=a%7Cb|agent=50%25%3Dc", "1", "2", 1000,
            None, True,
        ),
        Demand(
            "spend:two:call:1000:$.price:GBP", 1, "spend", "call=default/pay/c0ffee", "1.5", "9.5",
            1000, "GBP", False,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "known", "expected"),
    [
        ("tool", {}, "tool=default/pay"),
        ("upstream", {}, "upstream=default"),
        ("global", {}, "global="),
        ("call", {}, "call=default/pay/c0ffee"),
        ("session", {"session": "s"}, "session=s"),
        ("session", {"agent": "a", "session_falls_back": True}, "agent=a"),
        ("session", {"agent": "a"}, None),
        ("session", {"session_falls_back": True}, None),
        ("agent", {"agent": "a"}, "agent=a"),
        ("agent", {"session": "s", "session_falls_back": True}, None),
        ("sender_id", {"sender": "u"}, "sender_id=u"),
        ("sender_id", {}, None),
    ],
)
def test_keys(key: str, known: dict[str, Any], expected: str | None) -> None:
    builder = GraphBuilder()
    builder.rule(action="rate_limit", limits=[builder.rate(f"rate:a:{key}:1", "1", 1, [key])])
    decision = decide(builder, facts(**known))
    if expected is None:
        assert decision.demands == []
        assert decision.fault == Fault("session_unresolved", 0, key, "")
    else:
        assert [demand.key for demand in decision.demands] == [expected]
        assert decision.fault is None


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (b"{}", "nothing"),
        (b'{"p":[{"x":1},{"x":2}]}', "2 values"),
        (b'{"p":[{"x":"5000"}]}', 'string "5000"'),
        (b'{"p":[{"x":-5}]}', "-5"),
        (b'{"p":[{"x":1e28}]}', "1e28"),
        (b'{"p":[{"x":null}]}', "null"),
        (b'{"p":[{"x":true}]}', "true"),
        (b'{"p":[{"x":[1]}]}', "array"),
        (b'{"p":[{"x":{}}]}', "object"),
    ],
)
def test_a_wrong_amount(arguments: bytes, found: str) -> None:
    for shadow in (False, True):
        builder = GraphBuilder()
        limit = builder.spend("spend:a:tool:1:p[*].x:GBP", "5", 1, "$.p[*].x")
        builder.rule(action="spend_limit", limits=[limit], shadow=shadow)
        decision = decide(builder, facts(arguments))
        fault = Fault("invalid_amount", 0, "$.p[*].x", found)
        assert decision.fault == (None if shadow else fault)
        assert decision.shadow_faults == ([fault] if shadow else [])
