"""Sliding windows as lists of entries: the oracle for `helio._core.Windows`.

A window keeps every entry it ever counted and asks each one for its age. Above it the tests; below
it nothing. Pure; times are nanoseconds on one clock, amounts are exact fractions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

NANOSECONDS = 1_000_000
Key = tuple[str, str]


class Demanded(Protocol):
    """What the windows need of a demand: `oracle.demands.Demand` or `helio.evaluator.Demand`."""

    @property
    def limit(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def maximum(self) -> str: ...
    @property
    def window_ms(self) -> int: ...
    @property
    def enforced(self) -> bool: ...


@dataclass(frozen=True)
class Entry:
    """One committed amount."""

    key: Key
    amount: Fraction
    at: int
    window_ns: int


@dataclass(frozen=True)
class Held:
    """One amount that is reserved and not yet committed."""

    key: Key
    amount: Fraction
    window_ns: int


@dataclass(frozen=True)
class Breach:
    """A demand, by its position, without room."""

    position: int
    current: Fraction
    reset_ns: int | None


class Windows:
    """All windows; the same operations as `helio._core.Windows`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.reservations: dict[int, list[Held]] = {}
        self.latest: int | None = None

    def advance(self, now: int) -> int:
        """Return the time to judge by: the clock never runs backwards."""
        self.latest = now if self.latest is None else max(now, self.latest)
        return self.latest

    def counted(self, key: Key, now: int) -> list[Entry]:
        """Return the entries of a window that have not left it; one of its full age has left."""
        return [e for e in self.entries if e.key == key and now - e.at < e.window_ns]

    def reserved(self, key: Key) -> Fraction:
        held = [h for group in self.reservations.values() for h in group if h.key == key]
        return sum((one.amount for one in held), Fraction(0))

    def current(self, key: Key, now: int) -> Fraction:
        return sum((entry.amount for entry in self.counted(key, now)), Fraction(0))

    def breaches(self, demands: Sequence[Demanded], now: int, *, enforce: bool) -> list[Breach]:
        """Return the demands without room, those first that block, each after what came before."""
        found: list[Breach] = []
        wanted: dict[Key, Fraction] = {}
        blocking = [p for p, demand in enumerate(demands) if enforce and demand.enforced]
        for position in blocking + [p for p in range(len(demands)) if p not in blocking]:
            demand = demands[position]
            key = (demand.limit, demand.key)
            pending = self.reserved(key) + wanted.get(key, Fraction(0))
            current = self.current(key, now) + pending
            if current + Fraction(demand.amount) > Fraction(demand.maximum):
                found.append(Breach(position, current, self.reset(demand, pending, now)))
            else:
                wanted[key] = wanted.get(key, Fraction(0)) + Fraction(demand.amount)
        return found

    def reset(self, demand: Demanded, pending: Fraction, now: int) -> int | None:
        """Return how long until there is room, or None if there never is.

        Each entry leaves at its time; what is reserved is taken to leave one window from now.
        """
        room = Fraction(demand.maximum) - Fraction(demand.amount)
        if room < 0:
            return None
        key = (demand.limit, demand.key)
        for leaving in sorted(e.at + e.window_ns for e in self.counted(key, now)):
            if self.current(key, leaving) + pending <= room:
                return leaving - now
        return demand.window_ms * NANOSECONDS

    def reserve(
        self, reservation: int, demands: Sequence[Demanded], now: int, *, enforce: bool
    ) -> list[Breach]:
        """Reserve all enforced demands or, if one has no room, nothing; return the breaches."""
        found = self.breaches(demands, self.advance(now), enforce=enforce)
        without_room = {breach.position for breach in found}
        if enforce and any(demands[position].enforced for position in without_room):
            return found
        self.reservations[reservation] = [
            Held(
                (demand.limit, demand.key), Fraction(demand.amount), demand.window_ms * NANOSECONDS
            )
            for position, demand in enumerate(demands)
            if position not in without_room
        ]
        return found

    def check(self, demands: Sequence[Demanded], now: int) -> list[Breach]:
        """Return what `reserve` would return, and reserve nothing."""
        return self.breaches(demands, self.advance(now), enforce=True)

    def commit(self, reservation: int, now: int) -> None:
        """Count what was reserved, from now on."""
        now = self.advance(now)
        for held in self.reservations.pop(reservation):
            self.count(Entry(held.key, held.amount, now, held.window_ns))

    def charge(self, entry: Entry, now: int) -> None:
        """Count an entry of the past, room or not; one of the future counts from now."""
        now = self.advance(now)
        self.count(replace(entry, at=min(entry.at, now)))

    def count(self, entry: Entry) -> None:
        """Keep an entry; nothing weighs nothing."""
        if entry.amount:
            self.entries.append(entry)

    def release(self, reservation: int) -> None:
        """Give back what was reserved."""
        del self.reservations[reservation]
