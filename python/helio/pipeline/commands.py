"""What is to be done for a call, in the imperative. A driver carries them out in order. Pure.

`LoadFacts`, `Reserve`, `AskApproval`, `ReserveBudgets`, `CheckRoom`, `RecordBlocked`,
`RecordIntent`, `Forward` and `RecordOutcome` are each answered by one event; they come last in a
batch. `Commit`, `Release`, `UseApprovals`, `GiveBackApprovals`, `EnterSession`, `LeaveSession`,
`Answer` and `Deliver` are answered by none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from helio.evaluator import Decision
from helio.governance.past import Priced
from helio.governance.sessions import Result, Visit
from helio.governance.store import Charge
from helio.governance.ticket import ApprovalRequest


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """Say what is known of the session with this key, of tools and evidence under these names."""

    session: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold room for every demand of the decision; `enforce` False counts and reports only."""

    decision: Decision
    enforce: bool


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Have a person decide about the call, or find what was decided about it already."""

    request: ApprovalRequest


@dataclass(frozen=True, slots=True)
class UseApprovals:
    """The call of this id runs with these tickets, which its intent names: no other can."""

    tickets: tuple[str, ...]
    call_id: str


@dataclass(frozen=True, slots=True)
class GiveBackApprovals:
    """The call does not run: these tickets count for the same call sent again."""

    tickets: tuple[str, ...]
    call_id: str


@dataclass(frozen=True, slots=True)
class ReserveBudgets:
    """Hold what the decision takes from every budget; `enforce` False counts and reports only."""

    decision: Decision
    enforce: bool


@dataclass(frozen=True, slots=True)
class CheckRoom:
    """Say which limits and budgets have no room, and hold nothing."""

    decision: Priced


@dataclass(frozen=True, slots=True)
class RecordBlocked:
    """Keep a call that goes no further: `data` is its whole audit record."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordIntent:
    """Keep, before it happens, that the call will be forwarded, with what it charges."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the call's own bytes to its upstream."""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """Keep what came of a forwarded call, before it is answered."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Commit:
    """Count what was reserved, from the monotonic instant `at` on: when the call was forwarded.

    `overages` are counted beside it: for which there was no room and a person approved, or what
    takes the place of something reserved.
    """

    reservation: int
    at: int
    overages: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """Give back what was reserved."""

    reservation: int


@dataclass(frozen=True, slots=True)
class EnterSession:
    """The call is about to be forwarded: its session has called the tool, and bears its labels."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class LeaveSession:
    """What came of the call. `arguments`, canonical JSON, are kept with a success."""

    visit: Visit
    result: Result
    arguments: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the agent with this JSON-RPC message."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give the agent the upstream's answer that was held back."""


Command = (
    LoadFacts
    | Reserve
    | AskApproval
    | UseApprovals
    | GiveBackApprovals
    | ReserveBudgets
    | CheckRoom
    | RecordBlocked
    | RecordIntent
    | Forward
    | RecordOutcome
    | Commit
    | Release
    | EnterSession
    | LeaveSession
    | Answer
    | Deliver
)
