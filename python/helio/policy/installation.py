"""Reads `policies.install`: what agents may install, as rules over a scan's members.

Above: `compiler`. Below: `rule_reading`, `reading`, `patterns`, `document`. Pure. A scan is judged
as a call whose arguments are its members, so the rules become rules of a graph of their own, whose
globs are regular expressions. A member that nobody said is null, which no expression can judge: by
such a condition no rule widens what may be installed.
"""

from dataclasses import dataclass
from typing import Final, Literal

from helio.diagnostics import Diagnostics, Interpolated, Mapping, Node, Scalar, Sequence, child_path
from helio.policy.document import Match, Operation, Rule, Selection, Text
from helio.policy.glob_expressions import globs_as_regex
from helio.policy.patterns import Patterns
from helio.policy.reading import Parts, Reader
from helio.policy.rule_reading import APPROVAL_KEYS, FEEDBACK_KEYS, read_approval, read_feedback

INSTALL_PATH: Final = "policies.install"
KINDS: Final = ("mcp_server", "package", "skill", "plugin", "extension", "other")
"""What may be installed."""
TOOL_PREFIX: Final = "install:"
"""Before a kind, where the tool of a call stands."""
RECORD_KIND: Final = "install_scan"
"""What the audit calls such a call."""
ACTIONS: Final = ("allow", "deny", "require_approval")
GLOBS: Final = ("name", "version", "source", "publisher", "hash", "command")
"""Members of a scan beside its kind; in `match` each takes globs."""
MATCH_KEYS: Final = ("kind", *GLOBS, "agent", "environment")
KEYS: Final = ("default", "rules")
RULE_KEYS: Final = ("name", "match", "action", "approval", "feedback")
_HOMES: Final = {
    key: (home,)
    for home, keys in (
        ("match", MATCH_KEYS),
        ("approval", APPROVAL_KEYS),
        ("feedback", FEEDBACK_KEYS),
    )
    for key in keys
    if key not in RULE_KEYS
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the section says; the first rule that matches decides, else the default."""

    default: Literal["allow", "deny"] = "deny"
    rules: tuple[Rule, ...] = ()


def read_installation(node: Node | None, diagnostics: Diagnostics) -> Installation:
    """The section; without one nothing may be installed."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return Installation()
    reader = Reader(diagnostics)
    part = Parts(reader, node, INSTALL_PATH, KEYS)
    default = part.word("default", ("allow", "deny"))
    found = part.get("rules")
    items = [] if found is None else reader.items(*found)
    patterns = Patterns(diagnostics)
    rules = tuple(
        _rule(reader, patterns, item, path, index) for index, (item, path) in enumerate(items)
    )
    return Installation("allow" if default == "allow" else "deny", rules)


def _rule(reader: Reader, patterns: Patterns, node: Node, path: str, index: int) -> Rule:
    part = Parts(reader, node, path, RULE_KEYS, homes=_HOMES)
    return Rule(
        index=index,
        path=path,
        span=part.opening(),
        is_known=isinstance(node, Mapping) and node.entries.keys() == part.entries.keys(),
        keys={key: entry.key.span for key, entry in part.entries.items()},
        name=part.text("name"),
        match=part.read("match", lambda node, at: _match(reader, patterns, node, at)),
        action=part.word("action", ACTIONS),
        approval=read_approval(part.inner("approval", APPROVAL_KEYS)),
        feedback=read_feedback(part.inner("feedback", FEEDBACK_KEYS)),
    )


def _match(reader: Reader, patterns: Patterns, node: Node, path: str) -> Match:
    part = Parts(reader, node, path, MATCH_KEYS)
    selections = [_globs(part, patterns, key) for key in GLOBS]
    return Match(
        is_given=not isinstance(node, Mapping) or bool(node.entries),
        agent=part.texts("agent"),
        environment=part.texts("environment"),
        input=tuple(each for each in (_kind(part), *selections) if each is not None),
    )


def _kind(part: Parts) -> Selection | None:
    found = part.get("kind")
    words = part.words("kind", KINDS)
    if found is None or not words:
        return None
    node, path = found
    operand = Sequence(tuple(Scalar(word, node.span) for word in words), node.span)
    return _selection(part, "kind", Operation("in", operand, path))


def _globs(part: Parts, patterns: Patterns, key: str) -> Selection | None:
    texts = part.texts(key)
    readable = [patterns.glob(text) for text in texts]  # Each fault is reported.
    if not readable or not all(readable):
        return None
    operand = Scalar(_expression([text.value for text in texts]), texts[0].span)
    return _selection(part, key, Operation("regex", operand, child_path(part.path, key)))


def _expression(globs: list[str]) -> str:
    """Not to be told either, where one of the globs came from the environment."""
    written = globs_as_regex(globs)
    if not any(isinstance(glob, Interpolated) for glob in globs):
        return written
    sources = [glob.source if isinstance(glob, Interpolated) else glob for glob in globs]
    return Interpolated(written, ", ".join(sources), ())


def _selection(part: Parts, key: str, operation: Operation) -> Selection:
    place = part.entries[key].key
    return Selection(Text(key, place, child_path(part.path, key)), "some", (operation,))
