"""Sessions as the plain list of all that happened in them: the oracle for `Sessions`.

Every question is answered by reading the list anew. Above it the tests; below it nothing. Pure;
times are nanoseconds of one clock that never runs backwards.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

TTL = 300 * 10**9
Found = tuple[Literal["met", "expired", "missing"], frozenset[str]]
"""Whether a requirement is met, and the calls (or `mark`) of which each may be named as proof."""


@dataclass(frozen=True)
class Happened:
    """One thing in one session: a `call` that is over, one that is `open`, or a `mark`.

    `names` are the tool, or what a mark is known under; `document` is what it was about, None for
    a call that nobody may ask about; `ttl` how long it proves that, if it does.
    """

    kind: Literal["call", "open", "mark"]
    at: int
    by: str
    names: tuple[str, ...]
    labels: tuple[str, ...] = ()
    succeeded: bool = False
    document: bytes | None = None
    ttl: int = 0

    @property
    def until(self) -> int:
        return self.at + self.ttl


@dataclass
class History:
    """One session."""

    seen: int
    events: list[Happened] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return any(each.kind == "open" for each in self.events)

    def calls(self) -> Iterator[Happened]:
        return (each for each in self.events if each.kind != "mark")

    def labels(self) -> set[str]:
        return {label for each in self.calls() for label in each.labels}

    def called(self, tool: str, *, success: bool) -> Found:
        made = [each for each in self.calls() if tool in each.names]
        succeeded = [each.by for each in made if each.succeeded]
        if succeeded:
            return "met", frozenset(succeeded[-1:])
        return ("met" if made and not success else "missing"), frozenset()

    def evidence(
        self, name: str, bind: Sequence[tuple[str, str]], arguments: bytes, now: int
    ) -> Found:
        """`bind` are pairs of keys of the top level."""
        proofs = [
            each
            for each in self.events
            if name in each.names
            and (each.kind == "mark" or each.succeeded)
            and all(_equal(arguments, here, each.document, there) for here, there in bind)
        ]
        if not proofs:
            return "missing", frozenset()
        until = max(each.until for each in proofs)
        named = frozenset(each.by for each in proofs if each.until == until)
        return ("met" if until > now else "expired"), named


def _equal(left: bytes, here: str, right: bytes | None, there: str) -> bool:
    if right is None:
        return False
    one, other = json.loads(left), json.loads(right)
    if here not in one or there not in other:
        return False
    return type(one[here]) is type(other[there]) and bool(one[here] == other[there])


@dataclass
class Histories:
    """All sessions, from the longest idle to the one that was active last."""

    most: int
    most_per_agent: int
    idle: int
    now: int = -(1 << 63)
    sessions: dict[str, History] = field(default_factory=dict)

    def advance(self, now: int) -> int:
        self.now = max(self.now, now)
        return self.now

    def is_over(self, history: History) -> bool:
        return not history.is_open and self.now - history.seen >= self.idle

    def find(self, key: str, now: int) -> History | None:
        """The session, in which something happens now; None when it is unknown or over."""
        now = self.advance(now)
        history = self.sessions.pop(key, None)
        if history is None or self.is_over(history):
            return None
        history.seen = now
        self.sessions[key] = history
        return history

    def open(self, key: str, now: int) -> History:
        """The session, made if it is not there; past a cap another one goes."""
        history = self.find(key, now)
        if history is None:
            theirs = [each for each in self.sessions if agent(each) == agent(key)]
            if agent(key) and len(theirs) >= self.most_per_agent:
                self._forget_one(theirs)
            elif len(self.sessions) >= self.most:
                self._forget_one(list(self.sessions))
            history = self.sessions[key] = History(self.now)
        return history

    def _forget_one(self, keys: Iterable[str]) -> None:
        for key in keys:
            if not self.sessions[key].is_open:
                del self.sessions[key]
                return

    def restart_at(self, now: int, then: int) -> None:
        """Goes on at the instant `then` of another clock, which is `now` on this one."""
        shift = then - self.advance(now)
        self.now = then
        for history in self.sessions.values():
            history.seen += shift
            history.events = [replace(each, at=each.at + shift) for each in history.events]

    def settle(self, key: str, call_id: str, now: int) -> None:
        """A call that was under way is over, and nobody knows what came of it."""
        history = self.open(key, now)
        history.events = [
            replace(each, kind="call") if each.by == call_id else each for each in history.events
        ]

    def view(self) -> Any:
        """All that is known of calls, for a comparison: labels, the tools called, the last success
        of each, and how many calls there were."""
        return {
            key: (
                history.labels(),
                {name for each in history.calls() for name in each.names},
                {each.names[0]: each.by for each in history.calls() if each.succeeded},
                len(list(history.calls())),
            )
            for key, history in self.sessions.items()
            if not self.is_over(history)
        }


def agent(key: str) -> str:
    return key.rpartition(" ")[0]
