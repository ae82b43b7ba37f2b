"""Requests, tickets and brokers for tests."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from helio.approvals.broker import Broker
from helio.approvals.channels.port import Channel
from helio.approvals.settings import ApprovalSettings
from helio.audit import recovery
from helio.audit.journal import Journal
from helio.errors import NotificationFailed
from helio.governance.ticket import ApprovalRequest, State, Ticket, binding_of
from helio.runtime import clock

SECOND = 1_000_000_000


def request(**changes: Any) -> ApprovalRequest:
    """A request about one and the same call, but for `changes`."""
    values: dict[str, Any] = {
        "call_id": "c1",
        "kind": "rule",
        "binding": binding("a call"),
        "upstream": "default",
        "tool_name": "create_payment",
        "tool_input": '{"amount":1200}',
        "args_hash": "0" * 64,
        "policy_digest": "sha256:0",
        "environment": None,
        "matched_rule": "large",
        "rule_index": 0,
        "reasons": ("Rule `large` asks a person.",),
        "session_id": "s1",
        "agent_id": None,
    }
    return ApprovalRequest(**values | changes)


def binding(of: str) -> str:
    """The binding of a call whose arguments have this hash."""
    return binding_of(
        kind="rule",
        upstream="default",
        tool="create_payment",
        args_hash=of,
        definition=None,
        rules=("sha256:1",),
        session="s1",
        agent=None,
    )


def ticket(id_: str = "t1", state: State = State.HELD, **changes: Any) -> Ticket:
    """A ticket that was asked for at the start of time and waits 300 s."""
    fate: dict[str, Any] = {
        "id": id_,
        "mode": "hold",
        "state": state,
        "requested_at": 0,
        "timeout_at": 300 * SECOND,
        "default_on_timeout": "deny",
        "channels": ("dashboard",),
    }
    fields = {name: changes.pop(name) for name in list(changes) if name not in _ASKED}
    return Ticket.of(request(**changes), **fate | fields)


_ASKED = frozenset(ApprovalRequest.__dataclass_fields__) - {"channels"}


@dataclass
class Recording:
    """A channel that writes down what it is told; `fails` has it fail."""

    name: str = "people"
    kind: str = "webhook"
    fails: bool = False
    receipt: Mapping[str, object] = field(default_factory=dict)
    told: list[tuple[str, str, str]] = field(default_factory=list)

    async def notify(
        self, ticket: Ticket, occasion: Literal["requested", "escalated"]
    ) -> Mapping[str, object]:
        self.told.append((occasion, ticket.id, ticket.status))
        if self.fails:
            raise NotificationFailed("nobody answers")
        return self.receipt

    async def resolved(self, ticket: Ticket) -> None:
        self.told.append(("resolved", ticket.id, ticket.status))

    async def aclose(self) -> None:
        self.told.append(("closed", "", ""))


def broker(journal: Journal, *channels: Channel, **settings: Any) -> Broker:
    """A broker on this journal, which notifies these channels unless a request names others."""
    named = {each.name: each for each in channels}
    return Broker(
        journal,
        named,
        ApprovalSettings(**{"channels": tuple(named), **settings}),
        now=clock.now,
        new_id=clock.new_call_id,
    )


async def until(true: Callable[[], bool]) -> None:
    """Lets others go on until something is true."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nothing tells the loop about it
            await asyncio.sleep(0.001)


def kept(directory: Path, kind: str) -> list[dict[str, Any]]:
    """The data of the journal's records of this kind."""
    return [line.values() for line in recovery.read(directory) if line.kind == kind]
