"""The hook of Claude Code: its own tools (Bash, Edit, …) are governed, too.

Above: `helio hook claude-code`. Below: `client`, `kept`. Before a tool is used (`PreToolUse`) Helio
is asked; after it (`PostToolUse`, `PostToolUseFailure`) it is told. What the client reads: exit
code 0 with nothing leaves the call to the client's own permissions, with a JSON object it is
refused for the reason in it; 2 refuses with stderr as the reason; any other lets the call go on. So
nothing but a decision may end with 0 here, and every failure before a call ends with 2.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NamedTuple

from helio.adapters.client import LONGEST_WAIT, AdapterClient
from helio.adapters.decisions import Call
from helio.adapters.kept import KeptEvaluations
from helio.sdk.errors import HelioError, HelioUnreachable

ORIGIN: Final = "claude-code"
BEFORE: Final = "PreToolUse"
AFTER: Final = ("PostToolUse", "PostToolUseFailure")
GO_ON, TOLD, REFUSED = 0, 1, 2
Unreachable = Literal["deny", "ask", "allow"]


class Reply(NamedTuple):
    """How the hook ends: its exit code, and what it writes to stdout and stderr."""

    code: int
    out: str = ""
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """The hook: `client` reaches Helio, `kept` remembers evaluations until their calls end.

    Tools whose names match a glob of `skipped` are left alone. `unreachable` says what becomes of a
    call when Helio is out of reach. `agent_id` is whom the calls are recorded for, `wait` how many
    seconds a person is waited for.
    """

    client: AdapterClient
    kept: KeptEvaluations
    skipped: Sequence[str] = ()
    unreachable: Unreachable = "deny"
    agent_id: str | None = None
    wait: float = LONGEST_WAIT

    def reply(self, text: str) -> Reply:
        """The reply to one event, which is JSON. Raises nothing."""
        try:
            event = _event(text)
        except (ValueError, TypeError) as error:
            return Reply(REFUSED, errors=f"Helio: this is no event of a hook: {error}")
        if any(fnmatchcase(event["tool_name"], glob) for glob in self.skipped):
            return Reply(GO_ON)
        if event["hook_event_name"] == BEFORE:
            return self._before(event)
        return self._after(event)

    def _before(self, event: dict[str, Any]) -> Reply:
        try:
            evaluation = self.client.decide(_call(event, self.agent_id), self.wait)
            if not evaluation.allowed:
                return _decided("deny", evaluation.text)
            self.kept.keep(_key(event), evaluation.evaluation_id)
        except HelioUnreachable as error:
            return self._out_of_reach(error)
        except (HelioError, OSError) as error:
            return Reply(
                REFUSED, errors=f"Helio gave no decision, so this may not be done: {error}"
            )
        return Reply(GO_ON)

    def _out_of_reach(self, error: HelioUnreachable) -> Reply:
        match self.unreachable:
            case "ask":
                return _decided("ask", f"Helio is out of reach: {error}")
            case "allow":
                return Reply(
                    GO_ON, errors=f"Helio is out of reach, and this is not governed: {error}"
                )
            case _:
                said = f"Helio is out of reach, so this may not be done: {error}"
                return Reply(REFUSED, errors=said)

    def _after(self, event: dict[str, Any]) -> Reply:
        key = _key(event)
        try:
            evaluation_id = self.kept.of(key)
            if evaluation_id is None:
                return Reply(GO_ON)
            failed = event["hook_event_name"] != AFTER[0]
            self.client.audit(
                evaluation_id,
                "error" if failed else "success",
                result=event.get("tool_response"),
                error=str(event.get("error") or "failed") if failed else None,
                duration_ms=event.get("duration_ms"),
            )
            self.kept.forget(key)
        except (HelioError, OSError) as error:
            return Reply(TOLD, errors=f"Helio was not told how this ended: {error}")
        return Reply(GO_ON)


def settings(command: str, arguments: Sequence[str], timeout: int) -> dict[str, Any]:
    """What belongs into the client's settings. `timeout` is in seconds. A hook that cannot start or
    takes too long blocks, too (`onFailure`, which the client knows since 2.1.295).
    """
    started = {"type": "command", "command": command, "args": list(arguments), "timeout": timeout}
    before = {"matcher": "*", "hooks": [{**started, "onFailure": "block"}]}
    after = {"matcher": "*", "hooks": [started]}
    return {"hooks": {BEFORE: [before], **{name: [after] for name in AFTER}}}


def _event(text: str) -> dict[str, Any]:
    event = json.loads(text)
    if not isinstance(event, dict):
        raise TypeError("it is no object")
    for name in ("hook_event_name", "tool_name", "session_id", "tool_use_id"):
        if not isinstance(event.get(name), str):
            raise TypeError(f"`{name}` is no text")
    if event["hook_event_name"] not in (BEFORE, *AFTER):
        raise ValueError(f"{event['hook_event_name']} is not one that is answered")
    if not isinstance(event.get("tool_input"), dict):
        raise TypeError("`tool_input` is no object")
    return event


def _call(event: dict[str, Any], agent_id: str | None) -> Call:
    known = ("cwd", "permission_mode", "agent_type")
    return Call(
        origin=ORIGIN,
        tool=event["tool_name"],
        arguments=event["tool_input"],
        session_id=event["session_id"],
        agent_id=agent_id,
        metadata={name: event[name] for name in known if isinstance(event.get(name), str)},
    )


def _key(event: dict[str, Any]) -> str:
    return f"{event['session_id']}/{event['tool_use_id']}"


def _decided(decision: str, reason: str) -> Reply:
    decided = {
        "hookEventName": BEFORE,
        "permissionDecision": decision,
        "permissionDecisionReason": reason,
    }
    return Reply(GO_ON, json.dumps({"hookSpecificOutput": decided}, ensure_ascii=False))
