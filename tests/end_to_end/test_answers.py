"""What an agent gets for each action, in both forms, and what the audit keeps of it."""

import json
from typing import Any

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.wire import Reply, call, request

pytestmark = pytest.mark.end_to_end

POLICIES = """
policies:
  blocked_as: %s
  rules:
    - { name: gone, match: { tool: 'delete_*' }, action: deny,
        feedback: { message: 'Nothing is deleted here', suggestion: 'Archive it' } }
    - { name: big, match: { tool: create_payment, input: { '$.amount': { gt: 1000 } } },
        action: deny }
    - { name: slow, match: { tool: 'search_*' }, action: rate_limit,
        limits: { max_calls: 2, window: 1h } }
    - { name: daily, match: { tool: create_payment }, action: spend_limit,
        limits: { max_spend: { field: amount, limit: 100.50, currency: GBP, window: 24h } } }
    - { name: mine, match: { tool: list_orders }, action: rate_limit,
        limits: { max_calls: 1, window: 1h, key: session } }
    - { name: rehearsed, match: { tool: refund }, action: dry_run }
    - { name: trial, match: { tool: read_mail }, action: deny, shadow: true }
"""

SHARED = {"blocked", "reason", "rule", "rule_index", "action", "message", "suggestion"} | {
    "retry_allowed",
    "call_id",
    "policy",
}


