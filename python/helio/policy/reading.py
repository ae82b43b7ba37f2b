"""Reads single parts of a rule from the tree, and reports what cannot be read.

Above: `match_reading` and `rule_reading`. Below: `helio.config.scalars`. Pure. Every method returns
None, or nothing, for what it reported.
"""

from collections.abc import Callable
from collections.abc import Mapping as Mapped
from collections.abc import Sequence as Values
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from helio.config import codes, scalars
from helio.config.faults import hint_at_list, hint_at_mapping, unknown_key
from helio.config.scalars import Duration, UnfitValue
from helio.diagnostics import (
    Code,
    Diagnostics,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Span,
    child_path,
    described,
    opening,
)
from helio.policy.document import Text

T = TypeVar("T")


class Reader:
    """Reads nodes at paths; what is wrong goes to `diagnostics`."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics

    def fault(
        self, code: Code, message: str, node: Node, path: str, hint: str | None = None
    ) -> None:
        """Reports a fault at a node."""
        self.diagnostics.add(code, message, opening(node), path, hint)

    def unfit(self, error: UnfitValue, unfit_code: Code, node: Node, path: str) -> None:
        """Reports what a reader of `scalars` refused: by `unfit_code`, unless its type is wrong."""
        code = codes.WRONG_TYPE if error.wrong_type else unfit_code
        self.diagnostics.add(code, error.message, opening(node), path, error.hint, fix=error.fix)

    def fields(
        self,
        node: Node,
        path: str,
        known: tuple[str, ...] | None = None,
        *,
        homes: Mapped[str, Values[str]] = MappingProxyType({}),
        outside: Mapped[str, str] = MappingProxyType({}),
    ) -> dict[str, Entry]:
        """The entries of a mapping that are known; all of them when nothing is. `homes` and
        `outside` are keys that may be looked for here, as `unknown_key` takes them."""
        if not isinstance(node, Mapping):
            message = f"expected a mapping, found {described(node)}"
            hint, fix = hint_at_mapping(node, path)
            self.diagnostics.add(codes.WRONG_TYPE, message, opening(node), path, hint, fix=fix)
            return {}
        if known is None:
            return node.entries
        if node.entries.keys() <= _names(known):
            return node.entries
        for key in node.entries:
            if key not in known:
                unknown_key(
                    node,
                    key,
                    child_path(path, key),
                    known,
                    self.diagnostics,
                    homes=homes,
                    outside=outside,
                )
        return {key: entry for key, entry in node.entries.items() if key in known}

    def items(self, node: Node, path: str) -> list[tuple[Node, str]]:
        """The items of a list with their paths."""
        if not isinstance(node, Sequence):
            message = f"expected a list, found {described(node)}"
            self.fault(codes.WRONG_TYPE, message, node, path, hint_at_list(node))
            return []
        return [(item, f"{path}[{index}]") for index, item in enumerate(node.items)]

    def value(self, node: Node, path: str, reader: Callable[[object], T]) -> T | None:
        """A scalar read by a reader of `scalars`."""
        found: object = node.value if isinstance(node, Scalar) else _stand_in(node)
        try:
            return reader(found)
        except UnfitValue as error:
            self.unfit(error, codes.INVALID_VALUE, node, path)
            return None

    def text(self, node: Node, path: str) -> Text | None:
        """A text that is not empty."""
        if isinstance(node, Scalar) and node.value and isinstance(node.value, str):
            return Text(node.value, node, path)
        if self.value(node, path, scalars.read_text) is not None:
            self.fault(codes.INVALID_VALUE, "expected a text that is not empty", node, path)
        return None

    def texts(self, node: Node, path: str) -> tuple[Text, ...]:
        """A text, or a list of at least one."""
        if not isinstance(node, Sequence):
            found = self.text(node, path)
            return () if found is None else (found,)
        if not node.items:
            message = "an empty list matches nothing: expected at least one"
            self.fault(codes.INVALID_VALUE, message, node, path)
        texts = [self.text(item, at) for item, at in self.items(node, path)]
        return tuple([text for text in texts if text is not None])

    def word(self, node: Node, path: str, words: tuple[str, ...]) -> str | None:
        """One of the words."""
        if not isinstance(node, Scalar):
            self.value(node, path, scalars.read_text)
            return None
        try:
            return str(scalars.read_word(node.value, words))
        except UnfitValue as error:
            self.unfit(error, codes.UNKNOWN_WORD, node, path)
            return None

    def words(self, node: Node, path: str, words: tuple[str, ...]) -> tuple[str, ...]:
        """One of the words, or a list of at least one; each counts once."""
        parts = self.items(node, path) if isinstance(node, Sequence) else [(node, path)]
        if not parts:
            self.fault(codes.INVALID_VALUE, "expected at least one", node, path)
        found = (self.word(part, at, words) for part, at in parts)
        return tuple(dict.fromkeys(word for word in found if word is not None))

    def boolean(self, node: Node, path: str) -> bool | None:
        """`true` or `false`."""
        return self.value(node, path, scalars.read_boolean)

    def duration(self, node: Node, path: str) -> Duration | None:
        """A duration above zero."""
        return self.value(node, path, scalars.read_duration)

    def amount(self, node: Node, path: str) -> str | None:
        """An amount above zero, as a decimal text."""
        return self.value(node, path, scalars.read_amount)

    def currency(self, node: Node, path: str) -> str | None:
        """A currency's code."""
        return self.value(node, path, scalars.read_currency)

    def count(self, node: Node, path: str) -> int | None:
        """A whole number above zero."""
        return self.value(node, path, lambda value: scalars.read_integer(value, 1, 10**15))


