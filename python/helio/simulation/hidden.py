"""What a record does not tell of a call's arguments: all, where they were too long; what redaction
hid, where it did. Pure.

Above: `replay`. Below: `helio.evaluator`.
"""

import re
from typing import Final

import orjson

from helio.evaluator import select
from helio.simulation.attention import WHOLE, Unseen

_MARK: Final = re.compile(rb"\[(?:redacted:[0-9a-f]{16}|hmac-sha256:[0-9a-f]{64})\]")
"""What stands in place of a value that was hidden (docs/redaction.md). Equal ones are equal."""
_MARKED_KEY: Final = re.compile(_MARK.pattern + rb'[^"]*"\s*:')
_OUTLINE: Final = frozenset({"sha256", "hmac_sha256", "size", "head"})
"""The members of what is kept of a body that is too long."""


def unseen(arguments: bytes) -> Unseen:
    """What is not known of arguments that are not what was sent, by the text that was kept."""
    if _is_outline(arguments) or not is_marked(arguments) or _MARKED_KEY.search(arguments):
        return lambda _path: True

    def hidden(path: str) -> bool:
        # Equal arguments are equal when parts of them are hidden, too.
        return path != WHOLE and any(map(is_marked, select(path, arguments)))

    return hidden


def is_marked(text: bytes) -> bool:
    """Whether something in it was hidden."""
    return _MARK.search(text) is not None


def shows(metadata: bytes | None) -> bool:
    """Whether all is known of what an adapter said beside a call; `null` could not be read."""
    return metadata is None or (metadata != b"null" and not is_marked(metadata))


def may_be_marked(text: str) -> bool:
    """The same, at a glance."""
    return "[redacted:" in text or "[hmac-sha256:" in text


def _is_outline(arguments: bytes) -> bool:
    try:
        document = orjson.loads(arguments)
    except orjson.JSONDecodeError:  # A number beyond its range: no outline has one.
        return False
    return isinstance(document, dict) and "size" in document and document.keys() <= _OUTLINE
