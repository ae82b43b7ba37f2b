"""What one call holds of limits and budgets until it is forwarded, or goes no further. Pure.

Above: `helio.pipeline.machine`. Below: `helio.governance.store`. Limits come first: what approvals
will need stands between them and the budgets.
"""

from helio.evaluator import Decision
from helio.governance.store import BudgetReservation, Reservation
from helio.pipeline import record
from helio.pipeline.commands import Command, Commit, Release


class CallRoom:
    """The room of one call. One that goes on from an earlier round has what that one was charged,
    and needs none."""

    __slots__ = ("_decision", "_held", "_needed")

    def __init__(self, decision: Decision, *, continues: bool) -> None:
        self._decision = decision
        self._needed = not continues
        self._held: list[Reservation | BudgetReservation] = []

    @property
    def wants_limits(self) -> bool:
        """Whether limits must have room."""
        return self._needed and self._decision.has_demands

    @property
    def wants_budgets(self) -> bool:
        """Whether budgets must have room."""
        return self._needed and self._decision.has_budgets

    def hold(self, reservation: Reservation | BudgetReservation) -> None:
        """Room was found."""
        self._held.append(reservation)

    def intent(self) -> dict[str, object]:
        """What the intent's record says of it: every charge, and which of them are budgets'."""
        charges = [charge for held in self._held for charge in held.charges]
        data: dict[str, object] = {}
        if charges:
            data["charges"] = record.charge_data(charges)
            taken = record.budget_data(self._decision, charges)
            if taken:
                data["budgets"] = taken
            spend = record.spend_data(self._decision, charges)
            if spend:
                data["spend"] = spend
        return data

    def commit(self, at: int) -> list[Command]:
        """The call was forwarded, at this monotonic instant: all is counted from then on."""
        return [Commit(held.id, at) for held in self._held]

    def release(self) -> list[Command]:
        """The call goes no further: nothing is held any more."""
        held, self._held = self._held, []
        return [Release(each.id) for each in held]
