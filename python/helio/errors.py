"""The exceptions of operations that failed. Decisions and faults of a policy are values, never
these.

Every room stands above it; it imports nothing of Helio. Pure.
"""

from typing import Literal, TypeAlias


class HelioError(Exception):
    """What all exceptions of Helio's own operations have in common."""


class ProgrammingError(HelioError):
    """Helio used one of its own parts in a way that cannot be meant. The text says how."""


UpstreamFailure: TypeAlias = Literal[
    "connect_failed", "connect_timeout", "timeout", "closed", "protocol_error", "too_large"
]


class UpstreamFailed(HelioError):  # noqa: N818
    """A request to an upstream that got no whole answer.

    `reason`: `connect_failed` (refused, unknown host, TLS), `connect_timeout` (no connection in
    time, or none free), `timeout` (no byte within the request's timeout), `closed` (the connection
    ended early, or was closed here), `protocol_error` (not an HTTP answer that may be trusted, or a
    request that may not be written), `too_large`. `sent`: False guarantees that not one byte of the
    request left this process. `detail`: a sentence for people.
    """

    def __init__(self, reason: UpstreamFailure, *, sent: bool, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: UpstreamFailure = reason
        self.sent = sent
        self.detail = detail


class CatalogueError(HelioError):
    """An upstream answered, but its tools could not be listed. The text says why."""
