"""Calls through the real driver, journal, store and sessions, on a clock that a test sets.

An upstream that is a function stands behind it; nothing listens anywhere.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from helio.approvals.broker import Broker
from helio.approvals.settings import ApprovalSettings
from helio.audit.journal import Journal
from helio.evaluator import parse_message
from helio.governance.identity import SessionResolver
from helio.governance.sessions import Sessions
from helio.governance.store import LocalStore
from helio.governance.ticket import Ticket
from helio.pipeline.events import CallReceived, Moment, UpstreamAnswered, UpstreamFailed
from helio.pipeline.machine import CallMachine
from helio.runtime import clock
from helio.runtime.driver import Driver
from pipeline.playbook import START, govern

SECOND = 1_000_000_000
Result = Mapping[str, Any]
DONE: Result = {"content": [{"type": "text", "text": "done"}]}


@dataclass
class Exchange:
    """One call's way to the upstream of a simulation, and back."""

    simulation: "Simulation"
    message: Any
    answered: Any = None
    parted: asyncio.Future[Literal["gone", "cancelled"]] | None = None

    async def forward(self) -> UpstreamAnswered | UpstreamFailed:
        params = self.message["params"]
        self.simulation.forwarded.append((params["name"], params["arguments"]))
        result = self.simulation.upstream(params["name"], params["arguments"])
        self.held = {"jsonrpc": "2.0", "id": self.message["id"], "result": result}
        body = json.dumps(self.held).encode()
        error = "tool error" if result.get("isError") else None
        return UpstreamAnswered(200, body, b"", error, 0)

    async def hold(
        self, ticket: Ticket, resolved: asyncio.Future[Ticket]
    ) -> Literal["resolved", "gone", "cancelled"]:
        self.parted = asyncio.get_running_loop().create_future()
        self.simulation.held.append(self)
        await asyncio.wait([resolved, self.parted], return_when=asyncio.FIRST_COMPLETED)
        return self.parted.result() if self.parted.done() else "resolved"

    def part(self, how: Literal["gone", "cancelled"]) -> None:
        """The agent leaves while its request is kept open."""
        assert self.parted is not None
        self.parted.set_result(how)

    async def deliver(self) -> None:
        self.answered = self.held

    async def answer(self, body: bytes) -> None:
        self.answered = json.loads(body)


@dataclass
class Simulation:
    """One Helio without ports. `upstream(tool, arguments)` gives a result."""

    directory: Path
    monkeypatch: pytest.MonkeyPatch
    upstream: Callable[[str, Any], Result] = lambda _tool, _arguments: DONE
    forwarded: list[tuple[str, Any]] = field(default_factory=list)
    store: LocalStore = field(default_factory=LocalStore)
    sessions: Sessions = field(default_factory=Sessions)
    passed: int = 0
    calls: int = 0
    held: list[Exchange] = field(default_factory=list)

    async def start(self, policies: str, budgets: str = "[]", **asking: Any) -> None:
        """Serves under these `policies` and `budgets` (YAML, flow style); `asking` are settings of
        `helio.approvals.settings.ApprovalSettings`."""
        self.monkeypatch.setattr(clock, "now", self.now)
        self.governance = govern(policies, budgets=budgets)
        self.journal = Journal.open(self.directory)
        self.broker = Broker(
            self.journal,
            {},
            ApprovalSettings(**{"channels": (), **asking}),
            now=clock.now,
            new_id=clock.new_call_id,
        )
        recovered = self.journal.recovered
        state = recovered.state or {}
        self.broker.restore(state.get("tickets", ()), 0, recovered.approvals)
        await self.journal.start(lambda: {"tickets": self.broker.checkpoint()})
        self.broker.start()
        self.driver = Driver(self.journal, self.store, self.sessions, broker=self.broker)

    async def stop(self) -> None:
        await self.broker.aclose()
        await self.journal.close()

    def now(self) -> Moment:
        return Moment(START.wall + self.passed, START.monotonic + self.passed)

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self.passed += int(seconds * SECOND)

    def wait_until(self, instant: str) -> None:
        """Lets time pass until an instant that an answer named; it names whole microseconds."""
        at = datetime.fromisoformat(instant)
        wall = int(at.timestamp()) * SECOND + (at.microsecond + 1) * 1000
        self.passed = max(self.passed, wall - START.wall)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        """The message that answers one call."""
        self.calls += 1
        params = {"name": tool, "arguments": dict(arguments)}
        message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
        sources = SessionResolver(
            [("header", "x-helio-session-id"), ("legacy_header", "mcp-session-id")]
        )
        received = CallReceived(
            message=parse_message(json.dumps(message).encode()),
            call_id=f"c{self.calls}",
            upstream="default",
            session=sources.resolve((headers or {}).get),
            agent=None,
            protocol_version="2025-11-25",
        )
        exchange = Exchange(self, message)
        await self.driver.run(CallMachine(self.governance), received, exchange)
        return exchange.answered
