"""Sessions answer as the plain list of what happened does: evidence, chains, labels, restarts."""

import json
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from helio.governance.evidence import find_call, find_evidence
from helio.governance.session_journal import PastFact, replay, visit_data
from helio.governance.sessions import Mark, Result, Sessions, Visit
from oracle.history import TTL, Happened, Histories, History

SECOND = 10**9
IDLE = 400 * SECOND
STEPS = [-86_400, -1, 0, 0, 0, 1, 99, 100, 101, 299, 300, 301, 399, 400]
KEYS = ["s1", "s2", "a s1", "a s2", "b s1"]
TOOLS = ["lookup", "verify", "pay"]
LABELS = [(), (), ("untrusted",), ("untrusted", "money")]
DOCUMENTS = [b"{}", b'{"id":1}', b'{"id":2}', b'{"id":"1"}', b'{"id":true}', b'{"id":null}']
DOCUMENTS += [b'{"id":1,"shop":2}', b'{"id":1,"shop":1}']
BINDS = [(), (("id", "id"),), (("id", "id"), ("shop", "shop")), (("shop", "id"),)]

keys, tools, documents = st.sampled_from(KEYS), st.sampled_from(TOOLS), st.sampled_from(DOCUMENTS)


def past(visit: Visit) -> dict[str, Any]:
    """What a journal holds of a call that began."""
    facts: dict[str, Any] = json.loads(json.dumps(visit_data(visit)))
    return {**facts, "call_id": visit.call_id}


class Living(RuleBasedStateMachine):
    """Runs the same on the sessions and on the oracle's list."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions = self.made()
        self.plain = Histories(most=4, most_per_agent=2, idle=IDLE)
        self.now = 0
        self.calls = 0
        self.open: dict[str, Visit] = {}

    @staticmethod
    def made() -> Sessions:
        return Sessions(most=4, most_per_agent=2, idle_ns=IDLE)

    @rule(seconds=st.sampled_from(STEPS), nanoseconds=st.integers(-1, 1))
    def time_passes(self, seconds: int, nanoseconds: int) -> None:
        self.now += seconds * SECOND + nanoseconds

    @rule(key=keys, tool=tools, labels=st.sampled_from(LABELS), asked=st.booleans())
    def enter(self, key: str, tool: str, labels: tuple[str, ...], asked: bool) -> None:
        self.calls += 1
        visit = Visit(key, f"c{self.calls}", tool, labels, asked)
        self.sessions.enter(visit, self.now)
        self.open[visit.call_id] = visit
        event = Happened("open", self.now, visit.call_id, (tool,), labels)
        self.plain.open(key, self.now).events.append(event)

    @precondition(lambda self: self.open)
    @rule(
        choice=st.integers(0),
        result=st.sampled_from(["withdrawn", "failed", "succeeded", "succeeded"]),
        document=st.one_of(st.none(), documents),
    )
    def leave(self, choice: int, result: Result, document: bytes | None) -> None:
        visit = self.open.pop(list(self.open)[choice % len(self.open)])
        self.sessions.leave(visit, result, document, self.now)
        history = self.plain.open(visit.session, self.now)
        history.events = [each for each in history.events if each.by != visit.call_id]
        if result != "withdrawn":
            succeeded = result == "succeeded"
            history.events.append(
                Happened(
                    "call",
                    self.plain.now,
                    visit.call_id,
                    (visit.tool,),
                    visit.labels,
                    succeeded,
                    document,
                    TTL if succeeded else 0,
                )
            )

    @rule(
        key=keys,
        names=st.lists(st.sampled_from([*TOOLS, "orders"]), min_size=1, max_size=2, unique=True),
        document=documents,
        ttl=st.sampled_from([1, 100, 300, 1000]),
    )
    def mark(self, key: str, names: list[str], document: bytes, ttl: int) -> None:
        self.sessions.mark(Mark(key, tuple(names), document, ttl * SECOND), self.now)
        history = self.plain.open(key, self.now)
        event = Happened(
            "mark", self.plain.now, "mark", tuple(names), document=document, ttl=ttl * SECOND
        )
        history.events.append(event)

    @rule(key=keys, name=st.sampled_from([*TOOLS, "orders"]), arguments=documents)
    def ask(self, key: str, name: str, arguments: bytes) -> None:
        facts = self.sessions.facts(key, (name,), self.now)
        history = self.plain.find(key, self.now) or History(self.plain.now)
        assert set(facts.labels) == history.labels()
        assert facts.called == ((name,) if history.called(name, success=False)[0] == "met" else ())
        for success in (True, False):
            expected = history.called(name, success=success)
            found = find_call(facts, name, success=success)
            assert (found.state, frozenset(filter(None, [found.by]))) == expected
        for bind in BINDS:
            paths = [(f"$['{here}']", f"$['{there}']") for here, there in bind]
            state, named = history.evidence(name, bind, arguments, self.plain.now)
            finding = find_evidence(facts, name, paths, arguments)
            assert finding.state == state, bind
            assert finding.by in named if named else finding.by is None

    @rule(elapsed=st.sampled_from([-1, 0, 1, 100, 399, 400]), start=st.integers())
    def restart(self, elapsed: int, start: int) -> None:
        """Goes on from a checkpoint, on another clock; what was open has no known outcome."""
        snapshot = orjson.loads(orjson.dumps(self.sessions.snapshot(self.now)))
        then = start % 10**18
        self.plain.restart_at(self.now, then)
        self.now = then + elapsed * SECOND
        self.sessions = self.made()
        self.sessions.restore(snapshot, then)
        for visit in self.open.values():
            replay(self.sessions, PastFact("begun", then, past(visit)))
            self.plain.open(visit.session, then)
        for visit in self.open.values():
            replay(self.sessions, PastFact("call", then, {**past(visit), "outcome": None}))
            self.plain.settle(visit.session, visit.call_id, then)
        self.open.clear()

    @rule()
    def sweep(self) -> None:
        self.sessions.sweep(self.now)
        self.plain.advance(self.now)

    @invariant()
    def the_views_agree(self) -> None:
        self.plain.advance(self.now)
        found: dict[str, Any] = {}
        for key in KEYS:
            view = self.sessions.view(key, self.now)
            if view is not None:
                counters = view["counters"]
                made = counters["forwarded"] + counters["under_way"]
                succeeded = {tool: call_id for tool, _, call_id in view["completed"]}
                found[key] = (set(view["labels"]), set(view["called"]), succeeded, made)
        assert found == self.plain.view()


TestLiving = Living.TestCase
# A machine with so many choices shows little in few examples; in many, it takes long.
TestLiving.settings = settings(max_examples=max(240, settings().max_examples // 4))
