"""Budgets from text to graph: pots, keys, identities, and what stands there for nothing."""

from typing import Any

import orjson
import pytest

from helio.diagnostics import Span
from helio.evaluator import Evaluator, tool_call
from helio.policy import BudgetSummary, Compiled, CompiledPolicy, compile_text
from helio.policy.graph import Asking

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\nbudgets:\n"
BUDGET = "{ name: spend, limit: 500.50, currency: GBP, window: 24h, contributors: [" + (
    "{ match: { tool: pay }, field: amount }, { match: { tool: 'send_*' }, amount: 1.20 }] }"
)


def compiled(*budgets: str) -> Compiled:
    return compile_text(HEAD + "".join(f"  - {budget}\n" for budget in budgets))


def policy(*budgets: str) -> CompiledPolicy:
    result = compiled(*budgets)
    assert result.policy is not None, [each.message for each in result.diagnostics]
    return result.policy


def changed(old: str, new: str) -> str:
    assert BUDGET.count(old) == 1
    return BUDGET.replace(old, new)


def nodes(found: CompiledPolicy, kind: str) -> list[dict[str, Any]]:
    return [node for node in orjson.loads(found.graph)["nodes"] if node["node"] == kind]


def codes(*budgets: str) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in compiled(*budgets).diagnostics]


def test_a_budget_in_the_graph() -> None:
    found = policy(BUDGET)
    graph = orjson.loads(found.graph)
    assert orjson.dumps(graph, option=orjson.OPT_SORT_KEYS) == found.graph
    (budget,) = (graph["nodes"][at] for at in graph["budgets"])
    contributors = [graph["nodes"][at] for at in budget.pop("contributors")]
    assert budget == {
        "node": "budget",
        "id": "budget:spend:global:86400000:GBP",
        "name": "spend",
        "maximum": "500.5",
        "currency": "GBP",
        "window_ms": 86_400_000,
        "idle_ttl_ms": None,
        "key": ["global"],
        "on_exceed": "deny",
        "approval": None,
    }
    assert [one.get("amount") for one in contributors] == [None, "1.2"]
    assert graph["nodes"][contributors[0]["path"]]["path"] == "$['amount']"


def test_a_summary_of_each() -> None:
    assert policy(BUDGET).budgets == (
        BudgetSummary(
            name="spend",
            id="budget:spend:global:86400000:GBP",
            stem="budget:spend:",
            limit="500.5",
            currency="GBP",
            window_ms=86_400_000,
            idle_ttl_ms=None,
            key=("global",),
            on_exceed="deny",
            approval=Asking(),
            span=Span(4, 5, 4, 6),
        ),
    )
    without_source = {
        name: value
        for name, value in orjson.loads(policy(BUDGET).graph).items()
        if name != "source"
    }
    assert CompiledPolicy.from_graph(orjson.dumps(without_source)).budgets[0].span is None


def test_without_budgets_nothing_is_said_of_them() -> None:
    text = HEAD.replace("budgets:\n", "budgets: []\n")
    found = compile_text(text).policy
    assert found is not None
    assert found.budgets == ()
    assert "budgets" not in orjson.loads(found.graph)
    assert compile_text(text.replace("budgets: []\n", "")).policy == found


@pytest.mark.parametrize(
    ("settings", "identity", "key", "idle_ttl_ms"),
    [
        ("window: 1h", "global:3600000", ["global"], None),
        ("window: 1h, key: agent", "agent:3600000", ["agent"], None),
        ("window: 60m, key: session", "session:3600000", ["session"], None),
        ("window: session", "session:session", ["session"], 86_400_000),
        ("window: session, key: session", "session:session", ["session"], 86_400_000),
        ("window: session, key: global", "session:session", ["session"], 86_400_000),
        (
            "window: session, key: sender_id, idle_ttl: 1h",
            "session+sender_id:session",
            ["session", "sender_id"],
            3_600_000,
        ),
    ],
)
def test_windows_and_keys(
    settings: str, identity: str, key: list[str], idle_ttl_ms: int | None
) -> None:
    (budget,) = nodes(policy(changed("window: 24h", settings)), "budget")
    assert budget["id"] == f"budget:spend:{identity}:GBP"
    assert (budget["key"], budget["idle_ttl_ms"]) == (key, idle_ttl_ms)
    assert (budget["window_ms"] is None) == (idle_ttl_ms is not None)


