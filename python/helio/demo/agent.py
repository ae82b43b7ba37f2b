"""The scripted agent of the tour: a client of the `mcp` library that tells a story in calls.

It knows nothing of the policy. What it does after a blocked call, it reads from the answer.
Above it: `helio.demo.tour`. Below it: any MCP endpoint.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcp import Client, MCPError
from mcp_types import CallToolResult

DECISIONS_BY_REASON = {"rate_limited": "rate_limited", "spend_limited": "spend_limited"}
"""Reasons of blocked calls that the audit calls by another decision than `deny`."""

ANSWERED_WITHIN = 20.0
"""Seconds that the agent waits for an answer."""


@dataclass(frozen=True)
class Seen:
    """One call as the agent sees it.

    `decision` is allow, deny, rate_limited, spend_limited or dry_run, as the audit names it, or
    failed when the tool itself failed. `told` is Helio's own object of a blocked call or a dry run,
    else empty. `repairs` says that the call follows the advice of a blocked one.
    """

    number: int
    tool: str
    arguments: Mapping[str, Any]
    decision: str
    expected: str
    told: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    repairs: bool = False


class UnexpectedDecision(Exception):
    """A call was decided otherwise than the story expects, or an answer lacks what it needs."""


class Audience(Protocol):
    """Who watches the story."""

    def chapter(self, title: str) -> None:
        """A new part of the story begins."""

    def tools(self, names: list[str]) -> None:
        """The agent listed the tools."""

    def seen(self, seen: Seen) -> None:
        """A call was answered."""


class Agent:
    """Calls tools, shows each answer to the audience and keeps all of them in `calls`."""

    def __init__(self, client: Client, audience: Audience) -> None:
        self.calls: list[Seen] = []
        self._client = client
        self._audience = audience

    async def list_tools(self) -> None:
        """Lists the tools, the way every agent begins."""
        listed = await self._client.list_tools()
        self._audience.tools([tool.name for tool in listed.tools])

    async def call(
        self, tool: str, arguments: dict[str, Any], expected: str, *, repairs: bool = False
    ) -> Seen:
        """One call. Raises `UnexpectedDecision` for any decision but the expected one, for none in
        `ANSWERED_WITHIN` seconds, and for a JSON-RPC error.
        """
        try:
            result = await self._client.call_tool(
                tool, arguments, read_timeout_seconds=ANSWERED_WITHIN
            )
        except MCPError as error:
            raise UnexpectedDecision(f"{tool} got no decision: {error.error.message}") from error
        decision, told = read_decision(result)
        seen = Seen(
            number=len(self.calls) + 1,
            tool=tool,
            arguments=arguments,
            decision=decision,
            expected=expected,
            told=told,
            result=result.structured_content,
            repairs=repairs,
        )
        self.calls.append(seen)
        self._audience.seen(seen)
        if decision != expected:
            raise UnexpectedDecision(f"{tool} was decided {decision}, expected was {expected}.")
        return seen


def read_decision(result: CallToolResult) -> tuple[str, Mapping[str, Any]]:
    """The decision in an answer and Helio's object in it, which is empty for a forwarded call."""
    meta = result.meta or {}
    blocked = meta.get("helio/blocked")
    if blocked is not None:
        return DECISIONS_BY_REASON.get(blocked["reason"], "deny"), blocked
    rehearsed = meta.get("helio/dry_run")
    if rehearsed is not None:
        return "dry_run", rehearsed
    return ("failed" if result.is_error else "allow"), {}


async def tell(agent: Agent, audience: Audience) -> None:
    """The whole story. Raises `UnexpectedDecision` where it leaves its path."""
    audience.chapter("The agent looks around")
    await agent.list_tools()
    order = await agent.call("orders.lookup", {"order_id": 7}, "allow")
    audience.chapter("It takes payments: 200 GBP at once and 500 GBP a day are the limits")
    await _pay_order(agent, due=order.result["total"])
    await _pay_up_to_the_limit(agent)
    audience.chapter("It tries to delete an order")
    await _ask_instead_of_deleting(agent)
    audience.chapter("It searches in a loop: three searches a minute are the limit")
    for text in ("desk", "lamp", "chair"):
        await agent.call("search_orders", {"text": text}, "allow")
    await agent.call("search_orders", {"text": "sofa"}, "rate_limited")
    audience.chapter("It refunds: refunds are rehearsed, never forwarded")
    await agent.call("refund_payment", {"payment_id": "p1"}, "dry_run")
    audience.chapter("It writes to a customer: a rule on trial watches")
    mail = await agent.call("read_mail", {"mail_id": "m1"}, "allow")
    reply = {"to": mail.result["sender"], "subject": "Your desk", "body": "It is paid."}
    await agent.call("send_mail", reply, "allow")
    audience.chapter("What the shop has booked in the end")
    await _check_books(agent)


async def _pay_order(agent: Agent, due: int) -> None:
    deposit = 120
    await agent.call("create_payment", _payment(7, deposit), "allow")
    denied = await agent.call("create_payment", _payment(7, due - deposit), "deny")
    for part in _parts(due - deposit, _number_in(denied)):
        await agent.call("create_payment", _payment(7, part), "allow", repairs=True)


async def _pay_up_to_the_limit(agent: Agent) -> None:
    full = await agent.call("create_payment", _payment(8, 45), "spend_limited")
    left = full.told["max_spend"] - full.told["current_spend"]
    await agent.call("create_payment", _payment(8, left), "allow", repairs=True)


async def _ask_instead_of_deleting(agent: Agent) -> None:
    denied = await agent.call("delete_order", {"order_id": 9}, "deny")
    address = re.search(r"[\w.]+@[\w.]+\w", denied.told["suggestion"] or "")
    if address is None:
        raise UnexpectedDecision(f"{denied.tool}: the suggestion names no address.")
    request = {"to": address[0], "subject": "Order 9", "body": "Please delete it."}
    await agent.call("send_mail", request, "allow", repairs=True)


async def _check_books(agent: Agent) -> None:
    listed = await agent.call("list_payments", {}, "allow")
    booked = [payment["amount"] for payment in listed.result["result"]]
    allowed = [
        call.arguments["amount"]
        for call in agent.calls
        if call.tool == "create_payment" and call.decision == "allow"
    ]
    if booked != allowed:
        raise UnexpectedDecision(f"The shop booked {booked}, but {allowed} were allowed.")


def _payment(order_id: int, amount: int) -> dict[str, Any]:
    return {"order_id": order_id, "amount": amount, "currency": "GBP"}


def _number_in(denied: Seen) -> int:
    number = re.search(r"\d+", denied.told["suggestion"] or "")
    if number is None:
        raise UnexpectedDecision(f"{denied.tool}: the suggestion names no amount.")
    return int(number[0])


def _parts(amount: int, largest: int) -> Iterator[int]:
    while amount > 0:
        part = min(amount, largest)
        yield part
        amount -= part
