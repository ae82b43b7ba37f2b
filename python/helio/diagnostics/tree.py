"""YAML as values with places: scalars, sequences and mappings.

Above: `yaml_document` builds it, `helio.config` and `helio.policy` read it. Below: `nodes`. Pure.
Aliases make it a graph without cycles: one node may stand in several places, and its span is where
it was written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from helio.diagnostics.nodes import Mapping, Scalar, Sequence, Span

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: a JSON number's text, all digits kept."""

    text: str

    @property
    def is_whole(self) -> bool:
        """Whether it is written without fraction and exponent."""
        return self.text.removeprefix("-").isdigit()


class Interpolated(str):
    """A text in which environment variables were replaced. `source` is what the file says; messages
    show that, never the value. `unset` are the variables that had neither a value nor a default.
    """

    __slots__ = ("source", "unset")
    source: str
    unset: tuple[str, ...]

    def __new__(cls, value: str, source: str, unset: tuple[str, ...]) -> "Interpolated":
        """A text with the value, what the file says, and the variables without a value."""
        text = super().__new__(cls, value)
        text.source = source
        text.unset = unset
        return text


ScalarValue: TypeAlias = str | Number | bool | None


Node: TypeAlias = Scalar | Sequence | Mapping


def child_path(path: str, key: str | int) -> str:
    """The path of a part: `policies.rules[2]`, `input['$.amount']`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    step = _step(key)
    return path + step if path or step[0] == "[" else key


@lru_cache(maxsize=4096)
def _step(key: str) -> str:
    """What a key adds to the path of its mapping."""
    if _IDENTIFIER.match(key):
        return f".{key}"
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def described(node: Node) -> str:
    """What kind of value it is, for messages: never the value itself."""
    if not isinstance(node, Scalar):
        return f"a {node.kind}"
    match node.value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case Number():
            return "a number"
        case _:
            return "text"


def opening(node: Node) -> Span:
    """The place to point at: all of a scalar, of a collection only where it begins."""
    if isinstance(node, Scalar):
        return node.span
    return Span(node.span.line, node.span.column, node.span.line, node.span.column + 1)


def scalars_of(node: Node) -> Iterator[Scalar]:
    """All scalar values below a node, keys excluded."""
    match node:
        case Scalar():
            yield node
        case Sequence(items=items):
            for item in items:
                yield from scalars_of(item)
        case Mapping(entries=entries):
            for entry in entries.values():
                yield from scalars_of(entry.value)
