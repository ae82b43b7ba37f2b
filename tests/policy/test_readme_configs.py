"""The examples that users know load, and the compiled rules do what their comments say.

They lie in a folder `shared` beside the project, or where `HELIO_SHARED` says.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from helio.evaluator import Evaluator, tool_call
from helio.pipeline.governance import ActivePolicy
from helio.policy import Compiled, compile_text
from helio.policy.graph import Asking, Requirement
from pipeline.session_play import House

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(os.environ.get("HELIO_SHARED", PROJECT.parent / "shared")) / "readme-configs.yaml"
ENVIRONMENT = {"HELIO_DASHBOARD_SECRET": "0123456789abcdef0123456789abcdef"}
DAY = 24 * 60 * 60 * 1000


def example(number: int) -> str:
    if not EXAMPLES.exists():
        pytest.skip("readme-configs.yaml is not at hand: set HELIO_SHARED to its folder")
    documents = EXAMPLES.read_text("utf-8").split("\n---\n")
    assert len(documents) == 4
    return documents[number - 1]


def compiled(number: int, warnings: list[str]) -> Compiled:
    result = compile_text(example(number), environment=ENVIRONMENT)
    assert result.diagnostics.count("error") == 0
    found = [each.code for each in result.diagnostics if each.severity == "warning"]
    assert found == warnings
    return result


def action_of(result: Compiled, tool: str, **arguments: object) -> tuple[str, int]:
    assert result.policy is not None
    message = tool_call(tool, json.dumps(arguments).encode())
    decision = Evaluator(result.policy.graph).decide(message, "default")
    return decision.action, decision.rule


def test_the_whole_quick_start() -> None:
    result = compiled(1, ["HL108"])
    assert action_of(result, "delete_customer") == ("deny", 0)
    assert action_of(result, "search_orders") == ("rate_limit", 1)
    assert action_of(result, "create_payment", amount=10) == ("spend_limit", 2)
    assert action_of(result, "get_order") == ("allow", -1)
    assert result.policy is not None
    assert result.policy.rules[0].message == "Nothing may be deleted here"
    evaluator = Evaluator(result.policy.graph)
    (search,) = evaluator.decide(tool_call("search_orders", b"{}"), "default").demands
    assert (search.kind, search.key, search.maximum) == (
        "rate",
        "tool=default/search_orders",
        "100",
    )
    assert search.window_ms == 60 * 60 * 1000
    payment = tool_call("create_payment", b'{"amount": 12.34}')
    (spend,) = evaluator.decide(payment, "default").demands
    assert (spend.kind, spend.amount, spend.maximum) == ("spend", "12.34", "5000")
    assert (spend.currency, spend.window_ms) == ("GBP", DAY)
    assert result.config is not None
    assert (result.config.listen.port, result.config.dashboard.port) == (3000, 3100)
    assert result.config.audit.retention == 90 * DAY


def test_the_quick_start_needs_no_secret_to_be_compiled() -> None:
    result = compile_text(example(1), environment={}, purpose="compile")
    assert [each.code for each in result.diagnostics] == ["HL108", "HL202"]
    assert result.policy is not None
    assert compile_text(example(1), environment={}, purpose="run").policy is None


def test_payments_above_a_sum_wait_for_a_person() -> None:
    result = compiled(2, ["HL425"])
    assert action_of(result, "create_payment", amount=1000) == ("allow", -1)
    assert action_of(result, "create_payment", amount=1000.01) == ("require_approval", 0)
    assert result.policy is not None
    assert ActivePolicy(result.policy).asking == {0: Asking()}


def test_a_refund_is_denied_until_its_order_was_looked_up() -> None:
    result = compiled(3, [])
    assert action_of(result, "process_refund") == ("deny", 0)
    assert result.policy is not None
    (rule,) = result.policy.rules
    assert (rule.until, rule.evidence) == (True, (Requirement("orders.lookup"),))
    assert [each.code for each in result.diagnostics] == ["HL417"]


def house(number: int) -> House:
    """Calls of one session under an example."""
    policy = compiled(number, []).policy
    assert policy is not None
    played = House("{}")
    played.governance = replace(played.governance, policy=ActivePolicy(policy))
    return played


def test_the_refund_passes_when_its_order_was_looked_up() -> None:
    played = house(3)
    assert played.call("process_refund")["block_reason"] == "evidence_missing"
    played.call("orders.lookup")
    assert played.call("process_refund")["policy_decision"] == "allow"


def test_the_refund_passes_when_both_tools_succeeded() -> None:
    played = house(4)
    for tool in ("orders.lookup", "customer.verify"):
        assert played.call("process_refund")["block_reason"] == "dependency_missing"
        played.call(tool)
    assert played.call("process_refund")["policy_decision"] == "allow"


def test_without_an_action_a_rule_with_requires_allows() -> None:
    result = compiled(4, [])
    assert action_of(result, "process_refund") == ("allow", 0)
    assert result.policy is not None
    (rule,) = result.policy.rules
    assert (rule.until, rule.requires) == (False, ("orders.lookup", "customer.verify"))
