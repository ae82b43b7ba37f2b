"""The scripted agent: what it reads from answers, and that it goes by them."""

from collections.abc import Mapping
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import CallToolResult, TextContent

from helio.demo.agent import Agent, Seen, UnexpectedDecision, read_decision, tell
from helio.demo.shop import Shop
from helio.demo.upstream import build_server


class Listener:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def chapter(self, title: str) -> None:
        self.events.append(("chapter", title))

    def tools(self, names: list[str]) -> None:
        self.events.append(("tools", len(names)))

    def seen(self, seen: Seen) -> None:
        self.events.append((seen.tool, seen.decision))


def answer(meta: dict[str, Any] | None, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text="…")], is_error=is_error, _meta=meta
    )


@pytest.mark.parametrize(
    ("reason", "decision"),
    [
        ("policy_denied", "deny"),
        ("rate_limited", "rate_limited"),
        ("spend_limited", "spend_limited"),
        ("invalid_amount", "deny"),
    ],
)
def test_a_blocked_call_is_read_from_its_object(reason: str, decision: str) -> None:
    told = {"blocked": True, "reason": reason}
    assert read_decision(answer({"helio/blocked": told}, is_error=True)) == (decision, told)


def test_a_dry_run_is_read_from_its_object() -> None:
    told = {"dry_run": True, "would_forward": True}
    assert read_decision(answer({"helio/dry_run": told}, is_error=True)) == ("dry_run", told)


@pytest.mark.parametrize(("is_error", "decision"), [(False, "allow"), (True, "failed")])
def test_what_came_from_the_tool_is_allowed_or_failed(is_error: bool, decision: str) -> None:
    assert read_decision(answer(None, is_error=is_error)) == (decision, {})


async def test_the_story_ends_at_the_first_decision_it_does_not_expect() -> None:
    listener = Listener()
    fault: UnexpectedDecision | None = None
    # Nobody governs here, so the payment that is too big goes through.
    async with Client(build_server(Shop())) as client:
        try:
            await tell(Agent(client, listener), listener)
        except UnexpectedDecision as error:
            fault = error
    assert "create_payment was decided allow, expected was deny" in str(fault)
    assert listener.events[-1] == ("create_payment", "allow")
    assert ("tools", 8) in listener.events


class Scripted:
    """A client that answers from a list, in the shapes that Helio gives its decisions."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = dict(told)

    async def call_tool(
        self, tool: str, arguments: dict[str, Any], *, read_timeout_seconds: float
    ) -> CallToolResult:
        return answer(self._told, is_error=True)


class Refusing:
    """A client whose calls end in a JSON-RPC error."""

    async def call_tool(self, tool: str, arguments: dict[str, Any], **options: object) -> None:
        raise MCPError(-31002, "The upstream could not be reached.")


async def test_a_call_keeps_what_it_was_told() -> None:
    told = {"reason": "spend_limited", "max_spend": 500, "current_spend": 470}
    agent = Agent(Scripted({"helio/blocked": told}), Listener())  # type: ignore[arg-type]
    seen = await agent.call("create_payment", {"amount": 45}, "spend_limited", repairs=True)
    assert agent.calls == [seen]
    assert (seen.number, seen.told, seen.repairs) == (1, told, True)


async def test_a_call_without_a_decision_ends_the_story() -> None:
    agent = Agent(Refusing(), Listener())  # type: ignore[arg-type]
    with pytest.raises(UnexpectedDecision, match=r"list_payments got no decision: The upstream"):
        await agent.call("list_payments", {}, "allow")
    assert agent.calls == []
