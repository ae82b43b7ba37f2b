"""One message between an agent of the aggregate and one upstream, in the words of either. Pure.

Above: the rest of this room. Changes are made at byte spans; everything else stays as it came.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from helio.evaluator import MalformedMessage, Message, inspect_answer, parse_message
from helio.protocol.modern.document import Document, raw, text
from helio.protocol.splice import Edit, replaced, spliced
from helio.upstream.aggregate.names import Names, marked, name_prefix, uri_prefix

CANCELLED: Final = "notifications/cancelled"
PROGRESS: Final = "notifications/progress"
TOOLS_CHANGED: Final = "notifications/tools/list_changed"
UPDATED: Final = "notifications/resources/updated"

Path = tuple[str, ...]

_TOKEN: Final[Path] = ("params", "_meta", "progressToken")
_SAYS_METHOD: Final = (b'"method"', b"\\u")


class Addressed(NamedTuple):
    """A message for one upstream, in its own words."""

    upstream: str
    message: Message


def by_name(message: Message, names: Names, *path: str) -> Addressed | None:
    """The message for the upstream whose tool or prompt stands at a path; None when none has it."""
    found = text(raw(message, *path))
    split = None if found is None else names.split(found)
    return None if split is None else _own(message, path, split)


def by_uri(message: Message, names: Names, *path: str) -> Addressed | None:
    """The message for the upstream whose resource stands at a path; None without a prefix."""
    found = text(raw(message, *path))
    split = None if found is None else names.split_uri(found)
    return None if split is None else _own(message, path, split)


def by_mark(message: Message, names: Names, *path: str) -> Addressed | None:
    """The message for the upstream that chose the id or token at a path, with that in its place;
    None when none did.
    """
    value = raw(message, *path)
    split = None if value is None else names.split_mark(value)
    if split is None:
        return None
    upstream, own = split
    try:
        found = parse_message(replaced(message, path, own))
    except MalformedMessage:
        return None
    # What an agent made up could hold more than one value, and change the message around it.
    return Addressed(upstream, found) if raw(found, *path) == own else None


def for_agent(upstream: str, body: bytes, *, prefix_contents: bool = False) -> bytes:
    """What one upstream says as the agent gets it: with ids and URIs that name the upstream.

    `prefix_contents`: it is the answer to a `resources/read` of a prefixed URI.
    """
    if not prefix_contents and not any(sign in body for sign in _SAYS_METHOD):
        return body
    found = inspect_answer(body)
    if found is None:
        return body
    edits: list[Edit] = []
    if found.kind == "request":
        edits = _marks(found, upstream, ("id",), _TOKEN)
    elif found.method == CANCELLED:
        edits = _marks(found, upstream, ("params", "requestId"))
    elif found.method == UPDATED:
        edits = prefixes(body, [found.span("params", "uri")], uri_prefix(upstream))
    elif prefix_contents and found.kind == "response":
        uris = found.column("uri", "result", "contents")
        edits = prefixes(body, uris, uri_prefix(upstream))
    return spliced(body, edits) if edits else body


def prefixes(body: bytes, spans: Sequence[tuple[int, int] | None], prefix: bytes) -> list[Edit]:
    """The edits that put a prefix before each text among the values at these spans."""
    return [
        (span[0] + 1, span[0] + 1, prefix)
        for span in spans
        if span is not None and body[span[0] : span[0] + 1] == b'"'
    ]


def named_items(
    document: Document,
    upstream: str,
    items: Sequence[tuple[int, int]],
    names: Sequence[tuple[int, int] | None],
    *,
    is_uri: bool,
) -> list[bytes]:
    """The items of a list, each with the prefix before its name. One whose name is no text is left
    out: nobody could ask for it."""
    body = document.body
    prefix = uri_prefix(upstream) if is_uri else name_prefix(upstream)
    found = []
    for (start, end), name in zip(items, names, strict=True):
        if name is None or body[name[0] : name[0] + 1] != b'"':
            continue
        place = name[0] + 1
        found.append(body[start:place] + prefix + body[place:end])
    return found


def _own(message: Message, path: Path, split: tuple[str, str]) -> Addressed | None:
    upstream, own = split
    try:
        return Addressed(upstream, parse_message(replaced(message, path, orjson.dumps(own))))
    except MalformedMessage:
        return None


def _marks(document: Document, upstream: str, *paths: Path) -> list[Edit]:
    edits: list[Edit] = []
    for path in paths:
        span = document.span(*path)
        if span is not None:
            edits.append((*span, marked(upstream, document.body[slice(*span)])))
    return edits
