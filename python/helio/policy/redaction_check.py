"""Checks `audit.redact`: its paths, globs and patterns, by the evaluator's own readers.

Above: `compiler`, `sdk_check`. Below: `patterns`, `document`. Pure. Its form is checked by
`helio.config`.
"""

from collections.abc import Iterator

from helio.diagnostics import Diagnostics, Mapping, Node, Scalar, Sequence, child_path
from helio.policy.document import Text
from helio.policy.patterns import Patterns

REDACT_PATH = "audit.redact"


def check_redaction(root: Mapping, diagnostics: Diagnostics) -> None:
    """Reports every path, glob and pattern that cannot be read."""
    patterns = Patterns(diagnostics)
    readers = {
        "path": patterns.path,
        "key": patterns.glob,
        "pattern": patterns.regex,
        "tool": patterns.glob,
    }
    audit = root.get("audit")
    rules = audit.get("redact") if isinstance(audit, Mapping) else None
    for rule, path in items(rules, REDACT_PATH):
        for key, read in readers.items():
            node = rule.get(key) if isinstance(rule, Mapping) else None
            for text in texts(node, child_path(path, key)):
                read(text)


def items(node: Node | None, path: str) -> Iterator[tuple[Node, str]]:
    """The items of a list, each with its path; none of what is no list."""
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield item, child_path(path, index)


def texts(node: Node | None, path: str) -> Iterator[Text]:
    """A text, or those of a list; what is neither, or empty, `helio.config` has reported."""
    found = [(node, path)] if isinstance(node, Scalar) else items(node, path)
    for item, at in found:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            yield Text(item.value, item, at)
