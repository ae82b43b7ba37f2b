"""What agents are told, in both forms."""

import json

from helio.governance.feedback import (
    Block,
    blocked_answer,
    dry_run_answer,
    instant,
    key_names,
    seconds,
    upstream_failure_answer,
)

BLOCK = Block(
    reason="policy_denied",
    decision="deny",
    action="deny",
    message="Orders are not deleted by agents",
    suggestion="Ask support",
    rule="refunds",
    rule_index=3,
    details={"policy_reason": "Rule `refunds` denies this call."},
)
OBJECT = {
    "blocked": True,
    "reason": "policy_denied",
    "rule": "refunds",
    "rule_index": 3,
    "action": "deny",
    "message": "Orders are not deleted by agents",
    "suggestion": "Ask support",
    "retry_allowed": False,
    "policy_reason": "Rule `refunds` denies this call.",
    "call_id": "c1",
    "policy": "sha256:00",
}
TEXT = "Blocked: Orders are not deleted by agents. Ask support."


def test_a_blocked_call_is_a_tool_result() -> None:
    body = blocked_answer(b"7", BLOCK, "c1", "sha256:00", "tool_result", declares_output=False)
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {
            "isError": True,
            "content": [{"type": "text", "text": TEXT}],
            "_meta": {"helio/blocked": OBJECT},
            "structuredContent": OBJECT,
        },
    }


def test_a_tool_with_an_output_schema_gets_no_structured_content() -> None:
    body = blocked_answer(b"7", BLOCK, "c1", "sha256:00", "tool_result", declares_output=True)
    assert "structuredContent" not in json.loads(body)["result"]


def test_a_blocked_call_is_a_json_rpc_error_when_asked_for() -> None:
    body = blocked_answer(b'"a"', BLOCK, "c1", "sha256:00", "error", declares_output=False)
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": "a",
        "error": {"code": -31001, "message": TEXT, "data": OBJECT},
    }


def test_the_id_comes_back_as_it_was_written() -> None:
    raw = b'"\\u0061 very special id"'
    body = blocked_answer(raw, BLOCK, "c1", "sha256:00", "error", declares_output=False)
    assert b'"id":' + raw in body


def test_a_dry_run_stands_in_text_and_meta() -> None:
    told = {"dry_run": True, "would_forward": True}
    result = json.loads(dry_run_answer(b"1", told, declares_output=False))["result"]
    assert result["isError"] is False
    assert json.loads(result["content"][0]["text"]) == told
    assert result["_meta"]["helio/dry_run"] == told


def test_an_upstream_failure_is_an_error_with_a_reason() -> None:
    answer = json.loads(upstream_failure_answer(b"1", "upstream_timeout", "No answer.", "c1"))
    assert answer["error"] == {
        "code": -31002,
        "message": "No answer.",
        "data": {"reason": "upstream_timeout", "call_id": "c1"},
    }


def test_key_names_hide_whom_a_window_is_for() -> None:
    assert key_names("tool=default/create_payment") == "tool"
    assert key_names("session=secret-session|tool=default/a") == ["session", "tool"]


def test_times_are_iso_8601_utc() -> None:
    assert instant(1_767_323_045_678_901_234) == "2026-01-02T03:04:05.678901Z"
    assert instant(0) == "1970-01-01T00:00:00.000000Z"


def test_whole_seconds_stay_whole() -> None:
    assert seconds(3_600_000) == 3600
    assert isinstance(seconds(3_600_000), int)
    assert seconds(500) == 0.5


def test_results_of_a_modern_call_say_their_type() -> None:
    blocked = blocked_answer(
        b"7", BLOCK, "c1", "sha256:00", "tool_result", declares_output=False, modern=True
    )
    legacy = blocked_answer(b"7", BLOCK, "c1", "sha256:00", "tool_result", declares_output=False)
    rehearsed = dry_run_answer(b"7", {"dry_run": True}, declares_output=True, modern=True)
    assert json.loads(blocked)["result"].pop("resultType") == "complete"
    assert json.loads(rehearsed)["result"]["resultType"] == "complete"
    assert "resultType" not in json.loads(legacy)["result"]
    without = json.loads(blocked)
    del without["result"]["resultType"]
    assert without == json.loads(legacy)


def test_errors_are_the_same_in_every_revision() -> None:
    modern, legacy = (
        blocked_answer(
            b"7", BLOCK, "c1", "sha256:00", "error", declares_output=False, modern=modern
        )
        for modern in (True, False)
    )
    assert modern == legacy
