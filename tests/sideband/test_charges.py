"""What adapters' calls are charged is what a plain list of them says, whatever order they are
evaluated, reported, lost, and cut off by the end of a process in."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from helio.app.memory import Memory
from helio.audit import recovery
from helio.audit.journal import Journal
from helio.config.identity import SessionConfig
from helio.operator.faults import Refused
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import UNREDACTED
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.sideband.evaluations import Evaluations
from helio.sideband.reported import Reported
from helio.sideband.reports import Report
from pipeline.playbook import call, govern

GOVERNANCE = govern(
    """{ rules: [{ name: money, match: { tool: pay }, action: spend_limit, limits: { max_spend:
  { field: '$.amount', limit: 20, currency: GBP, window: 1h, key: session } } }] }""",
    budgets="[{ name: all, limit: 30, currency: GBP, window: session, contributors:"
    " [{ match: { tool: pay }, field: '$.amount' }] }]",
)
AMOUNTS = st.sampled_from(["0", "0.1", "2.5", "7", "7.00", "19.99", "20"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("evaluate"), AMOUNTS),
        st.tuples(st.just("expire"), AMOUNTS),
        st.tuples(
            st.sampled_from(["success", "error", "not_executed", "twice", "otherwise"]),
            st.one_of(st.none(), AMOUNTS),
        ),
        st.tuples(st.sampled_from(["restart", "restart without the port"]), st.none()),
    ),
    max_size=14,
)


async def nothing_more(_received: CallReceived) -> None:
    """A report that brings no evidence."""


def anybody(_received: CallReceived) -> None:
    """Who may report."""


class Process:
    """One Helio's counters and evaluations; ended as a crash ends it."""

    def __init__(self, directory: Path, *, resume: bool = True) -> None:
        self.journal = Journal.open(directory, durability="relaxed", resume=resume)
        self.reported = Reported()
        self.reported.restore((self.journal.recovered.state or {}).get("reports", ()))
        self.reported.restore(self.journal.recovered.reports)
        self.memory = Memory(SessionConfig())
        self.memory.restore(self.journal, UNREDACTED)

    async def start(self) -> None:
        await self.journal.start(
            lambda: {**self.memory.checkpoint(), "reports": self.reported.checkpoint()}
        )
        await self.journal.close_open_intents()
        driver = Driver(self.journal, self.memory.store, self.memory.sessions)
        self.expired: asyncio.Queue[str] = asyncio.Queue()
        self.evaluations = Evaluations(driver, 3600, lambda _: None, reported=self.reported)
        for left in self.memory.left:
            self.evaluations.resume(left, GOVERNANCE, None)
        self.hurried = Evaluations(driver, 0, lambda each: self.expired.put_nowait(each.call_id))

    async def crash(self) -> None:
        await self.journal.close()
        await self.evaluations.aclose()

    def charged(self) -> dict[str, tuple[Decimal, Decimal]]:
        """By the kind of a window: what was spent, and what is reserved."""
        levels = self.memory.store.levels(clock.now().monotonic)
        return {each.kind: (Decimal(each.current), Decimal(each.reserved)) for each in levels}


class Story:
    """The same steps by a process, and on a list: what each call reserved, and what it spent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = Process(directory)
        self.open: list[tuple[str, Decimal]] = []
        self.reported: dict[str, Report] = {}
        self.spent: list[Decimal] = []
        self.number = 0

    async def play(self, steps: Sequence[tuple[str, str | None]]) -> None:
        await self.process.start()
        for name, amount in steps:
            await self.step(name, amount)
            self.compare()
        await self.process.crash()
        recovery.verify(self.directory)

    async def step(self, name: str, amount: str | None) -> None:
        if name.startswith("restart"):
            await self.restart(resume=name == "restart")
        elif name in ("evaluate", "expire"):
            await self.evaluate(str(amount), hurried=name == "expire")
        elif self.open:
            await self.report(name, amount)

    async def restart(self, *, resume: bool) -> None:
        await self.process.crash()
        if not resume:
            self.spent += [reserved for _, reserved in self.open]
            self.open.clear()
        self.process = Process(self.directory, resume=resume)
        await self.process.start()
        for call_id, report in self.reported.items():
            assert not await self.tell(call_id, report)

    async def evaluate(self, amount: str, *, hurried: bool) -> None:
        self.number += 1
        arguments = f'{{"amount":{amount}}}'.encode()
        made = call("pay", arguments, session="s1")
        received = replace(made, call_id=f"c{self.number}", origin="crew")
        begun = self.process.hurried if hurried else self.process.evaluations
        evaluation = await begun.begin(received, GOVERNANCE)
        room = self.total() + Decimal(amount) <= 20
        assert evaluation.allowed == room
        if room and hurried:
            assert await self.process.expired.get() == received.call_id
            self.spent.append(Decimal(amount))
        elif room:
            self.open.append((received.call_id, Decimal(amount)))

    async def report(self, name: str, amount: str | None) -> None:
        call_id, reserved = self.open.pop(0)
        if name == "not_executed":
            amount = None
        status = name if name in ("error", "not_executed") else "success"
        report = Report(status, actual_amount=amount)  # type: ignore[arg-type]
        times = 2 if name == "twice" else 1
        reports = [self.tell(call_id, report) for _ in range(times)]
        assert sorted(await asyncio.gather(*reports)) == [False, True][-times:]
        if name == "otherwise":
            with suppress(Refused):
                assert not await self.tell(call_id, Report("error", actual_amount="1"))
        self.reported[call_id] = report
        if status != "not_executed":
            self.spent.append(reserved if amount is None else Decimal(amount))

    async def tell(self, call_id: str, report: Report) -> bool:
        return await self.process.evaluations.report(call_id, report, nothing_more, anybody)

    def total(self) -> Decimal:
        return sum((reserved for _, reserved in self.open), sum(self.spent, Decimal(0)))

    def compare(self) -> None:
        reserved = sum((each for _, each in self.open), Decimal(0))
        expected = (sum(self.spent, Decimal(0)), reserved)
        found = self.process.charged()
        for kind in ("spend", "pot"):
            assert found.get(kind, (Decimal(0), Decimal(0))) == expected


@settings(max_examples=25, deadline=None)
@given(STEPS)
@example([("evaluate", "7"), ("success", "2.5"), ("evaluate", "7"), ("restart", None)])
@example([("evaluate", "2.5"), ("error", "20"), ("restart", None), ("evaluate", "0.1")])
@example([("evaluate", "7"), ("not_executed", None), ("expire", "2.5"), ("restart", None)])
@example([("evaluate", "7"), ("twice", "19.99"), ("restart", None), ("restart", None)])
@example([("evaluate", "7"), ("restart", None), ("restart", None), ("success", "0.1")])
@example([("evaluate", "7"), ("restart", None), ("not_executed", None), ("restart", None)])
@example([("evaluate", "7"), ("restart", None), ("success", "20"), ("restart", None)])
@example([("evaluate", "7"), ("restart", None), ("restart without the port", None)])
def test_no_charge_is_lost_doubled_or_negative(steps: list[tuple[str, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_play(Path(directory), steps))


async def _play(directory: Path, steps: list[tuple[str, str | None]]) -> None:
    await Story(directory).play(steps)
