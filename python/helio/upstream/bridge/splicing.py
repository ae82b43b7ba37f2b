"""Several changes to one JSON-RPC message in one pass, each at its byte span.

Above: the bridges. Below: nothing but the message. Pure. What is not named stays byte for byte.
"""

from collections.abc import Collection, Mapping
from typing import Self

from helio.evaluator import inspect_answer
from helio.protocol.modern.document import Document, raw

__all__ = ["Document", "Edits", "is_object", "members_of", "raw", "rebuilt"]


def is_object(value: bytes | None) -> bool:
    """Whether the raw JSON of a value is an object."""
    return value is not None and value[:1] == b"{"


class Edits:
    """Changes to one document, carried out by `applied`. They must not overlap."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._edits: list[tuple[int, int, bytes]] = []

    def replace(self, value: bytes, *path: str | int) -> Self:
        """Puts `value` where the value at a path is; nothing when there is none."""
        span = self._document.span(*path)
        if span is not None:
            self._edits.append((*span, value))
        return self

    def set(self, members: Mapping[str, bytes], *path: str | int) -> Self:
        """Sets members of the object at a path; nothing when there is no object.

        `members` are names that need no escapes, with raw JSON values.
        """
        span = self._document.span(*path)
        if span is None or not is_object(self._document.body[span[0] : span[0] + 1]):
            return self
        existing = self._document.members(*path)
        for name, _, start, end in existing:
            if name in members:
                self._edits.append((start, end, members[name]))
        held = {name for name, *_ in existing}
        added = [b'"%b":%b' % (n.encode(), v) for n, v in members.items() if n not in held]
        if added:
            text = b",".join(added) + (b"," if existing else b"")
            self._edits.append((span[0] + 1, span[0] + 1, text))
        return self

    def rebuild(
        self, drop: Collection[str], members: Mapping[str, bytes], *path: str | int
    ) -> Self:
        """Leaves members of the object at a path out and sets others, the rest as it is."""
        span = self._document.span(*path)
        if span is not None:
            self._edits.append((*span, rebuilt(self._document, drop, members, *path)))
        return self

    def applied(self) -> bytes:
        """The text with all changes."""
        body = self._document.body
        pieces: list[bytes] = []
        place = 0
        for start, end, text in sorted(self._edits, key=lambda edit: edit[:2]):
            pieces += (body[place:start], text)
            place = end
        pieces.append(body[place:])
        return b"".join(pieces)


def rebuilt(
    document: Document, drop: Collection[str], members: Mapping[str, bytes], *path: str | int
) -> bytes:
    """The object at a path without the members in `drop` and with `members`; `{}` for none."""
    body = document.body
    kept = [
        body[start:end]
        for name, start, _, end in document.members(*path)
        if name not in drop and name not in members
    ]
    set_ = [b'"%b":%b' % (name.encode(), value) for name, value in members.items()]
    return b"{" + b",".join([*kept, *set_]) + b"}"


def members_of(text: bytes) -> list[tuple[str, int, int, int]]:
    """The members of the object that is `text` (their places are not in `text`)."""
    document = inspect_answer(b'{"jsonrpc":"2.0","id":0,"result":%b}' % text)
    return [] if document is None else document.members("result")
