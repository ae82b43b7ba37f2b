"""The state store: counters that decisions reserve room in. This one lives in the process.

Above: `helio.runtime` (reserves, commits, releases), `helio.app` (restores, sweeps). Pure: time
comes in.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from helio.evaluator import Breach, BudgetBreach, Decision, Level, Windows
from helio.governance.past import PastBreach, PastBudgetBreach, PastDecision


class Charge(NamedTuple):
    """What one call takes from one window. `amount` is a decimal text, 1 for a rate limit. `limit`
    is the identity of the limit or the budget."""

    limit: str
    key: str
    kind: str
    amount: str
    window_ms: int


def amount_of(text: str) -> str:
    """The amount that a number's text stands for, as charges have it. Raises ValueError, which says
    why it is none: negative, or of too many digits."""
    scale = Windows()
    scale.charge("", "", "spend", text, 1, 0, 0)
    levels = scale.levels(0)
    return levels[0].current if levels else "0"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room held for one call until it is committed or released; `id` 0 holds nothing.

    `breaches` are the limits without room that do not block: those of shadow rules, or all of them
    when nothing is enforced.
    """

    id: int
    charges: tuple[Charge, ...]
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """No room: nothing was reserved. `breaches` holds every enforced limit that had none."""

    breaches: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class BudgetReservation:
    """The same for budgets."""

    id: int
    charges: tuple[Charge, ...]
    breaches: tuple[BudgetBreach, ...]


@dataclass(frozen=True, slots=True)
class BudgetRefusal:
    """Nothing was reserved. `breaches` holds every budget that had no room."""

    breaches: tuple[BudgetBreach, ...]


class LocalStore:
    """All windows of this process. Times are nanoseconds of one monotonic clock."""

    def __init__(self) -> None:
        self._windows = Windows()

    def reserve(self, decision: Decision, now: int, *, enforce: bool) -> Reservation | Refusal:
        """Holds room for every demand of `decision`, or for none (see `Reservation`, `Refusal`)."""
        reservation, breaches = self._windows.reserve(decision, now, enforce=enforce)
        blocking = tuple(breach for breach in breaches if enforce and breach.demand.enforced)
        if blocking:
            return Refusal(blocking)
        if reservation == 0:
            return Reservation(0, (), tuple(breaches))
        return Reservation(reservation, self._charges(reservation), tuple(breaches))

    def check(self, decision: Decision, now: int) -> tuple[Breach, ...]:
        """The limits, shadow ones included, that have no room now. Reserves nothing."""
        return tuple(self._windows.check(decision, now))

    def reserve_budgets(
        self, decision: Decision, now: int, *, enforce: bool
    ) -> BudgetReservation | BudgetRefusal:
        """Holds what the call takes from every budget, or nothing."""
        reservation, breaches = self._windows.reserve_budgets(decision, now, enforce=enforce)
        if breaches and enforce:
            return BudgetRefusal(tuple(breaches))
        charges = self._charges(reservation) if reservation else ()
        return BudgetReservation(reservation, charges, tuple(breaches))

    def check_budgets(self, decision: Decision, now: int) -> tuple[BudgetBreach, ...]:
        """The budgets that have no room now. Reserves nothing."""
        return tuple(self._windows.check_budgets(decision, now))

    def check_past(
        self, decision: PastDecision, now: int
    ) -> tuple[tuple[PastBreach, ...], tuple[PastBudgetBreach, ...]]:
        """What is in each limit and budget that a call of the past is counted in, full or not."""
        found: dict[tuple[str, str], Decimal] = {}
        for level in self.levels(now):
            found[level.limit, level.key] = Decimal(level.current) + Decimal(level.reserved)

        def current(limit: str, key: str) -> str:
            return f"{found.get((limit, key), Decimal(0)):f}"

        limits = (PastBreach(each, current(each.limit, each.key)) for each in decision.demands)
        budgets = (PastBudgetBreach(each, current(each.id, each.key)) for each in decision.budgets)
        return tuple(limits), tuple(budgets)

    def hold_again(self, charges: Sequence[Charge], now: int) -> Reservation:
        """Holds what a call that is still open was given before a restart, room or not."""
        return Reservation(self._windows.hold_again(list(charges), now), tuple(charges), ())

    def commit(self, reservation: int, now: int) -> None:
        """Counts what was reserved, from `now` on."""
        if reservation:
            self._windows.commit(reservation, now)

    def release(self, reservation: int) -> None:
        """Gives back what was reserved."""
        if reservation:
            self._windows.release(reservation)

    def charge(self, charge: Charge, at: int, now: int) -> None:
        """Counts a charge of the past (`at`), as the journal tells it after a restart."""
        self._windows.charge(
            charge.limit, charge.key, charge.kind, charge.amount, charge.window_ms, at, now
        )

    def levels(self, now: int) -> list[Level]:
        """Every window and pot that holds anything, reserved or counted, sorted by identity and
        key."""
        return self._windows.levels(now)

    def fullest(self, now: int) -> list[tuple[Level, int]]:
        """Of each limit or budget the window that is fullest, and how many it has. Quick, however
        many there are."""
        return self._windows.fullest(now)

    def sweep(self, now: int) -> int:
        """Forgets windows that nothing counts in any more; their number."""
        return self._windows.sweep(now)

    def snapshot(self, now: int) -> object:
        """What counts at `now`, as a JSON value for the journal's checkpoint."""
        return json.loads(self._windows.snapshot(now))

    def restore(self, snapshot: object, elapsed: int, now: int) -> None:
        """Takes back a snapshot that was made `elapsed` nanoseconds ago."""
        self._windows.restore(json.dumps(snapshot).encode(), elapsed, now)

    def _charges(self, reservation: int) -> tuple[Charge, ...]:
        return tuple(Charge(*charge) for charge in self._windows.charges(reservation))

    def __len__(self) -> int:
        return len(self._windows)
