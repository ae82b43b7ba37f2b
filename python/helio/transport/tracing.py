"""The trace that a request belongs to: its parent's, and a span of Helio's own for each call.

Above: `helio.transport.reception`. Below: `helio.protocol.trace_context`.
"""

import json
import secrets
from collections.abc import Sequence

from helio.evaluator import Message
from helio.protocol.headers import Header
from helio.protocol.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    first_span,
    read_trace_context,
)
from helio.transport.inbound import Inbound

_NAMES = frozenset((TRACEPARENT, TRACESTATE))


def trace_of(inbound: Inbound) -> TraceContext | None:
    """The span that the agent named; None when it named none."""
    if inbound.header("traceparent") is None:
        return None
    return read_trace_context(inbound.headers)


def own_span(inbound: Inbound, message: Message) -> TraceContext:
    """A new span below the one that the agent named, or the first one of a trace.

    Where headers name none, `_meta.traceparent` of the message counts.
    """
    parent = trace_of(inbound) or _named_within(message)
    span = secrets.token_hex(8)
    return first_span(secrets.token_hex(16), span) if parent is None else parent.child(span)


def _named_within(message: Message) -> TraceContext | None:
    found: list[Header] = []
    for name in _NAMES:
        span = message.span("params", "_meta", name.decode())
        text = None if span is None else json.loads(message.body[slice(*span)])
        if isinstance(text, str) and text.isascii():
            found.append((name, text.encode()))
    return read_trace_context(found)


def call_trace(
    inbound: Inbound, message: Message, headers: list[Header], *, own: bool
) -> tuple[TraceContext | None, list[Header]]:
    """The span that a call is, and the headers that go up with it. `own`: a new one of Helio's,
    which the upstream's spans hang on; else the agent's, if it named one."""
    if not own:
        return trace_of(inbound), headers
    trace = own_span(inbound, message)
    return trace, traced(headers, trace)


def traced(headers: Sequence[Header], trace: TraceContext) -> list[Header]:
    """The headers that go up, with this trace and no other."""
    return [*(header for header in headers if header[0] not in _NAMES), *trace.headers()]
