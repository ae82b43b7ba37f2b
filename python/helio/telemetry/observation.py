"""What is seen of a call once it is over.

Above: `helio.runtime` says it, `metrics` and `collector` tell it on. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from helio.protocol.trace_context import TraceContext

Record: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EndedCall:
    """One call. `record` is what the audit keeps of it, its outcome included; `began` and `ended`
    are ns since 1970; `trace` is its span, None when nobody traces it."""

    record: Record
    began: int
    ended: int
    trace: TraceContext | None


class Observer(Protocol):
    """Looks at calls that are over. It must be quick, and must not fail."""

    def call_ended(self, call: EndedCall) -> None:
        """One call was over."""
