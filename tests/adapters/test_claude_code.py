"""The hook of Claude Code: nothing but a decision lets a call go on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.standing_in import Port, standing_in
from helio.adapters.claude_code import GO_ON, REFUSED, TOLD, Hook, Unreachable, settings
from helio.adapters.client import AdapterClient
from helio.adapters.kept import KeptEvaluations

EVENT: dict[str, Any] = {
    "session_id": "s1",
    "transcript_path": "/t.jsonl",
    "cwd": "/project",
    "permission_mode": "default",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": "rm -rf build"},
    "tool_use_id": "toolu_1",
}
ENDED = EVENT | {"hook_event_name": "PostToolUse", "tool_response": {"stdout": "done"}}
FAILED = EVENT | {"hook_event_name": "PostToolUseFailure", "error": "exit 1"}
ALLOWED = {"evaluation_id": "e1", "decision": "allow"}
DENIED = {
    "evaluation_id": "e2",
    "decision": "deny",
    "reason": "policy_denied",
    "matched_rule": "nothing-is-deleted",
    "feedback": {"message": "Nothing is deleted", "suggestion": "Ask a person."},
}


@pytest.fixture
def port() -> Iterator[Port]:
    with standing_in() as running:
        running.body = ALLOWED
        yield running


def hook(
    port: Port, directory: Path, unreachable: Unreachable = "deny", skipped: tuple[str, ...] = ()
) -> Hook:
    client = AdapterClient(port.url, token="t")
    return Hook(client, KeptEvaluations(directory / "kept"), skipped, unreachable, "ann")


def test_what_is_allowed_is_left_to_the_clients_own_permissions(port: Port, tmp_path: Path) -> None:
    assert hook(port, tmp_path).reply(json.dumps(EVENT)) == (GO_ON, "", "")
    assert port.asked == [
        (
            "/evaluate",
            "t",
            {
                "origin": "claude-code",
                "agent_id": "ann",
                "session_id": "s1",
                "tool": {"name": "Bash"},
                "arguments": {"command": "rm -rf build"},
                "metadata": {"cwd": "/project", "permission_mode": "default"},
            },
        )
    ]


@pytest.mark.parametrize(
    "decision",
    ["deny", "require_approval", "rate_limited", "spend_limited", "budget_exceeded", "dry_run"],
)
def test_what_is_not_allowed_is_denied_with_what_to_do(
    port: Port, tmp_path: Path, decision: str
) -> None:
    port.body = DENIED | {"decision": decision}
    reply = hook(port, tmp_path).reply(json.dumps(EVENT))
    assert (reply.code, reply.errors) == (GO_ON, "")
    assert json.loads(reply.out) == {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": "Blocked: Nothing is deleted. Ask a person.",
        }
    }


HELD = {
    "evaluation_id": "e3",
    "decision": "require_approval",
    "reason": "approval_pending",
    "matched_rule": "large",
    "approval": {"ticket_id": "t/1", "status": "pending", "mode": "hold"},
}


def test_a_person_who_is_asked_is_waited_for(port: Port, tmp_path: Path) -> None:
    port.body = HELD
    port.later = [HELD, {"evaluation_id": "e3", "decision": "allow", "approval": {}}]
    assert hook(port, tmp_path).reply(json.dumps(EVENT)) == (GO_ON, "", "")
    assert [path for path, _, _ in port.asked] == ["/evaluate", *["/approval/t%2F1"] * 2]


@pytest.mark.parametrize(
    ("status", "said"),
    [("denied", "A person denied"), ("timeout", "in time"), ("cancelled", "ended: cancelled")],
)
def test_what_no_person_approved_is_denied(
    port: Port, tmp_path: Path, status: str, said: str
) -> None:
    port.body = HELD
    port.later = [{"approval": {"ticket_id": "t/1", "status": status, "mode": "hold"}}]
    reply = hook(port, tmp_path).reply(json.dumps(EVENT))
    told = json.loads(reply.out)["hookSpecificOutput"]
    assert told["permissionDecision"] == "deny"
    assert said in told["permissionDecisionReason"]


def test_a_person_is_not_waited_for_longer_than_may_be(port: Port, tmp_path: Path) -> None:
    port.body = HELD
    impatient = replace(hook(port, tmp_path), wait=0)
    reply = impatient.reply(json.dumps(EVENT))
    said = json.loads(reply.out)["hookSpecificOutput"]["permissionDecisionReason"]
    assert "A person has to approve this call" in said
    assert [path for path, _, _ in port.asked] == ["/evaluate", "/audit"]
    assert port.asked[1][2] == {"evaluation_id": "e3", "status": "not_executed"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "wrong token"}),
        (404, {"error": "not found"}),
        (500, b"oops"),
        (200, b"not json"),
        (200, {}),
        (200, []),
        (200, {"decision": "allow"}),
    ],
)
def test_without_a_decision_nothing_goes_on(
    port: Port, tmp_path: Path, status: int, body: Any
) -> None:
    port.status, port.body = status, body
    for unreachable in ("deny", "ask", "allow"):
        reply = hook(port, tmp_path, unreachable).reply(json.dumps(EVENT))  # type: ignore[arg-type]
        assert (reply.code, reply.out) == (REFUSED, "")
        assert "may not be done" in reply.errors


@pytest.mark.parametrize(
    ("unreachable", "code", "decision"),
    [("deny", REFUSED, None), ("ask", GO_ON, "ask"), ("allow", GO_ON, None)],
)
def test_out_of_reach(
    port: Port, tmp_path: Path, unreachable: Unreachable, code: int, decision: str | None
) -> None:
    away = hook(Port("http://127.0.0.1:9"), tmp_path, unreachable).reply(json.dumps(EVENT))
    assert away.code == code
    assert "out of reach" in away.out + away.errors
    said = json.loads(away.out)["hookSpecificOutput"]["permissionDecision"] if away.out else None
    assert said == decision


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(EVENT | {"hook_event_name": "Stop"}),
        json.dumps(EVENT | {"tool_input": "x"}),
        json.dumps(EVENT | {"tool_use_id": None}),
        json.dumps({name: value for name, value in EVENT.items() if name != "tool_name"}),
    ],
)
def test_what_is_no_event_refuses(port: Port, tmp_path: Path, text: str) -> None:
    reply = hook(port, tmp_path).reply(text)
    assert (reply.code, reply.out, port.asked) == (REFUSED, "", [])
    assert reply.errors


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (ENDED, {"status": "success", "result": {"stdout": "done"}}),
        (FAILED, {"status": "error", "error": "exit 1"}),
    ],
)
def test_the_end_of_a_call_is_told_once(
    port: Port, tmp_path: Path, event: dict[str, Any], told: dict[str, Any]
) -> None:
    hook(port, tmp_path).reply(json.dumps(EVENT))
    port.status = 201
    for _ in range(2):
        assert hook(port, tmp_path).reply(json.dumps(event)) == (GO_ON, "", "")
    assert [(path, body) for path, _, body in port.asked[1:]] == [
        ("/audit", {"evaluation_id": "e1", **told})
    ]
    assert list((tmp_path / "kept").iterdir()) == []


def test_an_end_that_could_not_be_told_is_said_and_kept(port: Port, tmp_path: Path) -> None:
    hook(port, tmp_path).reply(json.dumps(EVENT))
    away = hook(Port("http://127.0.0.1:9"), tmp_path).reply(json.dumps(ENDED))
    assert (away.code, "was not told" in away.errors) == (TOLD, True)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_without_a_place_to_keep_it_nothing_goes_on(port: Port, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way")
    assert hook(port, tmp_path).reply(json.dumps(EVENT)).code == REFUSED


def test_skipped_tools_are_left_alone(port: Port, tmp_path: Path) -> None:
    skipping = hook(port, tmp_path, skipped=("mcp__files__*",))
    named = EVENT | {"tool_name": "mcp__files__read"}
    assert skipping.reply(json.dumps(named)) == (GO_ON, "", "")
    assert port.asked == []
    assert skipping.reply(json.dumps(EVENT | {"tool_name": "mcp__other__read"})).code == GO_ON
    assert len(port.asked) == 1


def test_settings_block_where_the_hook_cannot_run() -> None:
    hooks = settings("/opt/helio", ["hook", "claude-code"], 30)["hooks"]
    assert set(hooks) == {"PreToolUse", "PostToolUse", "PostToolUseFailure"}
    (before,) = hooks["PreToolUse"][0]["hooks"]
    assert before == {
        "type": "command",
        "command": "/opt/helio",
        "args": ["hook", "claude-code"],
        "timeout": 30,
        "onFailure": "block",
    }
