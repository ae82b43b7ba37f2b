"""W3C Trace Context: which trace a request belongs to, as its headers say. Pure.

Above: `helio.transport` (reads and writes the headers), `helio.telemetry` (tells of spans). A
header that breaks the rules of its specification is ignored and not passed on, as it asks for.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from helio.protocol.headers import Header

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
_VERSION_0: Final = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LATER: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16
_LONGEST_STATE: Final = 2048
_STATE: Final = re.compile(rb"[\t -~]*")
_SAMPLED: Final = 1
_KNOWN_FLAGS: Final = 3
"""Sampled, and (level 2) that the trace's id is random."""


class TraceContext(NamedTuple):
    """A span of a trace: ids in lower-case hex, `parent` the span that it hangs on, None for the
    first of its trace; `flags` as on the wire (1: sampled), `state` what vendors say of it."""

    trace: str
    span: str
    flags: int
    state: bytes | None = None
    parent: str | None = None

    @property
    def sampled(self) -> bool:
        """Whether those before wanted it to be recorded."""
        return bool(self.flags & _SAMPLED)

    def child(self, span: str) -> "TraceContext":
        """A span, 16 hex digits, that hangs on this one."""
        return TraceContext(self.trace, span, self.flags, self.state, self.span)

    def headers(self) -> list[Header]:
        """As a request says it."""
        value = b"00-%b-%b-%02x" % (
            self.trace.encode(),
            self.span.encode(),
            self.flags & _KNOWN_FLAGS,
        )
        found = [(TRACEPARENT, value)]
        if self.state:
            found.append((TRACESTATE, self.state))
        return found


def first_span(trace: str, span: str) -> TraceContext:
    """The first span of a trace that begins here: sampled, its id random."""
    return TraceContext(trace, span, _KNOWN_FLAGS)


def read_trace_context(headers: Iterable[Header]) -> TraceContext | None:
    """The span that a request's headers (names in any case) name; None for none, or a wrong one.

    Several `tracestate` headers are one list (W3C Trace Context, section 3.3).
    """
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in headers:
        folded = name.lower()
        if folded == TRACEPARENT:
            parents.append(value.strip(b" \t"))
        elif folded == TRACESTATE:
            states.append(value.strip(b" \t"))
    if len(parents) != 1:
        return None
    found = _VERSION_0.fullmatch(parents[0]) or _later(parents[0])
    if found is None or found[1] == _NO_TRACE or found[2] == _NO_SPAN:
        return None
    state = b",".join(each for each in states if each)
    fit = 0 < len(state) <= _LONGEST_STATE and _STATE.fullmatch(state) is not None
    return TraceContext(
        found[1].decode(), found[2].decode(), int(found[3], 16), state if fit else None
    )


def _later(parent: bytes) -> re.Match[bytes] | None:
    """A version that comes after this one is read as far as it is known."""
    return None if parent.startswith(b"00") else _LATER.fullmatch(parent)
