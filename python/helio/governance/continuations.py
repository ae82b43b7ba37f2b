"""Calls that wait for their next round, so that a call of several rounds is charged once.

Above: `helio.transport` (notes what an upstream asks for, and takes it when the agent comes back).
Pure: time comes in.

A result of type `input_required` ends a request, and the agent sends a new one that goes on from
there (2026-07-28, Multi Round-Trip Requests). An agent can write into that request what it likes,
so it counts as a further round only if an upstream really asked for it: same upstream, tool,
arguments, agent, session and state. Everything else is a call of its own. What is forgotten here
(a restart, the bounds) is charged anew, never let through for nothing.
"""

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final, NamedTuple

CAPACITY: Final = 10_000
"""Calls that may wait; past it the oldest is forgotten."""

LIFETIME_NS: Final = 3600 * 1_000_000_000
"""How long a call waits: as long as a person may take to answer."""

MAX_ROUNDS: Final = 16
"""Further rounds of one charged call; the next one is charged as a new call."""


@dataclass(frozen=True, slots=True)
class RoundKey:
    """What two rounds of one call have in common.

    `arguments_hash` is of the canonical arguments. `state` is the hash of the `requestState` that
    the result gave and the retry brings (`state_hash`), None when it gave none.
    """

    upstream: str
    tool: str
    arguments_hash: str
    agent: str | None
    session: str | None
    state: str | None


class Continuation(NamedTuple):
    """A call that may go on: the `call_id` of its first round, how many rounds followed that one,
    and until when (monotonic nanoseconds)."""

    call_id: str
    rounds: int
    until: int


def state_hash(state: str | None) -> str | None:
    """The hash of a `requestState`, so that none is kept however long it is."""
    if state is None:
        return None
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


class Continuations:
    """The calls of all agents that wait for their next round. Times are monotonic nanoseconds."""

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        lifetime_ns: int = LIFETIME_NS,
        max_rounds: int = MAX_ROUNDS,
    ) -> None:
        self._capacity = capacity
        self._lifetime = lifetime_ns
        self._max_rounds = max_rounds
        # In the order in which they came, and the same by what they are found by.
        self._waiting: OrderedDict[int, tuple[RoundKey, Continuation]] = OrderedDict()
        self._by_key: dict[RoundKey, deque[int]] = {}
        self._next = 0

    def note(
        self, key: RoundKey, call_id: str, now: int, *, after: Continuation | None = None
    ) -> None:
        """An upstream asked for another round of the call `call_id`.

        `after` is what that call itself went on from: then its first round stays the first. A call
        that had all its rounds is not noted.
        """
        rounds = 0 if after is None else after.rounds
        if rounds < self._max_rounds:
            first = call_id if after is None else after.call_id
            self._add(key, Continuation(first, rounds, now + self._lifetime), now)

    def take(self, key: RoundKey, now: int) -> Continuation | None:
        """The call that a further round belongs to, once; None when nobody asked for that round.

        Of several that agree in everything, the one that has waited longest.
        """
        self._forget(now)
        while serials := self._by_key.get(key):
            _, found = self._waiting[serials[0]]
            self._remove(serials[0])
            if found.until > now:
                return found._replace(rounds=found.rounds + 1)
        return None

    def give_back(self, key: RoundKey, continuation: Continuation, now: int) -> None:
        """The round that took `continuation` was not sent: another one may try again."""
        self._add(key, continuation._replace(rounds=continuation.rounds - 1), now)

    def __len__(self) -> int:
        return len(self._waiting)

    def _add(self, key: RoundKey, continuation: Continuation, now: int) -> None:
        self._forget(now)
        if len(self._waiting) >= self._capacity:
            self._remove(next(iter(self._waiting)))
        self._waiting[self._next] = (key, continuation)
        self._by_key.setdefault(key, deque()).append(self._next)
        self._next += 1

    def _remove(self, serial: int) -> None:
        """Forgets one, which is the oldest of those that agree with it."""
        key, _ = self._waiting.pop(serial)
        serials = self._by_key[key]
        serials.popleft()
        if not serials:
            del self._by_key[key]

    def _forget(self, now: int) -> None:
        """Forgets those that waited too long. One that was given back stands behind younger ones,
        and goes when they do."""
        while self._waiting:
            serial = next(iter(self._waiting))
            if self._waiting[serial][1].until > now:
                return
            self._remove(serial)
