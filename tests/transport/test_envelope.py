"""Mirrored arguments: checked where agents send headers, made where they cannot."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from helio.evaluator import Message, parse_message
from helio.pipeline.governance import Governance
from helio.protocol.headers import Header, forward_rules
from helio.transport.admission import Rejection
from helio.transport.envelope import mirrored_arguments
from helio.transport.inbound import Inbound
from pipeline.playbook import govern
from transport.house import OpenHouse, json_answer, result
from upstream.peers import Conversation

PAY: dict[str, object] = {
    "name": "pay",
    "inputSchema": {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "amount": {"type": "integer", "x-mcp-header": "Amount"},
        },
    },
}
KNOWN = govern("{}", tools=[PAY])
UNKNOWN = govern("{}")


@dataclass
class Upstream:
    """As far as it is asked here."""

    rules: Any


@dataclass
class Served:
    """A target with this governance; the operator sets the headers `own` itself."""

    known: Governance
    own: tuple[str, ...] = ()

    def governance(self) -> Governance:
        return self.known

    @property
    def upstream(self) -> Upstream:
        return Upstream(forward_rules(operator_names=self.own))


@dataclass
class Agent:
    """A caller over HTTP, or over a channel."""

    channel: str | None = None
    agent: str | None = None


def call(arguments: object, tool: str = "pay") -> Message:
    params = {"name": tool, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return parse_message(json.dumps(body).encode())


def mirrored(
    message: Message, given: list[Header], target: Served, channel: str | None = None
) -> list[Header]:
    caller: Any = Agent(channel)
    served: Any = target
    inbound = Inbound("POST", None, given, message.body, caller)
    return mirrored_arguments(message, inbound, served, list(given))


def test_headers_over_http_pass_as_they_came_when_they_agree() -> None:
    given = [(b"mcp-param-region", b"us"), (b"mcp-param-amount", b"5.0"), (b"mcp-param-x", b"1")]
    assert mirrored(call({"region": "us", "amount": 5}), given, Served(KNOWN)) == given


@pytest.mark.parametrize(
    "given", [[], [(b"mcp-param-region", b"eu")], [(b"MCP-Param-Region", b"us")] * 2]
)
def test_headers_over_http_that_disagree_are_refused(given: list[Header]) -> None:
    with pytest.raises(Rejection) as refused:
        mirrored(call({"region": "us"}), given, Served(KNOWN))
    found = refused.value
    assert (found.status, found.code, found.reason) == (400, -32020, "header_mismatch")
    assert found.identifier == b"1"


@pytest.mark.parametrize("tool", ["pay", "other"])
def test_of_a_tool_that_nobody_listed_nothing_is_known(tool: str) -> None:
    target = Served(UNKNOWN if tool == "pay" else KNOWN)
    assert mirrored(call({"region": "us"}, tool), [], target) == []


def test_over_a_channel_headers_are_made_and_none_is_believed() -> None:
    given = [(b"mcp-method", b"tools/call"), (b"mcp-param-region", b"eu")]
    made = mirrored(call({"region": "Zürich", "amount": 5.0}), given, Served(KNOWN), "c")
    assert sorted(made) == [
        (b"mcp-method", b"tools/call"),
        (b"mcp-param-amount", b"5"),
        (b"mcp-param-region", b"=?base64?WsO8cmljaA==?="),
    ]


def test_the_operators_own_header_stands_for_a_made_one() -> None:
    target = Served(KNOWN, own=("Mcp-Param-Region",))
    assert mirrored(call({"region": "us"}), [], target, "c") == []


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
PARAMS = {"name": "pay", "arguments": {"region": "us"}, "_meta": META}
BODY = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": PARAMS}
HEADERS = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: pay\r\n"


async def test_the_http_door_checks_and_forwards_them(house: OpenHouse) -> None:
    seen: asyncio.Queue[Any] = asyncio.Queue()

    async def upstream(conversation: Conversation) -> None:
        seen.put_nowait(await conversation.request())
        await conversation.send(json_answer(result()))

    door = await house(upstream)
    door.governance = KNOWN
    body = json.dumps(BODY).encode()
    lying = await door.post(body, HEADERS + "mcp-param-region: eu\r\n")
    assert (lying.status, lying.message["error"]["code"], seen.qsize()) == (400, -32020, 0)
    assert door.rejected == ["header_mismatch"]
    honest = await door.post(body, HEADERS + "Mcp-Param-Region: us\r\n")
    assert honest.status == 200
    assert seen.get_nowait().header("mcp-param-region") == "us"
