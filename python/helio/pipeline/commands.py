"""What is to be done for a call, in the imperative. A driver carries them out in order. Pure.

`LoadFacts`, `Reserve`, `ReserveBudgets`, `CheckRoom`, `RecordBlocked`, `RecordIntent`, `Forward`
and `RecordOutcome` are each answered by one event; they come last in a batch. `Commit`, `Release`,
`EnterSession`, `LeaveSession`, `Answer` and `Deliver` are answered by none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from helio.evaluator import Decision
from helio.governance.sessions import Result, Visit


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
class ReserveBudgets:
    """Hold what the decision takes from every budget; `enforce` False counts and reports only."""

    decision: Decision
    enforce: bool


@dataclass(frozen=True, slots=True)
class CheckRoom:
    """Say which limits and budgets have no room, and hold nothing."""

    decision: Decision


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
    """Count what was reserved, from the monotonic instant `at` on: when the call was forwarded."""

    reservation: int
    at: int


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
