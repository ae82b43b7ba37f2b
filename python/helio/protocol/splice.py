"""Changes to JSON messages at the byte spans of their values: all other bytes stay as they came.

Who adapts a message for another peer uses it: the bridges, the merging of upstreams, the lists of
tools (`transport/listing.py`). Below it nothing: a `Document` is `helio.evaluator.Message` or
`Answer` by its shape. Values come in as JSON texts and are not looked into. Every function gives a
new text that can be parsed again, to a document for the next change; changes of one body that are
known together go through `spliced`, which copies it once. Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import orjson

Path: TypeAlias = tuple[str | int, ...]
"""The way from the top to a value: names of members, indices of elements from 0."""

Edit: TypeAlias = tuple[int, int, bytes]
"""Start and end of the bytes that go, and what comes in their place."""


class Document(Protocol):
    """A parsed JSON text that knows where its values stand; see `Message` in `_core.pyi`."""

    @property
    def body(self) -> bytes:
        """The text."""
        ...

    def span(self, *keys: str | int) -> tuple[int, int] | None:
        """Start and end of the value at a path; None when there is none."""
        ...

    def members(self, *keys: str | int) -> list[tuple[str, int, int, int]]:
        """Name, start of the key, start and end of the value, of each member of an object."""
        ...

    def items(self, *keys: str | int) -> list[tuple[int, int]]:
        """Start and end of each element of an array."""
        ...


def spliced(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Carry out edits, whose offsets are those of `body`.

    They must not overlap; of several at one place the first given comes first. Raises `ValueError`
    for edits that overlap or reach beyond the body.
    """
    pieces: list[bytes] = []
    at = 0
    for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
        if not at <= start <= end <= len(body):
            raise ValueError(f"the edit of bytes {start} to {end} overlaps another or the end")
        pieces += (body[at:start], text)
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)


def removals(spans: Sequence[tuple[int, int]], gone: Collection[int]) -> list[Edit]:
    """The edits that take parts of a list out, each with one comma.

    `spans` are those of all items or members of one list, `gone` the indices of what goes. What
    goes behind a part that stays takes the comma before it along; what goes before the first that
    stays takes the one behind it.
    """
    edits: list[Edit] = []
    stays = False
    for index, (start, end) in enumerate(spans):
        if index not in gone:
            stays = True
        elif stays:
            edits.append((spans[index - 1][1], end, b""))
        else:
            following = spans[index + 1][0] if index + 1 < len(spans) else end
            edits.append((start, following, b""))
    return edits


def replaced(document: Document, path: Path, value: bytes) -> bytes:
    """Put `value` in the place of the value at `path`. Raises `LookupError` when there is none."""
    return spliced(document.body, [(*_span(document, path), value)])


def with_member(document: Document, path: Path, name: str, value: bytes) -> bytes:
    """Set a member of the object at `path`: its value in place, or a new last member.

    Where the name repeats, each of its members gets the value, so that all readers agree. Raises
    `LookupError` when there is no object at `path`, or a member whose name differs by case only:
    beside it the new one would make a message that the strict envelope refuses.
    """
    return spliced(document.body, _setting(document, path, {name: value}))


def without_member(document: Document, path: Path, name: str) -> bytes:
    """Take all members of a name out of the object at `path`; gives the body when there are none.

    Raises `LookupError` when there is no object at `path`.
    """
    _object(document, path)
    members = document.members(*path)
    spans = [(key, end) for _, key, _, end in members]
    gone = {index for index, member in enumerate(members) if member[0] == name}
    return spliced(document.body, removals(spans, gone))


def with_meta(document: Document, members: Mapping[str, bytes]) -> bytes:
    """Set members of `params._meta`, each as `with_member` does.

    `params` and `_meta` are made where they are absent or null. Raises `LookupError` when they, or
    the document, are anything but objects.
    """
    if not members:
        return document.body
    meta = _written(members)
    if _is_absent(document, ("params",)):
        return with_member(document, (), "params", _written({"_meta": meta}))
    if _is_absent(document, ("params", "_meta")):
        return with_member(document, ("params",), "_meta", meta)
    return spliced(document.body, _setting(document, ("params", "_meta"), members))


def without_items(document: Document, path: Path, indices: Collection[int]) -> bytes:
    """Take elements, counted from 0, out of the array at `path`.

    Raises `LookupError` when there is no array or no such element.
    """
    items = document.items(*path)
    gone = set(indices)
    if beyond := gone - set(range(len(items))):
        raise LookupError(f"no item {min(beyond)} at {list(path)}")
    if not items:
        _opening(document, path, b"[")
    return spliced(document.body, removals(items, gone))


def _span(document: Document, path: Path) -> tuple[int, int]:
    span = document.span(*path)
    if span is None:
        raise LookupError(f"nothing at {list(path)}")
    return span


def _opening(document: Document, path: Path, bracket: bytes) -> int:
    """The place behind the bracket that opens the value at a path."""
    start, _ = _span(document, path)
    if document.body[start : start + 1] != bracket:
        kind = "object" if bracket == b"{" else "array"
        raise LookupError(f"no {kind} at {list(path)}")
    return start + 1


def _object(document: Document, path: Path) -> int:
    return _opening(document, path, b"{")


def _is_absent(document: Document, path: Path) -> bool:
    span = document.span(*path)
    return span is None or document.body[slice(*span)] == b"null"


def _setting(document: Document, path: Path, wanted: Mapping[str, bytes]) -> list[Edit]:
    """The edits that set members of the object at a path."""
    opened = _object(document, path)
    members = document.members(*path)
    edits = [(start, end, wanted[name]) for name, _, start, end in members if name in wanted]
    there = {name for name, *_ in members}
    new = {name: value for name, value in wanted.items() if name not in there}
    if new:
        if alike := {_folded(name) for name in there} & {_folded(name) for name in new}:
            raise LookupError(f"a member at {list(path)} is like {min(alike)!r}, case aside")
        place = members[-1][3] if members else opened
        written = _written(new)[1:-1]
        edits.append((place, place, b"," + written if members else written))
    return edits


def _folded(name: str) -> str:
    """As the strict envelope folds keys: each character by itself."""
    if name.isascii():
        return name.lower()
    return "".join(character.upper().lower() for character in name)


def _written(members: Mapping[str, bytes]) -> bytes:
    """An object's text. Raises `TypeError` for a name with lone surrogates, as orjson does."""
    return b"{" + b",".join(orjson.dumps(name) + b":" + members[name] for name in members) + b"}"
