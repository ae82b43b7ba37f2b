"""What holds for every ticket unless its rule says otherwise.

Above: `broker`; `helio.app` makes it of the configuration. Pure.
"""

from dataclasses import dataclass
from typing import Final, Literal

from helio.governance.ticket import Mode

MILLISECOND: Final = 1_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """Durations in ms. `channels` are the names of the configured ones; all of them are notified
    when no rule names any. `keep_unrecorded`: a journal that fails stops nothing
    (`audit.on_failure: allow`)."""

    mode: Mode = "hold"
    timeout_ms: int = 300_000
    default_on_timeout: Literal["deny", "allow"] = "deny"
    grant_ttl_ms: int = 900_000
    channels: tuple[str, ...] = ("dashboard",)
    keep_unrecorded: bool = False
