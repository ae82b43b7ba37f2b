"""Plays a call through the machine: an event in, the commands it must give out."""

import json
from dataclasses import dataclass, field

from helio.evaluator import Breach, Decision, tool_call
from helio.governance.catalogue import Catalogue
from helio.governance.definitions import Tool, read_definition
from helio.governance.identity import SessionIdentity
from helio.governance.store import LocalStore
from helio.pipeline.commands import Command
from helio.pipeline.events import CallReceived, Event, Moment, UpstreamAnswered
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.machine import CallMachine
from helio.policy import compile_text

TRIED = ("x-helio-session-id", "mcp-session-id")
START = Moment(wall=1_767_323_045_000_000_000, monotonic=1_000_000_000)


def at(seconds: float) -> Moment:
    """So many seconds after the start."""
    nanoseconds = int(seconds * 1e9)
    return Moment(START.wall + nanoseconds, START.monotonic + nanoseconds)


def govern(
    policies: str,
    tools: list[dict[str, object]] | None = None,
    budgets: str = "[]",
    **facts: object,
) -> Governance:
    """What a configuration with these `policies` and `budgets` (YAML, flow style) governs calls
    by."""
    text = (
        "version: '1'\nupstream: { url: 'http://127.0.0.1:1/mcp' }\n"
        f"policies: {policies}\nbudgets: {budgets}\n"
    )
    compiled = compile_text(text)
    assert compiled.policy is not None, [str(each) for each in compiled.diagnostics]
    catalogue = Catalogue()
    if tools is not None:
        catalogue.replace(listed(*tools))
    return Governance(policy=ActivePolicy(compiled.policy), catalogue=catalogue, **facts)  # type: ignore[arg-type]


def listed(*definitions: dict[str, object]) -> list[Tool]:
    """What an upstream lists, as the catalogue takes it."""
    return [tool for each in definitions for tool in read_definition(json.dumps(each).encode())]


def call(
    tool: str = "create_payment",
    arguments: bytes = b"{}",
    *,
    session: str | None = None,
    agent: str | None = None,
) -> CallReceived:
    """A call of the tool, in the session or in none, by an agent or by nobody known."""
    source = None if session is None else "header"
    return CallReceived(
        message=tool_call(tool, arguments),
        call_id="c1",
        upstream="default",
        session=SessionIdentity(session, source, TRIED),  # type: ignore[arg-type]
        agent=agent,
        protocol_version="2025-11-25",
    )


def answered(
    body: bytes = b'{"jsonrpc":"2.0","id":0,"result":{}}', error: str | None = None
) -> Event:
    """The upstream's answer, 2 ms after it was asked."""
    return UpstreamAnswered(200, body, b"", error, 2_000_000)


@dataclass
class Play:
    """One machine and what it said last."""

    governance: Governance
    machine: CallMachine = field(init=False)
    store: LocalStore = field(default_factory=LocalStore)

    def __post_init__(self) -> None:
        self.machine = CallMachine(self.governance)

    def send(self, event: Event, now: Moment = START) -> list[Command]:
        """The commands that follow from the event."""
        return self.machine.handle(event, now)


def only_breach(store: LocalStore, decision: Decision, now: int) -> Breach:
    """The single limit without room."""
    (breach,) = store.check(decision, now)
    return breach
