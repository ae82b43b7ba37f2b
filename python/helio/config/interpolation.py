"""`${NAME}` and `${NAME:-default}` in every text of the tree.

Above: `loading`. Below: `helio.diagnostics`. Pure: the environment is an argument. Values only,
never keys, and after YAML was read, so that a variable's value cannot change the file's structure.
`$${` is a literal `${`; any other `$` stands for itself, so that a JSONPath needs no escaping. As
in a shell, the default of `:-` also replaces an empty value.
"""

import re
from collections.abc import Mapping as Environment

from helio.config import codes
from helio.diagnostics import (
    Code,
    Diagnostics,
    Entry,
    Interpolated,
    Mapping,
    Node,
    Scalar,
    Sequence,
    child_path,
    quoted,
)

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([^}]*))?\}|)")


class Interpolation:
    """Replaces variables below one part of the tree after another, each distinct node once."""

    def __init__(self, environment: Environment[str, str], diagnostics: Diagnostics) -> None:
        self._environment = environment
        self._diagnostics = diagnostics
        self._done: dict[int, Node] = {}
        self._kept: list[Node] = []

    def applied(self, node: Node, path: str, unset: Code) -> Node:
        """The node with its texts replaced; the same object when it holds no reference. `unset` is
        the code for a variable that has neither a value nor a default.
        """
        known = self._done.get(id(node))
        if known is not None:
            return known
        replaced = self._replaced(node, path, unset)
        self._done[id(node)] = replaced
        # An id means its object only while that lives.
        self._kept.append(node)
        return replaced

    def _replaced(self, node: Node, path: str, unset: Code) -> Node:
        match node:
            case Scalar():
                return self._scalar(node, path, unset)
            case Sequence():
                items = tuple(
                    self.applied(item, child_path(path, index), unset)
                    for index, item in enumerate(node.items)
                )
                same = all(new is old for new, old in zip(items, node.items, strict=True))
                return node if same else Sequence(items, node.span)
            case Mapping():
                entries = {
                    key: Entry(entry.key, self.applied(entry.value, child_path(path, key), unset))
                    for key, entry in node.entries.items()
                }
                same = all(entries[key].value is node.entries[key].value for key in entries)
                return node if same else Mapping(entries, node.span)

    def _scalar(self, node: Scalar, path: str, unset: Code) -> Scalar:
        text = node.value
        if not isinstance(text, str) or "${" not in text:
            return node
        parts: list[str] = []
        missing: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            parts.append(self._value(match, node, path, missing))
        parts.append(text[end:])
        for name in missing:
            message = f"the environment variable {quoted(name)} is not set"
            hint = f"set it, or give a default: `${{{name}:-…}}`"
            self._diagnostics.add(unset, message, node.span, path, hint)
        value = text if missing else "".join(parts)
        return Scalar(Interpolated(value, text, tuple(missing)), node.span)

    def _value(self, match: re.Match[str], node: Scalar, path: str, missing: list[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match[1], match[3]
        if name is None:
            message = "`${` does not begin a reference to a variable here"
            hint = "write `${NAME}` or `${NAME:-default}`; a literal `${` is written `$${`"
            span = node.point(match.start())
            self._diagnostics.add(codes.INTERPOLATION_FORM, message, span, path, hint)
            return match[0]
        value = self._environment.get(name)
        if match[2] is not None and not value:
            return str(default)
        if value is None:
            missing.append(name)
            return ""
        if not _is_text(value):
            message = f"the environment variable {quoted(name)} is not valid UTF-8"
            self._diagnostics.add(codes.INVALID_VALUE, message, node.span, path)
            return ""
        return value


def _is_text(value: str) -> bool:
    """Whether the operating system's bytes were UTF-8; what is not, Python keeps as lone
    surrogates.
    """
    return not any("\ud800" <= character <= "\udfff" for character in value)
