"""The windows count as a plain list of entries does, whatever happens in whatever order."""

import re
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from helio import evaluator
from oracle.build import GraphBuilder
from oracle.windows import NANOSECONDS, Entry, Windows

AMOUNTS = ["0", "1", "1.5", "0.1", "2", "4.9", "5", "0.0000000000000000000000000001"]
STEPS = [-5_000, -1000, -1, 0, 0, 1, 250, 499, 500, 999, 1000, 1001, 4_000, 86_400_000]
TOOLS = ["rate", "spend", "both", "shadow", "shared", "wide"]


def graph() -> bytes:
    """Return a graph with a rule for each tool; `shared` asks one window twice."""
    builder = GraphBuilder()
    rate = builder.rate("rate:r:global:1000", "2", 1000, ["global"])
    spend = builder.spend("spend:s:agent:500:$.x:GBP", "5", 500, "$['x']", key=["agent"])
    wide = builder.rate("rate:w:tool:86400000", "3", 86_400_000)
    unclear = builder.selecting("input", "$['u']", [("gt", "1")])

    builder.rule([builder.named("tool", ["shadow"])], limits=[rate, spend], shadow=True)
    builder.rule([builder.named("tool", ["shared"]), unclear], "rate_limit", limits=[rate, spend])
    for tool, limits in (
        ("rate", [rate]),
        ("spend", [spend]),
        ("both", [spend, rate]),
        ("shadow", [wide]),
        ("shared", [rate, wide, spend]),
        ("wide", [wide]),
    ):
        builder.rule([builder.named("tool", [tool])], limits=limits)
    return builder.text()


GRAPH = graph()


class Counting(RuleBasedStateMachine):
    """Runs the same operations on the native windows and on the oracle's."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluator = evaluator.Evaluator(GRAPH)
        self.native = evaluator.Windows()
        self.plain = Windows()
        self.now = 0
        self.open: list[int] = []

    def decision(self, tool: str, amount: str) -> evaluator.Decision:
        message = evaluator.tool_call(tool, f'{{"x":{amount},"u":"?"}}'.encode())
        return self.evaluator.decide(message, "default", agent="a")

    def compare(
        self, decision: evaluator.Decision, found: list[evaluator.Breach], enforce: bool
    ) -> None:
        expected = self.plain.breaches(decision.demands, self.latest(), enforce=enforce)
        wanted = [
            (decision.demands[one.position].limit, decision.demands[one.position].rule)
            for one in expected
        ]
        assert [(breach.demand.limit, breach.demand.rule) for breach in found] == wanted
        assert [Fraction(breach.current) for breach in found] == [b.current for b in expected]
        assert [breach.reset_ns for breach in found] == [b.reset_ns for b in expected]

    def latest(self) -> int:
        return self.plain.advance(self.now)

    @rule(milliseconds=st.sampled_from(STEPS), nanoseconds=st.integers(-1, 1))
    def time_passes(self, milliseconds: int, nanoseconds: int) -> None:
        self.now += milliseconds * NANOSECONDS + nanoseconds

    @rule(tool=st.sampled_from(TOOLS), amount=st.sampled_from(AMOUNTS))
    def check(self, tool: str, amount: str) -> None:
        decision = self.decision(tool, amount)
        self.compare(decision, self.native.check(decision, self.now), enforce=True)

    @rule(tool=st.sampled_from(TOOLS), amount=st.sampled_from(AMOUNTS), enforce=st.booleans())
    def reserve(self, tool: str, amount: str, enforce: bool) -> None:
        decision = self.decision(tool, amount)
        reservation, found = self.native.reserve(decision, self.now, enforce=enforce)
        self.compare(decision, found, enforce)
        key = reservation or -1
        self.plain.reserve(key, decision.demands, self.now, enforce=enforce)
        held = self.plain.reservations.get(key, [])
        if reservation:
            assert reservation not in self.open
            self.open.append(reservation)
            charged = [
                (limit, key, Fraction(amount))
                for limit, key, _, amount, _ in self.native.charges(reservation)
            ]
            assert sorted(charged) == sorted((*one.key, one.amount) for one in held)
        else:
            assert held == []
            self.plain.reservations.pop(key, None)

    @precondition(lambda self: self.open)
    @rule(choice=st.integers(0), commit=st.booleans())
    def conclude(self, choice: int, commit: bool) -> None:
        reservation = self.open.pop(choice % len(self.open))
        if commit:
            self.native.commit(reservation, self.now)
            self.plain.commit(reservation, self.now)
        else:
            self.native.release(reservation)
            self.plain.release(reservation)

    @rule(ago=st.sampled_from([-1000, 0, 1, 499, 500, 999, 1000]), amount=st.sampled_from(AMOUNTS))
    def charge(self, ago: int, amount: str) -> None:
        at = self.now - ago * NANOSECONDS
        limit, key = "spend:s:agent:500:$.x:GBP", "agent=a"
        self.native.charge(limit, key, "spend", amount, 500, at, self.now)
        entry = Entry((limit, key), Fraction(amount), at, 500 * NANOSECONDS)
        self.plain.charge(entry, self.now)

    @rule(elapsed=st.sampled_from([-1000, 0, 1, 499, 500, 1000, 86_400_000]), start=st.integers())
    def restart(self, elapsed: int, start: int) -> None:
        """Take a snapshot and go on from it, on another clock; what was reserved is gone."""
        start %= 10**15
        snapshot = self.native.snapshot(self.now)
        before = self.latest()
        self.native, self.open = evaluator.Windows(), []
        self.native.restore(snapshot, elapsed * NANOSECONDS, start)
        entries, self.plain, self.now = self.plain.entries, Windows(), start
        for entry in entries:
            if before - entry.at < entry.window_ns:
                age = max(before - entry.at + elapsed * NANOSECONDS, 0)
                self.plain.entries.append(
                    Entry(entry.key, entry.amount, start - age, entry.window_ns)
                )
        self.latest()

    @rule()
    def sweep(self) -> None:
        self.native.sweep(self.now)
        used = {one.key for held in self.plain.reservations.values() for one in held}
        used |= {e.key for e in self.plain.entries if self.latest() - e.at < e.window_ns}
        assert len(self.native) == len(used)

    @invariant()
    def the_levels_agree(self) -> None:
        now = self.latest()
        expected = {}
        held = {h.key: h.window_ns for group in self.plain.reservations.values() for h in group}
        for key in {e.key for e in self.plain.entries} | held.keys():
            counted = self.plain.counted(key, now)
            if counted or key in held:
                reset = min((e.at + e.window_ns - now for e in counted), default=None)
                levels = (self.plain.current(key, now), self.plain.reserved(key))
                expected[key] = (*levels, reset)
        found = {
            (level.limit, level.key): (
                Fraction(level.current),
                Fraction(level.reserved),
                level.reset_ns,
            )
            for level in self.native.levels(self.now)
        }
        assert found == expected


TestCounting = Counting.TestCase


def test_the_machine_reaches_breaches_and_shared_windows() -> None:
    """The tools of the machine ask what they are named for."""
    machine = Counting()
    asked = {tool: machine.decision(tool, "1").demands for tool in TOOLS}
    assert [d.limit for d in asked["shared"]].count("rate:r:global:1000") == 2
    assert [d.enforced for d in asked["shadow"]] == [False, False, True]
    assert all(re.fullmatch(r"(rate|spend):.+", d.limit) for ds in asked.values() for d in ds)
