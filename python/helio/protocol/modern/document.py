"""What these rules need of a message: its bytes, and where in them a value stands. Pure.

`helio.evaluator` has such messages (`Message`, `Answer`).
"""

import json
from typing import Protocol


class Document(Protocol):
    """One JSON document and the byte spans of its values."""

    @property
    def body(self) -> bytes:
        """The document as it came."""

    def span(self, *keys: str | int) -> tuple[int, int] | None:
        """Where the value at this path stands; None when nothing stands there."""

    def members(self, *keys: str | int) -> list[tuple[str, int, int, int]]:
        """The members of the object at this path: name, start of the key, start and end of the
        value. Empty when it is no object."""


class Posted(Document, Protocol):
    """One JSON-RPC message that was posted: a request, a notification or a response."""

    @property
    def kind(self) -> str:
        """`request`, `notification` or `response`."""

    @property
    def method(self) -> str | None:
        """The method; None for a response."""


def raw(document: Document, *keys: str | int) -> bytes | None:
    """The value at this path as it was written; None when nothing stands there."""
    span = document.span(*keys)
    return None if span is None else document.body[span[0] : span[1]]


def text(value: bytes | None) -> str | None:
    """What a raw JSON string says; None for any other value, and for none."""
    if value is None or not value.startswith(b'"'):
        return None
    found: str = json.loads(value)
    return found
