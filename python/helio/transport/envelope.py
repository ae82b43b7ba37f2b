"""What a request says beside its body: its revision and its headers.

Above: `helio.transport.reception`. Below: `helio.protocol`.
"""

from typing import Final

from helio.evaluator import Message
from helio.protocol import modern, revisions
from helio.protocol.headers import PARAMETER, Header, HeaderRefused, request_headers
from helio.protocol.media import JSON
from helio.transport.admission import Rejection
from helio.transport.inbound import Inbound
from helio.transport.target import Target
from helio.transport.tracing import trace_of, traced

_JSON_TYPE: Final = (b"content-type", JSON.encode())


def judge_envelope(message: Message, inbound: Inbound) -> bool:
    """Whether the message is of 2026-07-28. Raises `Rejection` for one that breaks its rules."""
    try:
        if not modern.is_modern_post(message, inbound.headers):
            return False
        revision = inbound.revision or ""
        if modern.claimed(message) is None and not revisions.is_modern(revision.strip(" \t")):
            # Nothing else of the message says that it knows of envelopes.
            raise modern.unsupported(revision, enveloped=False)
        modern.check(message, inbound.headers)
    except modern.Refused as refused:
        raise _rejection(refused, message) from None
    return True


def mirrored_arguments(
    message: Message, inbound: Inbound, target: Target, headers: list[Header]
) -> list[Header]:
    """The headers that go up with a request of 2026-07-28, `Mcp-Param-*` included.

    Over HTTP the agent sends these itself, and they must say what its arguments say, as far as the
    tool is known to declare them. Over a door without headers of its own they are made here.
    Raises `Rejection`.
    """
    tool = None if message.tool is None else target.governance().catalogue.find(message.tool)
    if tool is None or not tool.parameters:
        return headers
    if inbound.caller.channel is None:
        try:
            modern.check_parameters(message, tool.parameters, inbound.headers)
        except modern.Refused as refused:
            raise _rejection(refused, message) from None
        return headers
    made = modern.parameter_values(message, tool.parameters)
    passes = target.upstream.rules.passes
    return [
        *(header for header in headers if not header[0].startswith(PARAMETER)),
        *(header for header in made if passes(header[0], modern=True)),
    ]


def headers_up(
    inbound: Inbound, target: Target, identifier: bytes | None, *, is_modern: bool
) -> list[Header]:
    """The agent's headers that go up. Raises `Rejection`.

    A body is JSON in UTF-8, as it was judged, whatever else its type says.
    """
    if not is_modern and modern.is_modern(inbound.revision):
        detail = "This revision has POST only."
        raise Rejection(405, "method_not_allowed", detail, headers=((b"allow", b"POST"),))
    try:
        headers = request_headers(inbound.headers, target.upstream.rules, modern=is_modern)
    except HeaderRefused as refusal:
        raise Rejection(400, "header_refused", str(refusal), identifier=identifier) from None
    headers = [_JSON_TYPE if name == b"content-type" else (name, value) for name, value in headers]
    trace = trace_of(inbound)
    return headers if trace is None else traced(headers, trace)


def _rejection(refused: modern.Refused, message: Message) -> Rejection:
    return Rejection(
        refused.status,
        refused.reason,
        refused.detail,
        refused.code,
        message.id,
        refused.data,
    )
