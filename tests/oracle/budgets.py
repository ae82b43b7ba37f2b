"""What a call takes from budgets, and the pots and windows that this is counted in.

The oracle's reading of docs/architecture.md, "Budgets" and "Counting". Above it `graph` and the
tests; below it `compare`, `demands`, `jsonpath`. Pure: every charge ever made is kept, and asked
whether it still counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from oracle.compare import Truth, every
from oracle.demands import Caller, amount_of, found, key_part
from oracle.jsonpath import parse_path, select
from oracle.strict_json import Json

NANOSECONDS = 1_000_000


@dataclass(frozen=True)
class BudgetDemand:
    """What a call takes from one budget; fields as in `helio._core.BudgetDemand`."""

    budget: str
    id: str
    contributor: int
    key: str
    amount: str
    limit: str
    window_ms: int | None
    currency: str
    on_exceed: str


@dataclass(frozen=True)
class BudgetFault:
    """Why a budget's demand could not be computed."""

    kind: str
    budget: str
    field: str
    found: str


def demand_of(
    budget: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    judge: Callable[[int], Truth],
    caller: Caller,
    arguments: dict[str, Json],
) -> BudgetDemand | BudgetFault | None:
    """Return what a call takes from a budget; None when no contributor may match it."""
    contributors = [nodes[index] for index in budget["contributors"]]
    judged = [every([judge(index) for index in one["conditions"]]) for one in contributors]
    reached = judged[: judged.index(Truth.TRUE) + 1] if Truth.TRUE in judged else judged
    possible = [place for place, each in enumerate(reached) if each is not Truth.FALSE]
    if not possible:
        return None
    parts = [key_part(name, caller) for name in budget["key"]]
    for name, part in zip(budget["key"], parts, strict=True):
        if part is None:
            return BudgetFault("session_unresolved", budget["name"], name, "")
    amounts: dict[int, str] = {}
    for place in possible:
        amount = contributors[place].get("amount")
        if amount is None:
            path = nodes[contributors[place]["path"]]["path"]
            values = select(parse_path(path), arguments)
            amount = amount_of(values)
            if amount is None:
                return BudgetFault("invalid_amount", budget["name"], path, found(values))
        amounts[place] = amount
    dearest = max(possible, key=lambda place: (Fraction(amounts[place]), -place))
    return BudgetDemand(
        budget=budget["name"],
        id=budget["id"],
        contributor=dearest,
        key="|".join(part for part in parts if part is not None),
        amount=amounts[dearest],
        limit=budget["maximum"],
        window_ms=budget["window_ms"],
        currency=budget["currency"],
        on_exceed=budget["on_exceed"],
    )


Key = tuple[str, str]


@dataclass(frozen=True)
class Charge:
    """One committed amount."""

    amount: Fraction
    at: int


@dataclass
class Money:
    """All charges of budgets by id and key, and what is reserved. Instants are nanoseconds.

    `pots` are the ids whose charges leave together, a span after the last one.
    """

    pots: frozenset[str]
    span_ns: int
    charges: dict[Key, list[Charge]] = field(default_factory=dict)
    held: dict[int, list[tuple[Key, Fraction]]] = field(default_factory=dict)
    latest: int | None = None

    def advance(self, now: int) -> int:
        """Return the time to judge by: the clock never runs backwards."""
        self.latest = now if self.latest is None else max(now, self.latest)
        return self.latest

    def counted(self, key: Key, now: int) -> list[Charge]:
        """Return the charges that count: the young ones; of a pot all without a gap up to now."""
        kept: list[Charge] = []
        reference = now
        for charge in reversed(self.charges.get(key, [])):
            if reference - charge.at >= self.span_ns:
                break
            kept.append(charge)
            if key[0] in self.pots:
                reference = charge.at
        return kept[::-1]

    def spent(self, key: Key, now: int) -> Fraction:
        return sum((charge.amount for charge in self.counted(key, now)), Fraction(0))

    def reserved(self, key: Key) -> Fraction:
        held = [amount for parts in self.held.values() for at, amount in parts if at == key]
        return sum(held, Fraction(0))

    def reset(self, key: Key, amount: Fraction, maximum: Fraction, now: int) -> int | None:
        """Return how long until there is room; None if there never is."""
        if amount > maximum:
            return None
        counted = self.counted(key, now)
        if key[0] in self.pots:
            last = counted[-1].at if counted else now
            return last + self.span_ns - now
        pending = self.reserved(key) + amount
        for place, charge in enumerate(counted):
            rest = sum((later.amount for later in counted[place + 1 :]), Fraction(0))
            if rest + pending <= maximum:
                return charge.at + self.span_ns - now
        return self.span_ns

    def commit(self, reservation: int, now: int) -> None:
        """Charge what was reserved; nothing weighs nothing, and keeps no pot."""
        now = self.advance(now)
        for key, amount in self.held.pop(reservation):
            if amount:
                self.charges.setdefault(key, []).append(Charge(amount, now))
