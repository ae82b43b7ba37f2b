"""What is known of each session: which tools it called, with what success, and what was put on it.

Above: `helio.runtime` (lets calls in and out, marks), `helio.app` (restores, sweeps). Below:
`evidence`. Pure: instants are nanoseconds of one monotonic clock and come in; one that lies before
an earlier one counts as that one.

A call is in its session from the moment it is forwarded (`enter`), so that its tool counts as
called, and its labels are on, before a byte of the answer can come; `leave` says what came of it. A
session is over when nothing happened in it for `idle_ns`. Past the caps the one that was idle
longest is forgotten, of the same agent first; never one with a call under way.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import orjson

from helio.governance.evidence import CALL_TTL_NS, Completion, Proof, SessionFacts

MAX_DOCUMENT: Final = 4096
"""Bytes of canonical arguments, of a mark's data or of a context value that are kept. Of a call
with longer arguments only the success is."""
MAX_PROOFS: Final = 32
"""Calls and marks that are kept under one name, the youngest."""
MAX_DOCUMENTS: Final = 64 * 1024
"""Bytes of all documents of one session's proofs; past it the oldest go."""
MAX_TOOLS: Final = 256
"""Tools of one session that are kept though no rule asks for them."""
MAX_CONTEXT: Final = 64
"""Values of one session's context."""

Result = Literal["withdrawn", "failed", "succeeded"]
"""What came of a call: nobody got it; it failed, or nobody knows; it succeeded."""


class DocumentTooLarge(ValueError):
    """What is to be kept of a session has more than `MAX_DOCUMENT` bytes."""


def check_size(what: str, document: bytes) -> None:
    """Raises `DocumentTooLarge`."""
    if len(document) > MAX_DOCUMENT:
        raise DocumentTooLarge(
            f"{what} has {len(document)} bytes as it is kept, and may have {MAX_DOCUMENT}: "
            "what identifies it (an id) is enough"
        )


class Visit(NamedTuple):
    """A forwarded call as its session sees it.

    `session` is `SessionIdentity.key`. `asked`: some rule asks for this tool, so that it is kept
    however many others the session calls.
    """

    session: str
    call_id: str
    tool: str
    labels: tuple[str, ...] = ()
    asked: bool = False


class Mark(NamedTuple):
    """Evidence that did not come by a call: what `data` (canonical JSON) says was looked at, known
    under `names` for `ttl_ns`."""

    session: str
    names: tuple[str, ...]
    data: bytes
    ttl_ns: int


@dataclass(slots=True)
class _Session:
    """`agent` is whose session it is, empty for nobody known. `open` are the calls under way: what
    they say holds already, but may be withdrawn."""

    agent: str
    seen: int
    open: dict[str, Visit] = field(default_factory=dict)
    called: dict[str, None] = field(default_factory=dict)
    labels: dict[str, None] = field(default_factory=dict)
    completed: dict[str, Completion] = field(default_factory=dict)
    proofs: dict[str, dict[bytes, Proof]] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    forwarded: int = 0
    succeeded: int = 0
    bytes_held: int = 0

    def has_called(self, tool: str) -> bool:
        return tool in self.called or any(visit.tool == tool for visit in self.open.values())

    def all_labels(self) -> tuple[str, ...]:
        if not self.open:
            return tuple(self.labels)
        under_way = (label for visit in self.open.values() for label in visit.labels)
        return tuple(dict.fromkeys([*self.labels, *under_way]))

    def settle(self, visit: Visit) -> None:
        """The call was made: what it says cannot be withdrawn any more."""
        self.forwarded += 1
        self.labels.update(dict.fromkeys(visit.labels))
        if visit.asked or len(self.called) < MAX_TOOLS:
            self.called[visit.tool] = None

    def complete(self, visit: Visit, arguments: bytes | None, at: int) -> None:
        self.succeeded += 1
        if visit.tool in self.called:
            self.completed[visit.tool] = Completion(at, visit.call_id)
        if arguments is not None and len(arguments) <= MAX_DOCUMENT:
            self.prove(visit.tool, arguments, Proof(at + CALL_TTL_NS, visit.call_id))

    def prove(self, name: str, document: bytes, proof: Proof) -> None:
        """Keeps a proof; of two about the same, the one that counts longer."""
        known = self.take_back(name, document)
        kept = self.proofs.setdefault(name, {})
        kept[document] = proof if known is None else max(known, proof)
        self.bytes_held += len(document)
        if len(kept) > MAX_PROOFS:
            self.take_back(name, next(iter(kept)))
        while self.bytes_held > MAX_DOCUMENTS:
            oldest = min(self.proofs, key=lambda each: next(iter(self.proofs[each].values())))
            self.take_back(oldest, next(iter(self.proofs[oldest])))

    def take_back(self, name: str, document: bytes) -> Proof | None:
        kept = self.proofs.get(name, {})
        proof = kept.pop(document, None)
        if proof is not None:
            self.bytes_held -= len(document)
            if not kept:
                del self.proofs[name]
        return proof


