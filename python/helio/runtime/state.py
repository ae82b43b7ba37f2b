"""The counters and sessions that calls ask and change: what of a call's commands needs no waiting.

Above: `driver` (on the clock of this process), `helio.simulation` (on a clock that is set). Below:
`helio.governance` (the store, the sessions). Instants come in.
"""

from helio.governance.past import PastDecision, Priced
from helio.governance.sessions import Sessions
from helio.governance.store import BudgetRefusal, LocalStore, Refusal
from helio.pipeline import commands, events

Question = commands.LoadFacts | commands.Reserve | commands.ReserveBudgets | commands.CheckRoom
"""Commands that one event answers."""
Settlement = commands.Commit | commands.Release | commands.EnterSession | commands.LeaveSession
"""Commands that none answers and nobody waits for."""


class CallState:
    """What calls share: one store of windows and one table of sessions."""

    def __init__(self, store: LocalStore, sessions: Sessions) -> None:
        self.store = store
        self.sessions = sessions

    def ask(self, command: Question, now: int) -> events.Event:
        """The event that answers a question at the monotonic instant `now`, nanoseconds."""
        match command:
            case commands.LoadFacts():
                return events.FactsLoaded(self.sessions.facts(command.session, command.names, now))
            case commands.Reserve():
                room = self.store.reserve(command.decision, now, enforce=command.enforce)
                if isinstance(room, Refusal):
                    return events.RoomRefused(room)
                return events.RoomReserved(room)
            case commands.ReserveBudgets():
                budgets = self.store.reserve_budgets(command.decision, now, enforce=command.enforce)
                if isinstance(budgets, BudgetRefusal):
                    return events.BudgetsRefused(budgets)
                return events.BudgetsReserved(budgets)
            case commands.CheckRoom():
                return self._checked(command.decision, now)

    def _checked(self, decision: Priced, now: int) -> events.Event:
        if isinstance(decision, PastDecision):
            return events.PastRoomChecked(*self.store.check_past(decision, now))
        return events.RoomChecked(
            self.store.check(decision, now), self.store.check_budgets(decision, now)
        )

    def settle(self, command: Settlement, now: int) -> None:
        """Carries out what no event answers."""
        match command:
            case commands.Commit():
                self.store.commit(command.reservation, command.at)
                for charge in command.overages:
                    self.store.charge(charge, command.at, now)
            case commands.Release():
                self.store.release(command.reservation)
            case commands.EnterSession():
                self.sessions.enter(command.visit, now)
            case commands.LeaveSession():
                self.sessions.leave(command.visit, command.result, command.arguments, now)
