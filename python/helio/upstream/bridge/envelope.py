"""The envelope of a 2026-07-28 request: what its `_meta` and its headers say beside the message.

Above: the bridges. Below: `helio.protocol`. Pure (2026-07-28, `RequestMetaObject`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from helio.evaluator import Answer, Message, inspect_answer
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    error_answer,
)
from helio.protocol.modern import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    HEADER_MISMATCH,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    UNSUPPORTED_REVISION,
)
from helio.protocol.modern.document import text as said
from helio.protocol.revisions import LATEST_MODERN
from helio.upstream.bridge.splicing import Edits, is_object, raw
from helio.upstream.made import WholeResponse
from helio.upstream.messages import Asked

SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
ENVELOPE: Final = frozenset((PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL))

LEVELS: Final = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
"""Log levels, the least severe first (RFC 5424, section 6.2.1)."""

CACHEABLE: Final = frozenset(
    (
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "tools/list",
    )
)
"""Methods whose results say how long they hold (2026-07-28, `CacheableResult`)."""

MISSING_CAPABILITY: Final = -32021
"""The request needs a capability that the client did not declare (2026-07-28)."""

_STATUS: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_REVISION: 400,
    METHOD_NOT_FOUND: 404,
}

_KEPT: Final = (b"content-type", b"retry-after", b"www-authenticate")
_OF_THE_MESSAGE: Final = frozenset((b"accept", b"content-type", b"last-event-id"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who asks and what it can do, as raw JSON; `info` is None when it does not say who it is.

    `log_level` is None when no log messages are wanted.
    """

    capabilities: bytes
    info: bytes | None
    log_level: str | None


def envelope_of(message: Message) -> Envelope:
    """The envelope of a 2026-07-28 request; what is absent is empty."""
    capabilities = raw(message, "params", "_meta", CLIENT_CAPABILITIES)
    info = raw(message, "params", "_meta", CLIENT_INFO)
    return Envelope(
        capabilities=capabilities
        if capabilities is not None and is_object(capabilities)
        else b"{}",
        info=info if is_object(info) else None,
        log_level=level_of(raw(message, "params", "_meta", LOG_LEVEL)),
    )


def level_of(text: bytes | None) -> str | None:
    """The log level that raw JSON names, None for anything else."""
    level = said(text)
    return level if level in LEVELS else None


def severe_enough(level: str | None, wanted: str | None) -> bool:
    """Whether a log message of `level` is for somebody who asked for `wanted` and above."""
    if wanted is None or level is None:
        return False
    return LEVELS.index(level) >= LEVELS.index(wanted)


def callers_headers(headers: Sequence[Header]) -> tuple[Header, ...]:
    """The headers that say who the caller is: none of the message's, none of the protocol's."""
    return tuple(
        (name, value)
        for name, value in headers
        if name not in _OF_THE_MESSAGE and not name.startswith(b"mcp-")
    )


def with_envelope(
    message: Message,
    meta: Mapping[str, bytes],
    params: Mapping[str, bytes],
    identifier: bytes | None = None,
) -> bytes:
    """A request with `meta` set in its `_meta`, `params` in its parameters, and another id.

    Raises `ValueError` when the parameters or their `_meta` are there and no objects.
    """
    edits = Edits(message)
    if identifier is not None:
        edits.replace(identifier, "id")
    text = b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in meta.items()) + b"}"
    held = raw(message, "params")
    if held is None:
        return edits.set({"params": _object({**params, "_meta": text})}).applied()
    if not is_object(held):
        raise ValueError("the parameters are not an object")
    held_meta = raw(message, "params", "_meta")
    if held_meta is None:
        return edits.set({**params, "_meta": text}, "params").applied()
    if not is_object(held_meta):
        raise ValueError("params._meta is not an object")
    return edits.set(params, "params").rebuild((), meta, "params", "_meta").applied()


def discovery(version: str) -> bytes:
    """Helio's own `server/discover`; `version` is Helio's."""
    meta = {
        PROTOCOL_VERSION: LATEST_MODERN,
        CLIENT_CAPABILITIES: {},
        CLIENT_INFO: {"name": "helio", "version": version},
    }
    return orjson.dumps(
        {
            "jsonrpc": "2.0",
            "id": "helio-discover",
            "method": "server/discover",
            "params": {"_meta": meta},
        }
    )


def refusal(identifier: bytes | None, code: int, message: str) -> WholeResponse:
    """A JSON-RPC error with the HTTP status that 2026-07-28 gives it."""
    return WholeResponse(status_of(code) or 500, error_answer(identifier, code, message))


def relayed(asked: Asked, identifier: bytes) -> WholeResponse:
    """An upstream's refusal, under the agent's id when it is a JSON-RPC error.

    An error that came with HTTP 200 gets the status that 2026-07-28 has for it.
    """
    kept = [header for header in asked.headers if header[0] in _KEPT]
    answer = inspect_answer(asked.body)
    if answer is None or answer.kind != "response" or answer.error_code is None:
        return WholeResponse(502 if asked.status < 400 else asked.status, asked.body, kept)
    status = asked.status if asked.status >= 400 else status_of(answer.error_code) or 200
    described = [header for header in kept if header[0] != b"content-type"]
    return WholeResponse(status, under(answer, identifier), described)


def legacy_refusal(asked: Asked, identifier: bytes) -> WholeResponse:
    """A 2026-07-28 upstream's refusal for a legacy agent.

    An error is an answer like any other there, and 404 would end the agent's session.
    """
    answer = inspect_answer(asked.body)
    if answer is not None and answer.kind == "response" and asked.status not in (401, 403):
        return WholeResponse(200, under(answer, identifier))
    kept = [header for header in asked.headers if header[0] in _KEPT]
    status = asked.status if asked.status >= 400 and asked.status != 404 else 502
    return WholeResponse(status, asked.body, kept)


def under(answer: Answer, identifier: bytes) -> bytes:
    """A response with another id; one that came without any gets it too."""
    if answer.id == identifier:
        return answer.body
    if answer.span("id") is None:
        return Edits(answer).set({"id": identifier}).applied()
    return Edits(answer).replace(identifier, "id").applied()


def status_of(code: int | None) -> int | None:
    """The HTTP status of a JSON-RPC error in 2026-07-28, None when it gives none."""
    return None if code is None else _STATUS.get(code)


def _object(members: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in members.items()) + b"}"
