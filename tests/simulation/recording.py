"""Traffic that is really recorded: through the driver, the journal, the store and the sessions, on
a clock that a test sets; and its replay."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from helio.audit.export import opened
from helio.audit.journal import Journal
from helio.audit.query import Filters
from helio.audit.recorded import RecordedCall, recorded
from helio.evaluator import tool_call
from helio.governance.catalogue import Catalogue
from helio.governance.identity import SessionIdentity
from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.pipeline.events import CallReceived, Moment, UpstreamAnswered, UpstreamFailed
from helio.pipeline.governance import UNREDACTED, ActivePolicy, Governance
from helio.pipeline.machine import CallMachine
from helio.policy import CompiledPolicy, compile_text
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.runtime.marking import Marking
from helio.simulation.replay import Candidate, Judged, Replay
from pipeline.playbook import START, listed

SECOND = 1_000_000_000
TOOLS: list[dict[str, object]] = [
    {"name": "lookup", "annotations": {"readOnlyHint": True}},
    {"name": "pay", "annotations": {"readOnlyHint": False, "destructiveHint": True}},
    {"name": "note"},
    {"name": "create_payment", "annotations": {"destructiveHint": True}},
    {"name": "process_refund"},
    {"name": "get_order"},
]


def compiled(policies: str, budgets: str = "[]", environment: str | None = None) -> CompiledPolicy:
    """A policy of YAML in flow style."""
    label = "" if environment is None else f"environment: {environment}\n"
    text = (
        f"version: '1'\nupstream: {{ url: 'http://127.0.0.1:1/mcp' }}\n{label}"
        f"policies: {policies}\nbudgets: {budgets}\n"
    )
    result = compile_text(text)
    assert result.policy is not None, [str(each) for each in result.diagnostics]
    return result.policy


@dataclass
class Step:
    """One call (or a mark, when `marks` says what for), `after` seconds have passed.

    `latency`: seconds until it is answered; `overlapping`: the next step does not wait for it.
    """

    tool: str = "pay"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    session: str | None = "s1"
    agent: str | None = None
    after: float = 1.0
    latency: float = 0.0
    overlapping: bool = False
    result: str = "answered"
    marks: bytes | None = None
    metadata: bytes | None = None
    sender: str | None = None


@dataclass
class _Exchange:
    recording: "Recording"
    step: Step
    due: asyncio.Event = field(default_factory=asyncio.Event)

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        latency = int(self.step.latency * SECOND)
        if self.step.overlapping:
            await self.due.wait()
        else:
            self.recording.passed += latency
        if self.step.result in ("unsent", "lost"):
            sent = self.step.result == "lost"
            return UpstreamFailed("timeout", "no answer", sent=sent, latency=latency)
        error = "tool error" if self.step.result == "error" else None
        return UpstreamAnswered(200, b'{"result":{}}', b"", error, latency)

    async def deliver(self) -> None:
        pass

    async def answer(self, body: bytes) -> None:
        json.loads(body)


class Recording:
    """One Helio's journal of some traffic. `passed`: nanoseconds since its start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.passed = 0
        self.calls = 0

    def now(self) -> Moment:
        return Moment(START.wall + self.passed, START.monotonic + self.passed)

    async def record(
        self,
        policy: CompiledPolicy,
        steps: list[Step],
        tools: list[dict[str, object]] | None = None,
        **facts: Any,
    ) -> None:
        """Lets the traffic happen under a policy; `tools` are listed in place of `TOOLS`, which
        were seen first."""
        catalogue = Catalogue()
        catalogue.replace(listed(*TOOLS))
        if tools is not None:
            catalogue.replace(listed(*tools))
        governance = Governance(ActivePolicy(policy), catalogue, **facts)
        sessions = Sessions()
        journal = Journal.open(self.directory, durability="relaxed")
        await journal.start(lambda: {})
        marking = Marking(journal, sessions, lambda: governance.policy, UNREDACTED)
        driver = Driver(journal, LocalStore(), sessions)
        under_way: list[tuple[float, _Exchange, asyncio.Task[None]]] = []
        try:
            for step in steps:
                await self._pass(int(step.after * SECOND), under_way)
                if step.marks is not None:
                    session = SessionIdentity(step.session, "header", ())
                    await marking.mark(session, step.agent, (step.tool,), step.marks, 60 * SECOND)
                    continue
                exchange = _Exchange(self, step)
                task = asyncio.create_task(self._call(driver, governance, step, exchange))
                if step.overlapping:
                    due = self.passed + int(step.latency * SECOND)
                    under_way.append((due, exchange, task))
                    await asyncio.sleep(0)
                else:
                    await task
            await self._pass(10**6 * SECOND, under_way)
        finally:
            await journal.close()

    async def _call(
        self, driver: Driver, governance: Governance, step: Step, exchange: _Exchange
    ) -> None:
        self.calls += 1
        source: Any = None if step.session is None else "header"
        received = CallReceived(
            message=tool_call(step.tool, json.dumps(step.arguments).encode()),
            call_id=f"c{self.calls}",
            upstream="default",
            session=SessionIdentity(step.session, source, ()),
            agent=step.agent,
            protocol_version="2025-11-25",
            metadata=step.metadata,
            sender=step.sender,
        )
        await driver.run(CallMachine(governance), received, exchange)

    async def _pass(self, nanoseconds: int, under_way: list[Any]) -> None:
        """Lets time pass; calls whose upstream answers in it end at their instants."""
        until = self.passed + nanoseconds
        for each in sorted(under_way, key=lambda one: one[0]):
            due, exchange, task = each
            if due <= until:
                self.passed = max(self.passed, due)
                exchange.due.set()
                await task
                under_way.remove(each)
        self.passed = until


def record(
    directory: Path, policy: CompiledPolicy, steps: list[Step], **facts: Any
) -> list[RecordedCall]:
    """The calls as the audit has them."""
    with pytest.MonkeyPatch.context() as patch:
        recording = Recording(directory)
        patch.setattr(clock, "now", recording.now)
        asyncio.run(recording.record(policy, steps, **facts))
    with opened(directory) as source:
        return list(recorded(source.connection, Filters(), before=None, whole_sessions=False))


def replayed(
    calls: list[RecordedCall],
    policy: CompiledPolicy,
    since: datetime | None = None,
    **options: Any,
) -> list[Judged]:
    """What another policy says of them."""
    start = None if since is None else int(since.timestamp()) * SECOND
    replay = Replay(Candidate(lambda _: policy, **options), start)
    return [judged for call in calls if (judged := replay.take(call)) is not None]


@contextmanager
def scratch() -> Any:
    """A directory of an example's own."""
    with TemporaryDirectory(prefix="helio-recording-") as directory:
        yield Path(directory) / "audit"