@pytest.fixture(params=["tool_result", "error"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def check_form(reply: Reply, form: str) -> dict[str, Any]:
    """The blocked object, after checking that it stands where the form puts it."""
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("application/json")
    message = reply.message
    assert (message["jsonrpc"], message["id"]) == ("2.0", 1)
    if form == "error":
        assert message["error"]["code"] == -31001
        assert message["error"]["message"].startswith("Blocked: ")
        return dict(message["error"]["data"])
    result = message["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("Blocked: ")
    if "structuredContent" in result:
        assert result["structuredContent"] == result["_meta"]["helio/blocked"]
    return dict(result["_meta"]["helio/blocked"])


def test_each_action_answers_as_documented(
    helio: HelioFactory, recorder: Recorder, form: str
) -> None:
    process = helio(POLICIES % form, upstream=recorder.url)
    url = process.mcp_url

    def blocked(tool: str, arguments: object = None, **keywords: Any) -> dict[str, Any]:
        found = check_form(call(url, tool, arguments, **keywords), form)
        assert set(found) >= SHARED
        return found

    denied = blocked("delete_order")
    assert (denied["reason"], denied["rule"], denied["rule_index"]) == ("policy_denied", "gone", 0)
    assert (denied["message"], denied["suggestion"]) == ("Nothing is deleted here", "Archive it")
    assert "policy_reason" in denied

    for _ in range(2):
        assert call(url, "search_orders").blocked is None
    limited = blocked("search_orders")
    assert (limited["reason"], limited["retry_allowed"]) == ("rate_limited", True)
    assert (limited["current_calls"], limited["max_calls"]) == (2, 2)
    assert (limited["window_seconds"], limited["key"]) == (3600, "tool")
    assert limited["reset_at"].endswith("Z")

    assert call(url, "create_payment", {"amount": 100.25}).blocked is None
    spent = blocked("create_payment", {"amount": 0.26})
    assert spent["reason"] == "spend_limited"
    assert (spent["current_spend"], spent["max_spend"]) == (100.25, 100.5)
    assert (spent["attempted_amount"], spent["currency"]) == (0.26, "GBP")
    assert call(url, "create_payment", {"amount": 0.25}).blocked is None  # exactly the maximum
    assert blocked("create_payment", {"amount": 200})["retry_allowed"] is False

    wrong = blocked("create_payment", {"amount": "7"})
    assert wrong["reason"] in ("policy_denied", "invalid_amount")
    wrong = blocked("create_payment", {"amount": -7})
    assert (wrong["reason"], wrong["field"]) == ("invalid_amount", "$.amount")

    nobody = blocked("list_orders")
    assert (nobody["reason"], nobody["tried"]) == (
        "session_unresolved",
        ["x-helio-session-id", "mcp-session-id"],
    )
    assert call(url, "list_orders", session="s1").blocked is None
    assert call(url, "list_orders", session="s2").blocked is None
    assert blocked("list_orders", session="s1")["key"] == "session"

    rehearsal = call(url, "refund").message["result"]
    told = rehearsal["_meta"]["helio/dry_run"]
    assert (told["dry_run"], told["would_forward"], told["decision"]) == (True, True, "allow")

    assert call(url, "read_mail").blocked is None  # a shadow rule blocks nothing

    forwarded = [json.loads(body)["params"]["name"] for body in recorder.arrived()]
    assert sorted(forwarded) == sorted(
        ["search_orders"] * 2 + ["create_payment"] * 2 + ["list_orders"] * 2 + ["read_mail"]
    )

    rows = process.calls()
    assert len(rows) == 16
    decisions = [row["policy_decision"] for row in rows]
    assert decisions.count("allow") == 7
    assert decisions.count("rate_limited") == 2
    assert decisions.count("spend_limited") == 2
    assert decisions.count("dry_run") == 1
    assert rows[0]["matched_rule"] == "gone"
    assert {row["session_id"] for row in rows} == {None, "s1", "s2"}
    shadowed = rows[-1]
    assert shadowed["shadow"] is not None
    assert shadowed["policy_decision"] == "allow"
    assert all(row["policy_digest"].startswith("sha256:") for row in rows)


def test_a_policy_in_shadow_blocks_nothing_and_says_what_it_would_have(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio("policies: { shadow: true, default: deny }", upstream=recorder.url)
    assert call(process.mcp_url, "delete_order").blocked is None
    (row,) = process.calls()
    assert row["policy_decision"] == "allow"
    assert "policy_denied" in json.dumps(row["shadow"])


def test_a_dry_run_policy_forwards_nothing(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("policies: { dry_run: true }", upstream=recorder.url)
    told = call(process.mcp_url, "delete_order").message["result"]["_meta"]["helio/dry_run"]
    assert told["would_forward"] is True
    assert recorder.arrived() == []
    (row,) = process.calls()
    assert (row["policy_decision"], row["dry_run"]) == ("dry_run", True)


def test_annotations_come_from_the_upstream_and_defaults_are_said(
    helio: HelioFactory, recorder: Recorder
) -> None:
    rule = "{ name: d, match: { annotations: { destructiveHint: true } }, action: deny }"
    process = helio(f"policies: {{ rules: [{rule}] }}", upstream=recorder.url)
    assert call(process.mcp_url, "read_mail").blocked is None
    blocked = call(process.mcp_url, "create_payment").blocked
    assert "destructiveHint" in blocked["assumed_annotations"]
    (_, row) = process.calls()
    assert "destructiveHint" in json.dumps(row["assumed_annotations"])


def test_an_upstream_error_is_passed_on_and_recorded(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = lambda _: {"error": {"code": -32000, "message": "no stock"}}
    process = helio("", upstream=recorder.url)
    assert call(process.mcp_url, "create_payment").message["error"]["message"] == "no stock"
    (row,) = process.calls()
    assert row["policy_decision"] == "allow"
    assert "no stock" in row["upstream_error"]


def test_an_answer_with_keys_that_differ_by_case_passes(
    helio: HelioFactory, recorder: Recorder
) -> None:
    recorder.answer = lambda _: {"result": {"content": [], "_meta": {"a": 1, "A": 2}}}
    process = helio("", upstream=recorder.url)
    assert call(process.mcp_url, "read_mail").message["result"]["_meta"] == {"a": 1, "A": 2}
    (row,) = process.calls()
    assert row["upstream_error"] is None


def test_an_upstream_that_is_away_is_said_and_charges_nothing(
    helio: HelioFactory, recorder: Recorder
) -> None:
    limit = "{ name: once, action: rate_limit, limits: { max_calls: 1, window: 1h } }"
    process = helio(f"policies: {{ rules: [{limit}] }}", upstream="http://127.0.0.1:1/mcp")
    for _ in range(2):
        error = call(process.mcp_url, "read_mail").message["error"]
        assert error["data"]["reason"] == "upstream_connect_failed"
    rows = process.calls()
    assert [row["outcome"] for row in rows] == ["not_forwarded", "not_forwarded"]


def test_methods_other_than_calls_pass_untouched(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("policies: { default: deny }", upstream=recorder.url)
    body = b'{"jsonrpc":"2.0","id":1,"method":"prompts/list",  "params":{}}'
    reply = request(process.mcp_url, body)
    assert reply.message["error"]["code"] == -32601
    notification = b'{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'
    assert request(process.mcp_url, notification).status == 202
    answer = b'{"jsonrpc":"2.0","id":9,"result":{}}'
    assert request(process.mcp_url, answer).status == 202
    assert recorder.arrived() == [body, notification, answer]
    assert request(process.mcp_url, None, method="GET").status == 405
    assert request(process.mcp_url, None, method="DELETE").status == 204
    assert process.calls() == []