class Sessions:
    """The sessions of one process, found by `SessionIdentity.key`."""

    def __init__(
        self,
        *,
        most: int = 10_000,
        most_per_agent: int = 1_000,
        idle_ns: int = 3600 * 1_000_000_000,
    ) -> None:
        """`most_per_agent` holds for authenticated agents, who can be told apart."""
        self._most = most
        self._most_per_agent = most_per_agent
        self._idle = idle_ns
        # Both from the longest idle to the one that was active last.
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._by_agent: dict[str, OrderedDict[str, None]] = {}
        self._now = -(1 << 63)

    def __len__(self) -> int:
        return len(self._sessions)

    def facts(self, key: str, names: Iterable[str], now: int) -> SessionFacts:
        """What is known of a session; of tools and evidence only what is under these names."""
        now = self._reach(now)
        session = self._active(key, now)
        if session is None:
            return SessionFacts(now)
        names = tuple(names)
        return SessionFacts(
            at=now,
            labels=session.all_labels(),
            called=tuple(name for name in names if session.has_called(name)),
            completed={
                name: session.completed[name] for name in names if name in session.completed
            },
            proofs={name: dict(session.proofs[name]) for name in names if name in session.proofs},
        )

    # calls

    def enter(self, visit: Visit, now: int) -> None:
        """The call is about to be forwarded. It must `leave`."""
        self._opened(visit.session, self._reach(now)).open[visit.call_id] = visit

    def leave(self, visit: Visit, result: Result, arguments: bytes | None, now: int) -> None:
        """What came of the call. `arguments`, canonical JSON, are given where a rule may ask what a
        successful call was about."""
        now = self._reach(now)
        session = self._opened(visit.session, now)
        session.open.pop(visit.call_id, None)
        if result != "withdrawn":
            session.settle(visit)
        if result == "succeeded":
            session.complete(visit, arguments, now)

    # what others say

    def mark(self, mark: Mark, now: int) -> None:
        """Keeps a mark. Raises `DocumentTooLarge` for data over `MAX_DOCUMENT` bytes."""
        check_size("a mark's data", mark.data)
        now = self._reach(now)
        session = self._opened(mark.session, now)
        for name in mark.names:
            session.prove(name, mark.data, Proof(now + mark.ttl_ns, "mark"))

    def unmark(self, mark: Mark) -> None:
        """Takes a mark back."""
        session = self._sessions.get(mark.session)
        if session is not None:
            for name in mark.names:
                session.take_back(name, mark.data)

    def put_context(self, key: str, name: str, value: str, now: int) -> None:
        """Keeps a JSON text under a name. Raises ValueError for one too many, and
        `DocumentTooLarge`."""
        check_size("a value of the context", value.encode())
        check_size("a name in the context", name.encode())
        session = self._opened(key, self._reach(now))
        if name not in session.context and len(session.context) >= MAX_CONTEXT:
            raise ValueError(f"a session's context may have {MAX_CONTEXT} values")
        session.context[name] = value

    # life

    def sweep(self, now: int) -> int:
        """Forgets the sessions that are over; their number."""
        now = self._reach(now)
        over = []
        for key, session in self._sessions.items():
            if self._is_over(session, now):
                over.append(key)
            elif not session.open:
                break  # Those behind it were active later.
        for key in over:
            self._forget(key)
        return len(over)

    def named(self, session_id: str) -> list[str]:
        """The keys of the sessions with this id, one for each agent that has one."""
        return [key for key in self._sessions if key.rpartition(" ")[2] == session_id]

    def view(self, key: str, now: int) -> Mapping[str, Any] | None:
        """One session for people, instants as nanoseconds from `now` on; None if unknown:
        `{labels, called, completed: [[tool, at, call_id]], evidence: [[name, until, by, data]],
        context: {name: JSON text}, counters: {forwarded, succeeded, under_way}}`."""
        now = self._reach(now)
        session = self._sessions.get(key)
        if session is None or self._is_over(session, now):
            return None
        return {
            "labels": list(session.all_labels()),
            "called": sorted({*session.called, *(each.tool for each in session.open.values())}),
            "completed": [
                [tool, done.at - now, done.call_id] for tool, done in session.completed.items()
            ],
            "evidence": [
                [name, proof.until - now, proof.by, document.decode()]
                for name, kept in session.proofs.items()
                for document, proof in kept.items()
            ],
            "context": dict(session.context),
            "counters": {
                "forwarded": session.forwarded,
                "succeeded": session.succeeded,
                "under_way": len(session.open),
            },
        }

    def snapshot(self, now: int) -> list[orjson.Fragment]:
        """All sessions as JSON for orjson, instants relative to `now`; calls under way are left
        out: the journal's checkpoint holds them by themselves. They keep their sessions from being
        over, so that something happens in these still."""
        now = self._reach(now)
        # Each is text at once: the garbage collector would go through the values of all of them.
        return [
            orjson.Fragment(orjson.dumps(_written(key, session, now)))
            for key, session in self._sessions.items()
        ]

    def restore(self, snapshot: Iterable[Any], then: int) -> None:
        """Takes back a snapshot that was made at the instant `then`, into an empty table.

        Raises ValueError, TypeError or KeyError for what is none.
        """
        then = self._reach(then)
        for key, seen, called, labels, completed, proofs, context, counters in snapshot:
            session = self._opened(key, then)
            session.seen = then + seen
            session.called = dict.fromkeys(called)
            session.labels = dict.fromkeys(labels)
            session.completed = {
                tool: Completion(then + at, call_id) for tool, at, call_id in completed
            }
            for name, document, until, by in proofs:
                session.prove(name, document.encode(), Proof(then + until, by))
            session.context = dict(context)
            session.forwarded, session.succeeded = counters

    # the table

    def _reach(self, now: int) -> int:
        self._now = max(self._now, now)
        return self._now

    def _is_over(self, session: _Session, now: int) -> bool:
        return not session.open and now - session.seen >= self._idle

    def _active(self, key: str, now: int) -> _Session | None:
        """The session, in which something happens now."""
        session = self._sessions.get(key)
        if session is None:
            return None
        if self._is_over(session, now):
            self._forget(key)
            return None
        session.seen = now
        self._sessions.move_to_end(key)
        self._by_agent[session.agent].move_to_end(key)
        return session

    def _opened(self, key: str, now: int) -> _Session:
        """The session, made if it is not there."""
        session = self._active(key, now)
        if session is not None:
            return session
        agent = _agent(key)
        theirs = self._by_agent.get(agent)
        if agent and theirs is not None and len(theirs) >= self._most_per_agent:
            self._forget_longest_idle(theirs)
        elif len(self._sessions) >= self._most:
            self._forget_longest_idle(self._sessions)
        session = self._sessions[key] = _Session(agent, now)
        self._by_agent.setdefault(agent, OrderedDict())[key] = None
        return session

    def _forget_longest_idle(self, keys: Collection[str]) -> None:
        for key in keys:
            if not self._sessions[key].open:
                self._forget(key)
                return

    def _forget(self, key: str) -> None:
        agent = self._sessions.pop(key).agent
        theirs = self._by_agent[agent]
        del theirs[key]
        if not theirs:
            del self._by_agent[agent]


def _agent(key: str) -> str:
    """Whose session it is, by its key; empty for nobody known. No session id holds a space."""
    return key.rpartition(" ")[0]


def _written(key: str, session: _Session, now: int) -> list[Any]:
    """One session as a snapshot holds it."""
    return [
        key,
        0 if session.open else session.seen - now,
        list(session.called),
        list(session.labels),
        [[tool, done.at - now, done.call_id] for tool, done in session.completed.items()],
        [
            [name, document.decode(), proof.until - now, proof.by]
            for name, kept in session.proofs.items()
            for document, proof in kept.items()
        ],
        session.context,
        [session.forwarded, session.succeeded],
    ]
