"""Records of calls as the pipeline writes them, for tests of what is told of them."""

from typing import Any


def intent(call_id: str, **more: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "record_kind": "tool_call",
        "timestamp": "2026-03-01T08:00:00.000000Z",
        "tool_name": "create_payment",
        "tool_input": '{"amount":7}',
        "upstream": "default",
        "policy_decision": "allow",
        "matched_rule": "pay",
        "matched_rule_index": 0,
        "charges": [],
        "facts": None,
        **more,
    }


def outcome(call_id: str, status: str = "answered", **more: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "status": status,
        "upstream_error": None,
        "total_duration_ms": 3.5,
        "upstream_response": "{}",
        **more,
    }


def blocked(call_id: str, reason: str = "policy_denied", **more: Any) -> dict[str, Any]:
    return {
        **intent(call_id),
        "policy_decision": "deny",
        "block_reason": reason,
        "feedback": {"message": "no", "suggestion": None},
        **more,
    }
