"""Bodies as records keep them: without what redaction hides, and short. Pure.

Above: `record`, `visit`, `prerequisites`, `helio.audit.spare`, `helio.app.notes`. Below:
`helio.evaluator` (the redactor). What cannot be redacted as the rules need it is not shown: its
size and a hash are kept.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from helio.evaluator import Message, Redactor

HEAD: Final = 1024
"""Bytes of a too large body that are kept."""
LARGEST_REDACTED: Final = 1024 * 1024
"""Bytes of a body that is redacted to keep its head alone; of a larger one no head is kept, since
reading it would take calls the time that they wait for."""
_BEGINNING: Final = 16 * HEAD

Redact = Callable[[bytes], bytes | None]
"""A document without what must not be written; None when it cannot be read."""


def kept(body: bytes, limit: int, redactor: Redactor, redact: Redact) -> object:
    """A JSON body of at most `limit` bytes as its text, so that every digit stays as it came; a
    larger one as `{"sha256", "size", "head"}`."""
    if len(body) > max(limit, LARGEST_REDACTED):
        return outline(body, redactor, kept_head(body, redactor))
    shown = redact(body)
    if shown is None:
        return outline(body, redactor, kept_head(body, redactor))
    if len(body) > limit:
        return outline(body, redactor, shown[:HEAD].decode("utf-8", "replace"))
    return shown.decode()


def kept_arguments(
    message: Message, tool: str, limit: int, redactor: Redactor
) -> tuple[object, str]:
    """A call's arguments as `kept` keeps a body, and the hash of their canonical form, 64 hex
    digits: keyed where something in them is hidden, so that nobody can guess it."""
    arguments = message.arguments
    shown = redactor.arguments(tool, arguments)
    told = kept(arguments, limit, redactor, lambda _: shown)
    if shown is arguments:
        return told, message.arguments_hash()
    return told, redactor.digest(message.canonical_arguments())


def outline(body: bytes, redactor: Redactor, head: str | None) -> dict[str, object]:
    """What is kept of a body that is not kept whole.

    Where rules redact, the hash is keyed (`hmac_sha256`): from a plain one a short body can be
    guessed. Without a `head` there is none.
    """
    told: dict[str, object] = (
        {"hmac_sha256": redactor.digest(body)}
        if redactor.has_rules
        else {"sha256": hashlib.sha256(body).hexdigest()}
    )
    told["size"] = len(body)
    if head is not None:
        told["head"] = head
    return told


def kept_head(body: bytes, redactor: Redactor, tool: str | None = None) -> str | None:
    """The beginning of a body that cannot be read as JSON, or is not to be.

    None where rules go by path or key; for a body in which signs may be written as escapes, that no
    pattern sees through; and for one that is too large.
    """
    if not redactor.has_rules:
        return _cut(redactor.text(_text(body[:_BEGINNING])))
    if redactor.has_places or b"\\" in body or len(body) > LARGEST_REDACTED:
        return None
    return _cut(redactor.text(_text(body), tool))


def beginning(body: bytes) -> dict[str, object]:
    """The same of a body that may be shown, as it is."""
    head = body[:HEAD].decode("utf-8", "replace")
    return {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "head": head}


def refused(body: bytes, redactor: Redactor) -> dict[str, object]:
    """A message that was refused, as `{"size", "head"}`; without a head where none can be shown."""
    shown = redactor.request(body) if len(body) <= LARGEST_REDACTED else None
    head = kept_head(body, redactor) if shown is None else _text(shown[:HEAD])
    return {"size": len(body)} | ({} if head is None else {"head": head})


def about(message: Message, redactor: Redactor) -> bytes:
    """The arguments of a call as far as sessions keep and compare them."""
    return redactor.sealed(message.canonical_arguments())


def _cut(text: str) -> str:
    return text.encode()[:HEAD].decode("utf-8", "ignore")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
