"""Budgets count as a plain list of all charges does, whatever happens in whatever order."""

from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from helio import evaluator
from oracle.budgets import NANOSECONDS, Charge, Money
from oracle.build import GraphBuilder

LARGEST = "9" * 28
AMOUNTS = ["0", "1", "1.5", "0.1", "2", "4.9", "5", "0.0000000000000000000000000001", LARGEST]
STEPS = [-5_000, -1000, -1, 0, 0, 1, 250, 499, 500, 999, 1000, 1001, 86_400_000]
SPAN = 1000
MAXIMA = {"budget:pot": "5", "budget:window": "4.9", "budget:large": LARGEST}
CHARGED = {"pay": set(MAXIMA), "refund": {"budget:pot"}, "order": {"budget:window", "budget:large"}}
TOOLS = sorted(CHARGED)
POTS = frozenset({"budget:pot", "budget:large"})


def graph() -> bytes:
    """Return a graph with two pots and a sliding window, which tools share."""
    builder = GraphBuilder()
    for identity, maximum in MAXIMA.items():
        tools = [tool for tool in TOOLS if identity in CHARGED[tool]]
        counted = builder.contributor([builder.named("tool", tools)], "$['x']")
        of_session = {"window_ms": None, "idle_ttl_ms": SPAN} if identity in POTS else {}
        name = identity.partition(":")[2]
        builder.budget(name, [counted], maximum=maximum, key=["session"], **of_session)
    return builder.text()


GRAPH = graph()


class Spending(RuleBasedStateMachine):
    """Runs the same operations on the native windows and on the oracle's list."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluator = evaluator.Evaluator(GRAPH)
        self.native = evaluator.Windows()
        self.plain = Money(POTS, SPAN * NANOSECONDS)
        self.now = 0

    def decision(self, tool: str, amount: str, session: str) -> evaluator.Decision:
        message = evaluator.tool_call(tool, f'{{"x":{amount}}}'.encode())
        return self.evaluator.decide(message, "default", session=session)

    def compare(
        self, decision: evaluator.Decision, found: list[evaluator.BudgetBreach]
    ) -> list[evaluator.BudgetDemand]:
        """Hold the breaches against the plain list; return the demands that have room."""
        now = self.plain.advance(self.now)
        expected, fitting = [], []
        for demand in decision.budgets:
            key, amount, limit = (
                (demand.id, demand.key),
                *map(Fraction, (demand.amount, demand.limit)),
            )
            current = self.plain.spent(key, now) + self.plain.reserved(key)
            if current + amount <= limit:
                fitting.append(demand)
                continue
            reset = self.plain.reset(key, amount, limit, now)
            expected.append((demand.id, current, max(limit - current, Fraction(0)), reset))
        told = [
            (one.demand.id, Fraction(one.current), Fraction(one.remaining), one.reset_ns)
            for one in found
        ]
        assert told == expected
        return fitting

    @rule(milliseconds=st.sampled_from(STEPS), nanoseconds=st.integers(-1, 1))
    def time_passes(self, milliseconds: int, nanoseconds: int) -> None:
        self.now += milliseconds * NANOSECONDS + nanoseconds

    @rule(
        tool=st.sampled_from(TOOLS), amount=st.sampled_from(AMOUNTS), session=st.sampled_from("ab")
    )
    def check(self, tool: str, amount: str, session: str) -> None:
        decision = self.decision(tool, amount, session)
        self.compare(decision, self.native.check_budgets(decision, self.now))

    @rule(
        tool=st.sampled_from(TOOLS),
        amount=st.sampled_from(AMOUNTS),
        session=st.sampled_from("ab"),
        enforce=st.booleans(),
    )
    def reserve(self, tool: str, amount: str, session: str, enforce: bool) -> None:
        decision = self.decision(tool, amount, session)
        assert {demand.id for demand in decision.budgets} == CHARGED[tool]
        reservation, found = self.native.reserve_budgets(decision, self.now, enforce=enforce)
        fitting = self.compare(decision, found)
        taken = [] if enforce and found else fitting
        charges = self.native.charges(reservation)
        assert charges == [
            (one.id, one.key, one.kind, one.amount, one.window_ms or SPAN) for one in taken
        ]
        assert (reservation > 0) == bool(taken)
        if taken:
            held = [((one.id, one.key), Fraction(one.amount)) for one in taken]
            self.plain.held[reservation] = held

    @precondition(lambda self: self.plain.held)
    @rule(choice=st.integers(0), commit=st.booleans())
    def conclude(self, choice: int, commit: bool) -> None:
        reservation = list(self.plain.held)[choice % len(self.plain.held)]
        if commit:
            self.native.commit(reservation, self.now)
            self.plain.commit(reservation, self.now)
        else:
            self.native.release(reservation)
            del self.plain.held[reservation]

    @rule(elapsed=st.sampled_from([-1000, 0, 1, 499, 999, 1000, 86_400_000]), start=st.integers())
    def restart(self, elapsed: int, start: int) -> None:
        """Take a snapshot and go on from it, on another clock; what was reserved is gone."""
        start %= 10**15
        snapshot = self.native.snapshot(self.now)
        before = self.plain.advance(self.now)
        self.native = evaluator.Windows()
        self.native.restore(snapshot, elapsed * NANOSECONDS, start)
        counted = {key: self.plain.counted(key, before) for key in self.plain.charges}
        self.plain, self.now = Money(POTS, SPAN * NANOSECONDS, latest=start), start
        for key, charges in counted.items():
            if not charges:
                continue
            # A pot comes back as its sum at the time of its last charge.
            times = [charges[-1].at] * len(charges) if key[0] in POTS else [c.at for c in charges]
            self.plain.charges[key] = [
                Charge(charge.amount, start - max(before - at + elapsed * NANOSECONDS, 0))
                for charge, at in zip(charges, times, strict=True)
            ]

    @rule()
    def replay(self) -> None:
        """Go on from the charges alone, as from a journal's records."""
        now = self.plain.advance(self.now)
        self.native = evaluator.Windows()
        self.plain.held.clear()
        for (identity, key), charges in self.plain.charges.items():
            kind = "pot" if identity in POTS else "spend"
            for charge in charges:
                amount = exact(charge.amount)
                self.native.charge(identity, key, kind, amount, SPAN, charge.at, now)

    @rule()
    def sweep(self) -> None:
        self.native.sweep(self.now)
        now = self.plain.advance(self.now)
        used = {key for parts in self.plain.held.values() for key, _ in parts}
        used |= {key for key in self.plain.charges if self.plain.counted(key, now)}
        assert len(self.native) == len(used)

    @invariant()
    def the_levels_agree(self) -> None:
        now = self.plain.advance(self.now)
        held = {key for parts in self.plain.held.values() for key, _ in parts}
        expected = {}
        for key in held | self.plain.charges.keys():
            counted = self.plain.counted(key, now)
            if counted or key in held:
                first = counted[-1 if key[0] in POTS else 0].at if counted else None
                reset = None if first is None else first + SPAN * NANOSECONDS - now
                expected[key] = (self.plain.spent(key, now), self.plain.reserved(key), reset)
        found = {
            (one.limit, one.key): (Fraction(one.current), Fraction(one.reserved), one.reset_ns)
            for one in self.native.levels(self.now)
        }
        assert found == expected


def exact(amount: Fraction) -> str:
    """All digits of a charge: it has at most 28 after the point."""
    units = amount * 10**28
    assert units.denominator == 1
    return f"{units.numerator // 10**28}.{units.numerator % 10**28:028}"


TestSpending = Spending.TestCase