_names: Callable[[tuple[str, ...]], frozenset[str]] = cache(frozenset)


def _stand_in(node: Node) -> object:
    """A value of the collection's kind, for messages."""
    return {} if isinstance(node, Mapping) else ()


class Parts:
    """A mapping whose parts are read by their keys; what is absent is None, or empty."""

    def __init__(
        self,
        reader: Reader,
        node: Node,
        path: str,
        known: tuple[str, ...],
        *,
        homes: Mapped[str, Values[str]] = MappingProxyType({}),
        outside: Mapped[str, str] = MappingProxyType({}),
    ) -> None:
        self.reader = reader
        self.node = node
        self.path = path
        self._before = f"{path}." if path else ""
        self.entries = reader.fields(node, path, known, homes=homes, outside=outside)

    def get(self, key: str) -> tuple[Node, str] | None:
        """The value of a key with its path."""
        entry = self.entries.get(key)
        return None if entry is None else (entry.value, self._before + key)

    def need(self, *keys: str) -> None:
        """Reports the keys of these that are absent."""
        for key in keys:
            if isinstance(self.node, Mapping) and key not in self.entries:
                message = f"`{key}` is missing"
                self.reader.fault(codes.MISSING_KEY, message, self.node, self.path)

    def inner(self, key: str, known: tuple[str, ...]) -> "Parts | None":
        """The parts of a mapping inside this one."""
        if key not in self.entries:
            return None
        return Parts(self.reader, self.entries[key].value, self._before + key, known)

    def read(self, key: str, reading: Callable[[Node, str], T | None]) -> T | None:
        """A part read by one of the reader's methods."""
        entry = self.entries.get(key)
        return None if entry is None else reading(entry.value, self._before + key)

    def text(self, key: str) -> Text | None:
        """A text with its place."""
        return self.read(key, self.reader.text)

    def plain(self, key: str) -> str | None:
        """A text without its place."""
        found = self.text(key)
        return None if found is None else str(found.value)

    def texts(self, key: str) -> tuple[Text, ...]:
        """A text, or a list of them."""
        if key not in self.entries:
            return ()
        return self.read(key, self.reader.texts) or ()

    def word(self, key: str, words: tuple[str, ...]) -> str | None:
        """One of the words."""
        return self.read(key, lambda node, path: self.reader.word(node, path, words))

    def words(self, key: str, words: tuple[str, ...]) -> tuple[str, ...]:
        """One of the words, or a list of them."""
        if key not in self.entries:
            return ()
        return self.read(key, lambda node, path: self.reader.words(node, path, words)) or ()

    def boolean(self, key: str) -> bool | None:
        """`true` or `false`."""
        if key not in self.entries:
            return None
        return self.read(key, self.reader.boolean)

    def duration(self, key: str) -> Duration | None:
        """A duration above zero."""
        return self.read(key, self.reader.duration)

    def opening(self) -> Span:
        """Where the mapping begins."""
        return opening(self.node)
