"""What happened to a call, in the past tense. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from helio.evaluator import Breach, BudgetBreach, Message
from helio.governance.evidence import SessionFacts
from helio.governance.identity import SessionIdentity
from helio.governance.past import PastBreach, PastBudgetBreach
from helio.governance.store import BudgetRefusal, BudgetReservation, Refusal, Reservation
from helio.governance.ticket import Ticket
from helio.protocol.modern import Round
from helio.protocol.trace_context import TraceContext

EXPIRED: Final = "evaluation_expired"
"""Why a call failed of which no adapter reported in time: the reason of `UpstreamFailed`."""


class Moment(NamedTuple):
    """One instant on both clocks, in nanoseconds: `wall` since 1970, `monotonic` since some
    start."""

    wall: int
    monotonic: int


@dataclass(frozen=True, slots=True)
class CallReceived:
    """An agent sent a well-formed `tools/call`.

    `call_id` is new and unique; `upstream` names the server that holds the tool; `agent` is the
    authenticated agent, None when nobody said; `origin` is the door it came by.

    `continues` is the `call_id` of the first round when this call is a further round of it
    (2026-07-28, Multi Round-Trip Requests) and a `helio.governance.continuations.Continuations`
    said so: it is decided like any other, but what it would charge was charged then. `trace` is the
    span that it is, or hangs on, where someone traces it. Of an adapter's call, `metadata` is what
    it says beside the arguments, a JSON object, and `sender` who its message came from. `kind` is
    what the audit calls it (`record_kind`).
    """

    message: Message
    call_id: str
    upstream: str
    session: SessionIdentity
    agent: str | None
    protocol_version: str | None
    origin: str = "mcp"
    continues: str | None = None
    trace: TraceContext | None = None
    metadata: bytes | None = None
    sender: str | None = None
    kind: Literal["tool_call", "install_scan"] = "tool_call"


@dataclass(frozen=True, slots=True)
class FactsLoaded:
    """What is known of the call's session."""

    facts: SessionFacts


@dataclass(frozen=True, slots=True)
class RoomReserved:
    """Every limit had room, and holds it."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class RoomRefused:
    """At least one limit had no room; nothing is held."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Approved:
    """The call may run, as far as the ticket goes, which no other call has. It waited `waited`
    nanoseconds."""

    ticket: Ticket
    waited: int


@dataclass(frozen=True, slots=True)
class NotApproved:
    """The call does not run: the ticket ended otherwise, or is left pending by a client that went
    away."""

    ticket: Ticket
    waited: int


@dataclass(frozen=True, slots=True)
class ApprovalPending:
    """A person is asked, and the agent does not wait for that (`mode: return`)."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class AskingRefused:
    """Nobody can be asked now."""

    detail: str


@dataclass(frozen=True, slots=True)
class BudgetsReserved:
    """Every budget had room, and holds it; without enforcement those that had."""

    reservation: BudgetReservation


@dataclass(frozen=True, slots=True)
class BudgetsRefused:
    """At least one budget had no room; none holds anything for this call."""

    refusal: BudgetRefusal


@dataclass(frozen=True, slots=True)
class RoomChecked:
    """What a dry run found: the limits without room, shadow rules' included, and the budgets."""

    breaches: tuple[Breach, ...]
    budgets: tuple[BudgetBreach, ...] = ()


@dataclass(frozen=True, slots=True)
class PastRoomChecked:
    """What is in the limits and budgets of a call of the past, full or not."""

    breaches: tuple[PastBreach, ...]
    budgets: tuple[PastBudgetBreach, ...]


@dataclass(frozen=True, slots=True)
class StateFailed:
    """The counters, or the facts of a session, could not be asked."""

    detail: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The journal has what the last command asked it to keep, as durably as configured."""


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The journal could not keep it."""

    detail: str


@dataclass(frozen=True, slots=True)
class UpstreamAnswered:
    """The upstream's answer is here, whole, and held back until the outcome is recorded.

    `body` is the JSON-RPC answer's text; None when it is none, and then `unread` is what came.
    `error` says what the answer reports, if it does; `asks` what a further round must bring along,
    if the answer asks for one (2026-07-28).
    `latency` is nanoseconds from the first byte sent to the last byte received. `actual_amount`, a
    decimal text, is what the call turned out to cost, where somebody says so. `report` names the
    report that says all this, where one does, so that it is known when it comes again.
    """

    http_status: int
    body: bytes | None
    unread: bytes
    error: str | None
    latency: int
    asks: Round | None = None
    actual_amount: str | None = None
    report: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamFailed:
    """No answer will come. `sent` is False only when not one byte of the call left this process.
    `report` as in `UpstreamAnswered`; of a call that expired it is `EXPIRED`."""

    reason: str
    detail: str
    sent: bool
    latency: int
    report: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """This process ends, and the call does not: the next one goes on with it, by its intent."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The driver cannot go on with this call (`detail` says why) and will not answer it."""

    detail: str


Event = (
    CallReceived
    | FactsLoaded
    | RoomReserved
    | RoomRefused
    | Approved
    | NotApproved
    | ApprovalPending
    | AskingRefused
    | BudgetsReserved
    | BudgetsRefused
    | RoomChecked
    | PastRoomChecked
    | StateFailed
    | Recorded
    | RecordingFailed
    | UpstreamAnswered
    | UpstreamFailed
    | LeftOpen
    | Abandoned
)
