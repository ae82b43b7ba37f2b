"""Reads `policies.rules`: the list of rules, each as a `document.Rule`.

Above: `compiler`. Below: `match_reading`, `reading`, `document`. Pure.
"""

from helio.config import codes
from helio.config.meant import renamed
from helio.diagnostics import Diagnostics, Mapping, Node, Scalar, Sequence, child_path
from helio.policy.document import Approval, Evidence, Feedback, Limits, Rule, Spend, Text
from helio.policy.match_reading import MATCH_KEYS, read_match
from helio.policy.reading import Parts, Reader

ACTIONS = ("allow", "deny", "require_approval", "rate_limit", "spend_limit", "dry_run")
KEYS = ("tool", "session", "agent", "sender_id", "upstream", "global", "call")
RULE_KEYS = (
    "name",
    "match",
    "action",
    "evidence",
    "requires",
    "requires_success",
    "limits",
    "labels",
    "approval",
    "feedback",
    "shadow",
)
EVIDENCE_KEYS = ("requires",)
REQUIREMENT_KEYS = ("tool", "bind")
LIMIT_KEYS = ("max_calls", "window", "key", "max_spend")
SPEND_KEYS = ("field", "limit", "currency", "window", "key")
APPROVAL_KEYS = ("channel", "timeout", "escalation_after", "delegates")
FEEDBACK_KEYS = ("message", "suggestion")
_HOMES = {
    key: (home,)
    for home, keys in (
        ("match", MATCH_KEYS),
        ("limits", LIMIT_KEYS),
        ("approval", APPROVAL_KEYS),
        ("feedback", FEEDBACK_KEYS),
    )
    for key in keys
}
_CONDITIONS = frozenset(MATCH_KEYS)
_BESIDE_MATCH = {key: "beside `match`" for key in RULE_KEYS if key not in ("match", "labels")}


def read_rules(node: Node | None, path: str, diagnostics: Diagnostics) -> tuple[Rule, ...]:
    """All rules in file order; the index counts also those that cannot be read."""
    if node is None:
        return ()
    reader = Reader(diagnostics)
    return tuple(
        _read_rule(reader, item, at, index)
        for index, (item, at) in enumerate(reader.items(node, path))
    )


def _read_rule(reader: Reader, node: Node, path: str, index: int) -> Rule:
    part = Parts(reader, node, path, RULE_KEYS, homes=_HOMES)
    return Rule(
        index=index,
        path=path,
        span=part.opening(),
        is_known=_is_known(node, part),
        keys={key: entry.key.span for key, entry in part.entries.items()},
        name=part.text("name"),
        match=part.read(
            "match", lambda node, at: read_match(reader, node, at, outside=_BESIDE_MATCH)
        ),
        action=part.word("action", ACTIONS),
        evidence=_evidence(part.inner("evidence", EVIDENCE_KEYS)),
        requires=part.texts("requires"),
        requires_success=part.boolean("requires_success"),
        limits=_limits(part.inner("limits", LIMIT_KEYS)),
        labels=part.texts("labels"),
        approval=read_approval(part.inner("approval", APPROVAL_KEYS)),
        feedback=read_feedback(part.inner("feedback", FEEDBACK_KEYS)),
        shadow=part.boolean("shadow") or False,
    )


def _is_known(node: Node, part: Parts) -> bool:
    """Whether all is said that a rule says: nothing of it stands at the wrong place."""
    match = part.entries.get("match")
    inner = match.value.entries if match and isinstance(match.value, Mapping) else {}
    misplaced = any(
        key in _BESIDE_MATCH or renamed(key, _BESIDE_MATCH) for key in inner.keys() - _CONDITIONS
    )
    return isinstance(node, Mapping) and len(node.entries) == len(part.entries) and not misplaced


def _evidence(part: Parts | None) -> tuple[Evidence, ...]:
    if part is None:
        return ()
    part.need("requires")
    required = part.get("requires")
    if required is None:
        return ()
    items = part.reader.items(*required)
    if isinstance(required[0], Sequence) and not items:
        message = "expected at least one requirement"
        part.reader.fault(codes.INVALID_VALUE, message, *required)
    found = (_requirement(part.reader, item, path) for item, path in items)
    return tuple(requirement for requirement in found if requirement is not None)


def _requirement(reader: Reader, node: Node, path: str) -> Evidence | None:
    if isinstance(node, Scalar):
        name = reader.text(node, path)
        return None if name is None else Evidence(name)
    part = Parts(reader, node, path, REQUIREMENT_KEYS)
    part.need("tool")
    tool = part.text("tool")
    if tool is None:
        return None
    bound = part.get("bind")
    pairs = []
    if bound is not None:
        for key, entry in reader.fields(*bound).items():
            at = child_path(bound[1], key)
            other = reader.text(entry.value, at)
            if other is not None:
                pairs.append((Text(key, entry.key, at), other))
    return Evidence(tool, tuple(pairs))


def _limits(part: Parts | None) -> Limits | None:
    if part is None or not isinstance(part.node, Mapping):
        return None
    return Limits(
        span=part.opening(),
        path=part.path,
        max_calls=part.read("max_calls", part.reader.count),
        window=part.duration("window"),
        key=part.words("key", KEYS),
        spend=_spend(part.inner("max_spend", SPEND_KEYS)),
        keys=frozenset(part.entries),
    )


def _spend(part: Parts | None) -> Spend | None:
    if part is None or not isinstance(part.node, Mapping):
        return None
    part.need("field", "limit", "currency")
    return Spend(
        span=part.opening(),
        path=part.path,
        field=part.text("field"),
        limit=part.read("limit", part.reader.amount),
        currency=part.read("currency", part.reader.currency),
        window=part.duration("window"),
        key=part.words("key", KEYS),
        keys=frozenset(part.entries),
    )


def read_approval(part: Parts | None) -> Approval | None:
    """How people are asked; None where nothing is said."""
    if part is None:
        return None
    return Approval(
        span=part.opening(),
        channel=part.text("channel"),
        timeout=part.duration("timeout"),
        escalation_after=part.duration("escalation_after"),
        delegates=part.texts("delegates"),
    )


def read_feedback(part: Parts | None) -> Feedback | None:
    """What agents are told; None where nothing is said."""
    if part is None:
        return None
    return Feedback(part.plain("message"), part.plain("suggestion"))