@pytest.mark.parametrize(
    ("old", "new", "same_history"),
    [
        ("limit: 500.50", "limit: 5", True),
        ("field: amount", "field: total", True),
        ("amount: 1.20", "amount: 2", True),
        ("currency: GBP", "currency: EUR", False),
        ("window: 24h", "window: 23h", False),
        ("window: 24h", "window: session", False),
        ("window: 24h", "window: 24h, key: agent", False),
        ("name: spend", "name: spending", False),
    ],
)
def test_what_keeps_its_history(old: str, new: str, same_history: bool) -> None:
    before, after = policy(BUDGET), policy(changed(old, new))
    assert (before.budgets[0].id == after.budgets[0].id) == same_history
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("field: amount", "field: '$.amount'"),
        ("limit: 500.50", "limit: 500.5"),
        ("window: 24h", "window: 1d"),
        ("window: 24h", "window: 24h, key: global, on_exceed: deny"),
    ],
)
def test_what_means_nothing(old: str, new: str) -> None:
    assert policy(BUDGET).digest == policy(changed(old, new)).digest


def test_the_order_of_contributors_counts() -> None:
    first, second = "{ match: { tool: pay }, field: amount }", "{ match: { tool: pay }, amount: 2 }"
    head = "{ name: s, limit: 5, currency: GBP, window: 1h, contributors: "
    one, other = (
        policy(f"{head}[{both}] }}") for both in (f"{first}, {second}", f"{second}, {first}")
    )
    assert one.digest != other.digest


def test_calls_are_held_against_them() -> None:
    evaluator = Evaluator(policy(BUDGET, changed("name: spend", "name: also")).graph)
    decision = evaluator.decide(tool_call("pay", b'{"amount":3}'), "default")
    assert [(each.budget, each.amount) for each in decision.budgets] == [
        ("spend", "3"),
        ("also", "3"),
    ]
    decision = evaluator.decide(tool_call("send_mail", b"{}"), "default")
    assert [each.amount for each in decision.budgets] == ["1.2", "1.2"]
    assert not evaluator.decide(tool_call("read", b"{}"), "default").has_budgets


def test_who_is_asked_is_in_the_graph() -> None:
    asking = "on_exceed: require_approval, approval: { channel: dashboard, timeout: 5s }"
    result = compiled(changed("window: 24h", f"window: 24h, {asking}"))
    assert list(result.diagnostics) == []
    assert result.policy is not None
    (budget,) = nodes(result.policy, "budget")
    assert budget["on_exceed"] == "require_approval"
    assert budget["approval"] == {
        "channel": "dashboard",
        "timeout_ms": 5000,
        "escalation_after_ms": None,
        "delegates": [],
    }


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        ([BUDGET, BUDGET], [("HL421", "budgets[1].name")]),
        (
            [changed("window: 24h", "window: 24h, idle_ttl: 1h")],
            [("HL422", "budgets[0].idle_ttl")],
        ),
        (
            [changed("window: 24h", "window: 24h, approval: { timeout: 5s }")],
            [("HL422", "budgets[0].approval")],
        ),
        (
            [
                changed(
                    "window: 24h",
                    "window: 24h, on_exceed: require_approval, approval: { channel: x }",
                )
            ],
            [("HL412", "budgets[0].approval.channel"), ("HL425", "budgets[0].approval")],
        ),
        (
            ["{ name: a, limit: 5, currency: GBP, window: 1h, contributors: [] }"],
            [("HL105", "budgets[0].contributors")],
        ),
        (
            [changed("{ match: { tool: pay }, field: amount }", "{ field: amount }")],
            [("HL101", "budgets[0].contributors[0]")],
        ),
        (
            [changed("match: { tool: pay }", "match: {}")],
            [("HL105", "budgets[0].contributors[0].match")],
        ),
        (
            [changed("tool: pay", "agent: a")],
            [("HL102", "budgets[0].contributors[0].match.agent")],
        ),
        (
            [changed("field: amount", "field: 'items[*].price'")],
            [("HL416", "budgets[0].contributors[0].field")],
        ),
        (
            [changed("field: amount", "field: 'a b'")],
            [("HL404", "budgets[0].contributors[0].field")],
        ),
        (
            [changed("amount: 1.20", "amount: -1")],
            [("HL105", "budgets[0].contributors[1].amount")],
        ),
        (
            [changed("limit: 500.50", "limits: 5")],
            [("HL101", "budgets[0]"), ("HL102", "budgets[0].limits")],
        ),
    ],
)
def test_findings(budgets: list[str], expected: list[tuple[str, str]]) -> None:
    assert sorted(codes(*budgets)) == sorted(expected)


def test_too_many_are_refused() -> None:
    several = [changed("name: spend", f"name: s{number}") for number in range(1001)]
    assert codes(*several) == [("HL419", "policies.rules")]
