"""What the SDK port takes and answers, as JSON Schemas: made of the words that its views read.

Above: `openapi`. Below: the views of this room. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from helio.evaluator import HINTS
from helio.pipeline.scan import LONGEST
from helio.policy.installation import GLOBS, KINDS
from helio.sideband.adapters import OUTCOMES, RESOLUTIONS
from helio.sideband.body import LONGEST_NAME
from helio.sideband.callers import ORIGIN
from helio.sideband.marks import LONGEST_TTL, MOST_MARKS
from helio.sideband.reports import DECIMAL, LONGEST_MS, MOST_EVIDENCE, STATUSES

__all__ = ["MOST_MARKS", "NAME", "SESSION_ID", "components", "list_of", "object_of", "reference"]

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_NAME,
    "description": "Visible characters, on one line",
}
SESSION_ID: Final[Schema] = {"type": "string", "pattern": r"^[!-~]{1,256}$"}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_NUMBER: Final[Schema] = {"type": "number"}


def reference(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(item: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": item}


def object_of(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def components() -> Schema:
    """All of them, by name."""
    return {**_of_sessions(), **_asked(), **_told()}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _mark(whose: Mapping[str, Schema]) -> Schema:
    """A mark, under one name or two. `whose` says of which session, where it is said."""
    names = ("tool_name", "evidence_key")
    found = object_of(
        {
            **whose,
            **dict.fromkeys(names, _or_null(NAME)),
            "data": {"description": "What was found: any JSON"},
            "ttl": {
                "description": "How many seconds it counts",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": LONGEST_TTL,
                "default": 300,
            },
        },
        (*(["session_id"] if whose else []), "data"),
    )
    return found | {"anyOf": [{"required": [key], "properties": {key: NAME}} for key in names]}


def _of_sessions() -> Schema:
    whose = {"session_id": SESSION_ID, "agent_id": _or_null(NAME)}
    seen = {"session_id": _TEXT, "agent_id": _or_null(_TEXT)}
    completed = {"tool": _TEXT, "at": _INSTANT, "call_id": _TEXT}
    evidence = {
        "name": _TEXT,
        "by": _TEXT,
        "about": {},
        "valid_until": _INSTANT,
        "expired": {"type": "boolean"},
    }
    session = {
        **seen,
        "labels": list_of(_TEXT),
        "called": list_of(_TEXT),
        "completed": list_of(object_of(completed, tuple(completed))),
        "evidence": list_of(object_of(evidence, tuple(evidence))),
        "context": {"type": "object"},
        "counters": {"type": "object", "additionalProperties": {"type": "integer"}},
    }
    context = {**whose, "key": NAME, "value": {"description": "Any JSON"}}
    marked = {**seen, "names": list_of(_TEXT), "valid_until": _INSTANT}
    return {
        "Mark": _mark(whose),
        "GivenMark": _mark({}),
        "Marked": object_of(marked, tuple(marked)),
        "Context": object_of(context, ("session_id", "key", "value")),
        "Kept": object_of({**seen, "key": _TEXT}, (*seen, "key")),
        "Session": object_of(session, tuple(session)),
    }


def _asked() -> Schema:
    """What adapters send."""
    origin = {
        "type": "string",
        "pattern": f"^{ORIGIN.pattern}$",
        "not": {"const": "mcp"},
        "description": "Which adapter asks",
    }
    who = {"origin": origin, "agent_id": _or_null(NAME), "session_id": _or_null(SESSION_ID)}
    hints = {
        "type": "object",
        "properties": {hint: {"type": "boolean"} for hint in HINTS},
        "description": "MCP's annotations",
    }
    tool = {
        "name": NAME,
        "description": _or_null(_TEXT),
        "input_schema": _or_null({"type": "object"}),
        "annotations": _or_null(hints),
    }
    any_object = _or_null({"type": "object"})
    member = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    report = {
        "evaluation_id": NAME,
        "status": {"enum": list(STATUSES)},
        "error": _or_null(_TEXT),
        "duration_ms": {"type": "number", "minimum": 0, "maximum": LONGEST_MS},
        "result": {"description": "What the tool said: any JSON"},
        "actual_amount": {
            "description": "What it cost, in the currency that it was reserved in",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": f"^{DECIMAL.pattern}$"},
                {"type": "null"},
            ],
        },
        "evidence": _or_null({**list_of(reference("GivenMark")), "maxItems": MOST_EVIDENCE}),
    }
    call = {
        **who,
        "tool": object_of(tool, ("name",)),
        "arguments": any_object,
        "metadata": any_object,
    }
    scan = {"kind": {"enum": list(KINDS)}} | dict.fromkeys(GLOBS, _or_null(member))
    resolution = {
        "decision": {"enum": list(RESOLUTIONS)},
        "resolved_by": NAME,
        "reason": _or_null(NAME),
    }
    return {
        "Call": object_of(call, ("origin", "tool")),
        "Installation": object_of({**who, **scan, "name": member}, ("origin", "kind", "name")),
        "Report": object_of(report, ("evaluation_id", "status")),
        "Resolution": object_of(resolution, ("decision", "resolved_by")),
    }


def _told() -> Schema:
    """What adapters are answered, and all whose request was refused."""
    feedback = {
        "message": _TEXT,
        "suggestion": _or_null(_TEXT),
        "retry_allowed": {"type": "boolean"},
    }
    approval = {
        "type": "object",
        "properties": {
            "ticket_id": _TEXT,
            "status": _TEXT,
            "mode": {"enum": ["hold", "return"]},
            "expires_at": _INSTANT,
            "timeout_seconds": _NUMBER,
        },
        "required": ["ticket_id"],
    }
    verdict = {
        "evaluation_id": _TEXT,
        "decision": {"enum": list(OUTCOMES)},
        "reason": _or_null(_TEXT),
        "matched_rule": _or_null(_TEXT),
        "feedback": object_of(feedback, tuple(feedback)),
        "approval": reference("Approval"),
        "limits": {"type": "object"},
        "details": {"type": "object"},
        "dry_run": {"type": "object"},
    }
    always = ("evaluation_id", "decision", "reason", "matched_rule")
    return {
        "Verdict": object_of(verdict, always),
        "Approval": approval,
        "Standing": object_of(verdict, ("approval",)),
        "Reported": object_of({"evaluation_id": _TEXT}, ("evaluation_id",)),
        "Error": object_of({"error": _TEXT, "reason": _TEXT, "status": _TEXT}, ("error",)),
    }
