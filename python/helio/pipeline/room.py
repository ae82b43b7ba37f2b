"""What one call holds of limits and budgets until it is forwarded, or goes no further. Pure.

Above: `helio.pipeline.deciding`, `forwarding`. Below: `helio.governance.store`. Limits come first;
people are asked between them and the budgets.
"""

from collections.abc import Iterable

from helio.evaluator import BudgetBreach
from helio.governance.past import Priced, demands_data
from helio.governance.store import BudgetReservation, Charge, Reservation
from helio.pipeline import record
from helio.pipeline.commands import CheckRoom, Command, Commit, Release
from helio.pipeline.governance import ActivePolicy


class CallRoom:
    """The room of one call. One that goes on from an earlier round has what that one was charged,
    and needs none."""

    __slots__ = ("_actual_amount", "_decision", "_held", "_needed", "_overages")

    def __init__(self, decision: Priced, *, continues: bool) -> None:
        self._decision = decision
        self._needed = not continues
        self._held: list[Reservation | BudgetReservation] = []
        self._overages: tuple[Charge, ...] = ()
        self._actual_amount: str | None = None

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge, as it is or was corrected."""
        found = [charge for held in self._held for charge in held.charges]
        found.extend(self._overages)
        if self._actual_amount is None:
            return tuple(found)
        return tuple(
            each if each.kind == "rate" else each._replace(amount=self._actual_amount)
            for each in found
        )

    @property
    def prices(self) -> frozenset[tuple[str, str | None]]:
        """What the call is charged in money, each amount (a decimal text) with its currency."""
        currencies = record.currencies(self._decision)
        return frozenset(
            (each.amount, currencies.get((each.limit, each.key)))
            for each in self.charges
            if each.kind != "rate"
        )

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

    def overdraw(self, breaches: Iterable[BudgetBreach], policy: ActivePolicy) -> None:
        """These budgets have no room, and a person lets the call take from them all the same."""
        lifetimes = {each.id: each.idle_ttl_ms for each in policy.compiled.budgets}
        self._overages = tuple(
            Charge(
                each.id, each.key, each.kind, each.amount, each.window_ms or lifetimes[each.id] or 0
            )
            for each in (breach.demand for breach in breaches)
        )

    def intent(self) -> dict[str, object]:
        """What the intent's record says of it: every charge, and which of them are budgets'."""
        charges = self.charges
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

    def demands(self) -> dict[str, object]:
        """What a restart must know to correct the charges (`helio.governance.past`)."""
        return demands_data(self._decision, {(each.limit, each.key) for each in self.charges})

    def check(self) -> CheckRoom:
        """Asks what is over its limit."""
        return CheckRoom(self._decision)

    def correct(self, actual_amount: str, at: int) -> list[Command]:
        """Every amount of money turned out to be this one: it is counted from this monotonic
        instant on, room or not, and what was reserved is given back."""
        self._actual_amount = actual_amount
        # In this order no window or pot is empty between the two.
        return [Commit(0, at, self.charges), *(Release(held.id) for held in self._held)]

    def commit(self, at: int) -> list[Command]:
        """The call was forwarded, at this monotonic instant: all is counted from then on."""
        commits: list[Command] = [Commit(held.id, at) for held in self._held]
        if self._overages:
            commits.append(Commit(0, at, self._overages))
        return commits

    def release(self) -> list[Command]:
        """The call goes no further: nothing is held any more."""
        held, self._held = self._held, []
        self._overages = ()
        return [Release(each.id) for each in held]
