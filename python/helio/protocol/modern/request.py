"""The era of a POST, and the ladder that a request of 2026-07-28 climbs. Pure.

Above: `helio.transport`, and whoever makes such a request from its body. What the specification
has in its headers (Streamable HTTP, "Request Metadata") must be what the body says: whoever
routes by one and acts on the other could be led astray.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from helio.protocol import revisions
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INVALID_PARAMS, INVALID_REQUEST
from helio.protocol.modern.document import Document, Posted, raw, text
from helio.protocol.modern.fields import METHOD, NAME, VERSION, mirrors
from helio.protocol.modern.parameters import Parameters, parameter_values
from helio.protocol.modern.refusal import Refused, mismatch, unsupported
from helio.protocol.modern.values import decoded, encoded, written

PROTOCOL_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"

NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that `Mcp-Name` mirrors, by method."""

_META: Final = ("params", "_meta")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says about itself in `params._meta`.

    `capabilities` is the raw JSON object of what the client can do; `client_info` that of its name
    and version, None without one; `log_level` the least level that it wants to be told, None when
    it wants none.
    """

    protocol_version: str
    capabilities: bytes
    client_info: bytes | None
    log_level: str | None


def is_modern(header: str | None) -> bool:
    """Whether an `MCP-Protocol-Version` header takes a request out of the legacy era.

    Anything does that names no legacy revision: what it names is then judged by `check`.
    """
    return header is not None and not revisions.is_legacy(header.strip(" \t"))


def claimed(message: Document) -> bytes | None:
    """The revision that the body claims, as raw JSON; None when it claims none, as legacy ones
    do."""
    return raw(message, *_META, PROTOCOL_VERSION)


def is_modern_post(message: Posted, headers: Sequence[Header]) -> bool:
    """Whether a message that was posted is to be judged by `check`.

    Its header decides. A body that claims a revision beside a header that is absent or legacy
    raises `Refused` unless both name the same: one of them is lying, and an upstream may believe
    the other one.
    """
    versions = [value for name, value in headers if name.lower() == VERSION]
    for value in versions:
        if is_modern(value.decode("latin-1")):
            return True
    claim = claimed(message)
    if claim is not None and (not versions or written(versions[0]) != text(claim)):
        raise _version_mismatch()
    return False


def check(message: Posted, headers: Sequence[Header]) -> Envelope | None:
    """Judges a message that is not of the legacy era: its envelope, None for a notification.

    Raises `Refused` at the first rung that does not hold: a header comes twice, the envelope is
    incomplete, header and body disagree, the revision is not spoken, the envelope is not of the
    schema's types. `Mcp-Param-*` come after that, with `check_parameters`.
    """
    fields = mirrors(headers)
    if message.kind == "request":
        return _check_request(message, fields)
    if message.kind == "notification":
        _check_notification(message, fields)
        return None
    raise Refused(
        INVALID_REQUEST,
        "unexpected_response",
        "In this revision a client sends no responses; it retries with inputResponses.",
    )


def headers_for(message: Posted, parameters: Parameters | None = None) -> list[Header]:
    """The headers that a message of this revision needs beside itself, made from its body.

    `parameters` are those of the tool that it calls. What no header can say is left out (a method
    that is not plain ASCII, a revision that is no text), and `check` then refuses the message.
    """
    headers = []
    for name, said in ((VERSION, text(claimed(message))), (METHOD, message.method)):
        if said is not None and said and encoded(said) == said.encode():
            headers.append((name, said.encode()))
    named = text(_named(message))
    if named is not None:
        headers.append((NAME, encoded(named)))
    if message.method == "tools/call" and parameters:
        headers.extend(parameter_values(message, parameters))
    return headers


def renamed(headers: Sequence[Header], message: Posted) -> list[Header]:
    """The headers of a message whose body has another name now than the one that came."""
    kept = [header for header in headers if header[0] != NAME]
    return kept + [header for header in headers_for(message) if header[0] == NAME]


def _check_request(message: Posted, fields: Mapping[bytes, bytes]) -> Envelope:
    meta = {name: message.body[start:end] for name, _, start, end in message.members(*_META)}
    missing = [key for key in (PROTOCOL_VERSION, CLIENT_CAPABILITIES) if key not in meta]
    if missing:
        detail = f"params._meta must be an object that holds {' and '.join(missing)}."
        raise Refused(INVALID_PARAMS, "incomplete_envelope", detail)
    version = _said(fields, VERSION)
    if version is None or version != text(meta[PROTOCOL_VERSION]):
        raise _version_mismatch()
    if _said(fields, METHOD) != message.method:
        raise mismatch("The Mcp-Method header does not say what the body's method says.")
    _check_name(message, fields)
    if not revisions.is_modern(version):
        raise unsupported(version)
    return _envelope(version, meta)


def _check_name(message: Posted, fields: Mapping[bytes, bytes]) -> None:
    named = _named(message)
    if named is None or named == b"null":
        return
    header = fields.get(NAME)
    if header is None or text(named) is None or decoded(header) != text(named):
        parameter = NAMED_BY[message.method or ""]
        raise mismatch(f"The Mcp-Name header does not say what the body's {parameter} says.")


def _check_notification(message: Posted, fields: Mapping[bytes, bytes]) -> None:
    """Which headers a notification needs is not defined; those that are there must not lie."""
    version = fields[VERSION]
    claim = claimed(message)
    if claim is not None and _said(fields, VERSION) != text(claim):
        raise _version_mismatch()
    if METHOD in fields and _said(fields, METHOD) != message.method:
        raise mismatch("The Mcp-Method header does not say what the body's method says.")
    if not revisions.is_modern(_said(fields, VERSION)):
        raise unsupported(version.decode("latin-1").strip(" \t"))


def _envelope(version: str, meta: Mapping[str, bytes]) -> Envelope:
    info = meta.get(CLIENT_INFO)
    for key in (CLIENT_CAPABILITIES, CLIENT_INFO):
        if not meta.get(key, b"{").startswith(b"{"):
            raise Refused(
                INVALID_PARAMS, "invalid_envelope", f"params._meta: {key} must be an object."
            )
    return Envelope(version, meta[CLIENT_CAPABILITIES], info, text(meta.get(LOG_LEVEL)))


def _named(message: Posted) -> bytes | None:
    """The raw value that `Mcp-Name` mirrors; None when the method has none, or it is absent."""
    parameter = NAMED_BY.get(message.method or "")
    return None if parameter is None else raw(message, "params", parameter)


def _said(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = fields.get(name)
    return None if value is None else written(value)


def _version_mismatch() -> Refused:
    return mismatch(
        f"The MCP-Protocol-Version header does not say what params._meta says at "
        f"{PROTOCOL_VERSION}."
    )
