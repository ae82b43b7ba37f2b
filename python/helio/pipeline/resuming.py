"""Calls that another process forwarded and left open, taken up again by what is known of their
intents. Pure.

Above: `helio.app`, `helio.sideband`. Below: `machine`, `room`, `visit`, `helio.governance.past`.
Only calls of adapters can go on: they run elsewhere, whatever becomes of Helio.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from helio.evaluator import tool_call
from helio.governance.identity import SessionIdentity
from helio.governance.past import past_decision
from helio.governance.session_journal import visit_of
from helio.governance.store import Reservation
from helio.pipeline.events import CallReceived, Moment
from helio.pipeline.governance import Governance
from helio.pipeline.machine import CallMachine
from helio.pipeline.room import CallRoom
from helio.pipeline.visit import SessionVisit


class LeftCall(NamedTuple):
    """A call that is open. `started` is when its intent was recorded, on this process's clocks;
    `held` what it was given, held again; `facts` what it is in its session, if it is in one;
    `known` what is known of its intent's record."""

    call_id: str
    started: Moment
    held: Reservation
    facts: Mapping[str, Any] | None
    known: Mapping[str, Any]

    @property
    def rule(self) -> str | None:
        """What people call the rule that let it through."""
        return self.known.get("matched_rule")

    @property
    def tickets(self) -> tuple[str, ...]:
        """The tickets that it was approved by."""
        return tuple(self.known.get("approvals", ()))


def resumed(left: LeftCall, governance: Governance) -> tuple[CallMachine, CallReceived]:
    """The call's machine, which goes on with `received`."""
    received = _received(left)
    room = CallRoom(past_decision(left.known), continues=False)
    room.hold(left.held)
    about = left.known.get("about")
    visit = SessionVisit.resumed(
        received,
        governance,
        None if left.facts is None else visit_of({**left.facts, "call_id": left.call_id}),
        None if about is None else about.encode(),
    )
    machine = CallMachine(governance)
    machine.resume(received, room, visit, dict(left.known), left.started)
    return machine, received


def _received(left: LeftCall) -> CallReceived:
    """The call, but for its arguments and its metadata: it is judged already."""
    known = left.known
    session = SessionIdentity(known.get("session_id"), known.get("session_source"), ())
    return CallReceived(
        message=tool_call(known["tool_name"], b"null"),
        call_id=left.call_id,
        upstream=known["upstream"],
        session=session,
        agent=known.get("agent_id"),
        protocol_version=None,
        origin=known["origin"],
        kind=known["record_kind"],
    )
