"""The exceptions of operations that failed. Decisions and faults of a policy are values, never
these.

Every room stands above it; it imports nothing of Helio. Pure.
"""

from typing import Literal, TypeAlias


class HelioError(Exception):
    """What all exceptions of Helio's own operations have in common."""


class ProgrammingError(HelioError):
    """Helio used one of its own parts in a way that cannot be meant. The text says how."""


class StartFailed(HelioError):
    """Helio cannot start. `hint` says what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


UpstreamFailure: TypeAlias = Literal[
    "connect_failed",
    "connect_timeout",
    "timeout",
    "closed",
    "protocol_error",
    "too_large",
    "session_lost",
]


class UpstreamFailed(HelioError):
    """A request to an upstream that got no whole answer.

    `reason`: `connect_failed` (refused, unknown host, TLS), `connect_timeout` (no connection in
    time, or none free), `timeout` (no byte within the request's timeout), `closed` (the connection
    ended early, or was closed here), `protocol_error` (not an HTTP answer that may be trusted, or a
    request that may not be written), `too_large`, `session_lost` (the upstream had forgotten the
    session, which was opened anew, and a call is not sent twice). `sent`: False guarantees that not
    one byte of the request left this process. `detail`: a sentence for people.
    """

    def __init__(self, reason: UpstreamFailure, *, sent: bool, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: UpstreamFailure = reason
        self.sent = sent
        self.detail = detail


class CatalogueError(HelioError):
    """An upstream answered, but its tools could not be listed. The text says why."""


class JournalLocked(HelioError):
    """Another process keeps its audit in this directory. `pid` is None when it did not say."""

    def __init__(self, directory: str, pid: int | None) -> None:
        owner = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{directory} is in use by {owner}")
        self.directory = directory
        self.pid = pid


class JournalDamaged(HelioError):
    """A journal that is not what was written. `segment` is a file's name, `line` counts from 1."""

    def __init__(self, segment: str, line: int, why: str) -> None:
        super().__init__(f"{segment}, line {line}: {why}")
        self.segment = segment
        self.line = line
        self.why = why


class JournalUnavailable(HelioError):
    """The journal cannot keep a record now. The text says why."""


class SigningKeyUnusable(HelioError):
    """The key that signs the audit's heads cannot be used. The text says which, and why."""


class HeadUnreadable(HelioError):
    """What should be a head of the audit is none. The text says why."""


class IndexUnavailable(HelioError):
    """The audit's index cannot be asked now. The text says why."""


class Unanswered(HelioError):
    """A question to the audit's index that got no answer. `fault` says whose it is: `filter` (a
    faulty one), `missing` (nothing of this name), `unavailable` (no index now), `failed`. The text
    says why."""

    def __init__(self, fault: str, why: str) -> None:
        super().__init__(why)
        self.fault = fault


class ArchiveUnavailable(IndexUnavailable):
    """The audit's archive cannot be reached, written or read now. The text says why."""


class ArchiveDamaged(ArchiveUnavailable):
    """What stands in the archive is not what was sealed. `place` is a file's, in the archive."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


class FilterError(HelioError):
    """A filter of the audit that does not exist, or whose value is not of its type."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


class UnaskedEvidence(HelioError):
    """A mark under names that no rule asks for: it would prove nothing, and hides a slip."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"no rule asks for evidence of {' or '.join(names)}")
        self.names = names


class UnknownTicket(HelioError):
    """No ticket has this id, or it ended too long ago to be remembered."""

    def __init__(self, ticket_id: str) -> None:
        super().__init__(f"no ticket {ticket_id} is known")
        self.ticket_id = ticket_id


class AlreadyResolved(HelioError):
    """The ticket waits for nobody any more. `status` is how it ended."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the ticket is resolved already: {status}")
        self.status = status


class TooManyTickets(HelioError):
    """Nobody can be asked about one more call. The text says why."""


class NotificationFailed(HelioError):
    """A channel could not tell anybody of a ticket. The text says why, without secrets."""
