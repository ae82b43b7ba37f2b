"""What was probably meant by a key of other tools, or by a value that is no section: hints.

Above: `faults`, `helio.policy`. Below: `helio.diagnostics`. Pure. No hint repeats a value.
"""

from collections.abc import Collection

from helio.diagnostics import Interpolated, Node, Scalar, Sequence

_SAME: dict[str, str] = {
    **dict.fromkeys(("effect", "then", "decision", "verdict", "do", "outcome"), "action"),
    **dict.fromkeys(("when", "if", "conditions", "condition", "on"), "match"),
    **dict.fromkeys(("args", "arguments", "params", "parameters"), "input"),
    **dict.fromkeys(("tools", "tool_name", "toolName"), "tool"),
    **dict.fromkeys(("rate_limit", "ratelimit", "rateLimit", "throttle", "limit"), "limits"),
    **dict.fromkeys(("per", "period", "interval", "duration"), "window"),
    **dict.fromkeys(("rate", "calls", "count", "max", "requests"), "max_calls"),
    **dict.fromkeys(("default_action", "default_effect", "defaultAction"), "default"),
    **dict.fromkeys(("id", "title"), "name"),
    **dict.fromkeys(("approvers", "reviewers"), "delegates"),
    **dict.fromkeys(("mcpServers", "servers", "mcp_servers"), "upstreams"),
    **dict.fromkeys(("server", "backend", "target"), "upstream"),
    **dict.fromkeys(("user", "client", "principal"), "agent"),
}
"""Keys by what others call them."""
_RULES = {"allow": "allow", "permit": "allow", "deny": "deny", "block": "deny", "forbid": "deny"}
_TOLD = {
    **dict.fromkeys(
        ("reason", "description", "comment", "note"),
        "write it as a comment (`# …`), or for the agent: `feedback: { message: … }`",
    ),
    "enabled": "remove the rule, or write `shadow: true` for one that only reports",
    "disabled": "remove the rule, or write `shadow: true` for one that only reports",
}
"""What rules do not have."""


def renamed(key: str, known: Collection[str]) -> str | None:
    """The known key that others call so."""
    same = _SAME.get(key)
    return same if same in known else None


def told_of(key: str, known: Collection[str]) -> str | None:
    """What to do about a key that has no other name here."""
    words = set(known)
    action = _RULES.get(key)
    if action is not None and words & {"rules", "policies"}:
        rule = f"{{ match: {{ tool: [a, b] }}, action: {action} }}"
        return f"write rules, under `policies`: `rules: [{rule}]`"
    return _TOLD.get(key) if {"match", "feedback", "shadow"} <= words else None


_IN_A_RULE = {
    "evidence": ("{ requires: […] }", "{{ requires: [{0}] }}"),
    "match": ("{ tool: … }", "{{ tool: {0} }}"),
    "feedback": ("{ message: … }", "{{ message: {0} }}"),
    "bind": ("{ argument: argument_of_that_tool }", None),
    "limits": ("{ max_calls: 10, window: 1m }", None),
    "max_spend": ("{ field: amount, limit: 100, currency: EUR, window: 24h }", None),
}
_SECTIONS = {
    "listen": "{ host: 127.0.0.1, port: 3000 }",
    "audit": "{ path: … }",
    "state": "{ backend: … }",
    "auth": "{ mode: … }",
}
"""What to write in place of a text: for people, and in a rule as a correction."""
_LISTS = {
    "policies": "write `rules:` above the list, and indent it",
    "env": "write `{ NAME: value }`",
    "headers": "write `{ NAME: value }`",
}
_SWITCHES = {"dashboard": "enabled", "sdk": "enabled", "telemetry": "metrics"}

Advice = tuple[str | None, str | None]
"""A hint, and the correction where only that can have been meant."""


def section_for(node: Node, path: str) -> Advice:
    """What to write where a mapping is wanted at a path and something else stands there."""
    key = path.rpartition(".")[2].partition("[")[0]
    in_a_rule = path.startswith("policies.rules[")
    if isinstance(node, Sequence):
        listed = in_a_rule and key in ("evidence", "match")
        return (f"write `{_IN_A_RULE[key][0]}`" if listed else _LISTS.get(key)), None
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return _switch(key, value, in_a_rule=in_a_rule), None
    if in_a_rule and key in _IN_A_RULE:
        return _in_a_rule(key, value)
    if isinstance(value, str) and key in ("upstream", "upstreams"):
        return _upstream(key, value)
    section = _SECTIONS.get(path)
    return (None if section is None else f"write `{section}`"), None


def _in_a_rule(key: str, value: object) -> Advice:
    shown, form = _IN_A_RULE[key]
    is_sure = form is not None and isinstance(value, str) and not isinstance(value, Interpolated)
    return f"write `{shown}`", form.format(_quoted(str(value))) if form and is_sure else None


def _switch(key: str, value: bool, *, in_a_rule: bool) -> str | None:
    if key in _SWITCHES:
        return f"write `{{ {_SWITCHES[key]}: {str(value).lower()} }}`"
    if key == "approval" and in_a_rule:
        return "write `action: require_approval`; `approval` says how people are asked"
    return None


def _upstream(key: str, value: str) -> Advice:
    is_address = value.startswith(("http://", "https://"))
    name = "name: …, " if key == "upstreams" else ""
    if not is_address:
        return f"write `{{ {name}url: 'http://…/mcp' }}` or `{{ {name}command: … }}`", None
    # What might hold a password is not written anywhere else.
    sure = not (name or isinstance(value, Interpolated) or "@" in value or "?" in value)
    return f"write `{{ {name}url: … }}`", f"{{ url: {_quoted(value)} }}" if sure else None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
