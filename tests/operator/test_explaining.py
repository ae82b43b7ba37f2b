"""Why a call would be decided so, on the operator port."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.explaining import PolicyExplaining
from helio.policy import CompiledPolicy, compile_text
from helio.protocol.guards import host_rules, origin_rules
from helio.upstream.aggregate.names import Names

TEXT = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
environment: production
policies:
  rules:
    - name: large
      match: { tool: pay, upstream: bank, input: { amount: { gt: 100 } } }
      action: deny
"""


def compiled(text: str = TEXT) -> CompiledPolicy:
    policy = compile_text(text).policy
    assert policy is not None
    return policy


class Port:
    def __init__(self) -> None:
        self.policy = compiled()
        split = Names(["bank", "mail"]).split
        explaining = PolicyExplaining(
            lambda: self.policy, "bank", session_falls_back=False, split=split
        )
        access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
        self.server = TestServer(application(access, [explaining.route()]))
        self.client = ClientSession()

    async def explain(self, call: object) -> tuple[int, Any]:
        body = call if isinstance(call, bytes) else json.dumps(call).encode()
        url = self.server.make_url("/api/policy/explain")
        headers = {"content-type": "application/json"}
        async with self.client.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    found = Port()
    await found.server.start_server()
    yield found
    await found.client.close()
    await found.server.close()


async def test_a_call_is_explained_by_the_policy_of_the_moment(port: Port) -> None:
    call = {"tool": "pay", "arguments": {"amount": 500}}
    status, told = await port.explain(call)
    assert (status, told["data"]["decision"], told["data"]["rule"]) == (200, "deny", "large")
    (rule,) = told["data"]["rules"]
    assert [each["result"] for each in rule["conditions"]] == ["true"] * 3
    port.policy = compiled(TEXT.replace("gt: 100", "gt: 1000"))
    status, told = await port.explain(call)
    assert (status, told["data"]["decision"], told["data"]["rule"]) == (200, "allow", None)


async def test_a_name_that_agents_see_of_many_upstreams_is_its_upstreams_own(port: Port) -> None:
    call = {"tool": "bank__pay", "arguments": {"amount": 500}}
    assert (await port.explain(call))[1]["data"]["rule"] == "large"
    assert (await port.explain({**call, "tool": "mail__pay"}))[1]["data"]["rule"] is None
    assert (await port.explain({**call, "upstream": "bank"}))[1]["data"]["rule"] is None


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (b"{", "byte 1"),
        ({"arguments": {}}, "tool"),
        ({"tool": "pay", "arguments": 7}, "arguments"),
        ({"tool": "pay", "environment": "staging"}, "production"),
    ],
)
async def test_what_is_no_call_is_said_to_be_none(port: Port, call: object, why: str) -> None:
    status, told = await port.explain(call)
    assert status == 400
    assert why in told["error"]
