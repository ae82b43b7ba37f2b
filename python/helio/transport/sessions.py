"""The MCP sessions that agents hold at the doors: how many, whose, and until when.

Above: `helio.transport.reception`. Below: `helio.transport.admission`. A session that lives is
never ended to make room for another one: who comes too late is refused, and told when to come
again.
"""

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from helio.protocol.jsonrpc import INTERNAL_ERROR
from helio.transport.admission import Rejection

RETRY_AFTER_SECONDS: Final = 30

Key = tuple[str, str]
"""An upstream's name, and the id of a session there."""


@dataclass(slots=True)
class _Session:
    agent: str | None
    uses: int = 0
    idle_since: float = 0.0


@dataclass(slots=True, eq=False)
class Admission:
    """Room for one session, from before its `initialize` until the answer is there."""

    upstream: str
    agent: str | None
    _table: "SessionTable" = field(repr=False)
    _open: bool = True

    def opened(self, session: str) -> None:
        """The upstream opened this session: it takes the room."""
        self.leave()
        self._table.hold(self.upstream, session, self.agent)

    def leave(self) -> None:
        """Gives the room back, once."""
        if self._open:
            self._open = False
            self._table.left(self.agent)


class SessionTable:
    """All sessions. `idle_seconds`: what was not used for so long, and has nothing open, does not
    count. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        *,
        most: int = 10_000,
        most_per_agent: int = 1_000,
        idle_seconds: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._most_per_agent = most_per_agent
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._sessions: dict[Key, _Session] = {}
        self._idle: OrderedDict[Key, None] = OrderedDict()
        self._by_agent: Counter[str] = Counter()
        self._coming = 0

    def __len__(self) -> int:
        """How many sessions are held."""
        self._forget_idle()
        return len(self._sessions)

    @contextlib.contextmanager
    def admit(self, upstream: str, agent: str | None) -> Iterator[Admission]:
        """Room for one more session of this agent (None: nobody known); at the end it is given back
        unless `Admission.opened` took it. Raises `Rejection` (503) when there is none.
        """
        self._forget_idle()
        if len(self._sessions) + self._coming >= self._most:
            raise _too_many("All sessions of this Helio are taken")
        if agent is not None and self._by_agent[agent] >= self._most_per_agent:
            raise _too_many(f"This agent holds {self._most_per_agent} sessions, its most")
        self._coming += 1
        self._count(agent, 1)
        admission = Admission(upstream, agent, self)
        try:
            yield admission
        finally:
            admission.leave()

    def use(
        self, upstream: str, session: str | None, agent: str | None
    ) -> contextlib.AbstractContextManager[None]:
        """Keeps a session from being idle while a request or a stream of it is open.

        Unknown ids pass: the upstream knows them. Raises `Rejection` (404) for another agent's
        session, as if there were none.
        """
        key = (upstream, session or "")
        found = self._sessions.get(key)
        if session is None or found is None:
            return contextlib.nullcontext()
        if found.agent != agent:
            raise Rejection(404, "unknown_session", "Session not found.")
        return self._using(key, found)

    @contextlib.contextmanager
    def _using(self, key: Key, found: _Session) -> Iterator[None]:
        found.uses += 1
        self._idle.pop(key, None)
        try:
            yield
        finally:
            found.uses -= 1
            if not found.uses and self._sessions.get(key) is found:
                found.idle_since = self._clock()
                self._idle[key] = None

    def closed(self, upstream: str, session: str | None) -> None:
        """The session has ended: it was deleted, or the upstream does not know it any more."""
        if session is not None:
            self._forget((upstream, session))

    def hold(self, upstream: str, session: str, agent: str | None) -> None:
        """Takes down a session that was admitted. An id that an upstream gives out again is a new
        session: it belongs to whom it was given last.
        """
        key = (upstream, session)
        self._forget(key)
        self._sessions[key] = _Session(agent, idle_since=self._clock())
        self._idle[key] = None
        self._count(agent, 1)

    def left(self, agent: str | None) -> None:
        """Room that was kept for an agent is free."""
        self._coming -= 1
        self._count(agent, -1)

    def _forget_idle(self) -> None:
        # In the order in which they became idle: the first that is not due ends the search.
        due = self._clock() - self._idle_seconds
        while self._idle:
            key = next(iter(self._idle))
            if self._sessions[key].idle_since > due:
                return
            self._forget(key)

    def _forget(self, key: Key) -> None:
        found = self._sessions.pop(key, None)
        self._idle.pop(key, None)
        if found is not None:
            self._count(found.agent, -1)

    def _count(self, agent: str | None, change: int) -> None:
        if agent is None:
            return
        self._by_agent[agent] += change
        if not self._by_agent[agent]:
            del self._by_agent[agent]


def _too_many(why: str) -> Rejection:
    return Rejection(
        503,
        "too_many_sessions",
        f"{why}. End one that is not needed, or try again later.",
        INTERNAL_ERROR,
        headers=((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),),
        recorded=False,
    )
