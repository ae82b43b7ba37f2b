"""The loaded policy as a picture, on the operator port."""

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.picture import picture_route
from helio.policy import CompiledPolicy, compile_text
from helio.policy.picture import draw
from helio.protocol.guards import host_rules, origin_rules

TEXT = """
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies:
  install: { rules: [{ name: skills, match: { kind: skill }, action: allow }] }
  rules: [{ name: large, match: { tool: pay }, action: deny }]
"""


def compiled(text: str) -> CompiledPolicy:
    policy = compile_text(text).policy
    assert policy is not None
    return policy


async def test_it_is_of_the_policy_of_the_moment() -> None:
    policies = [compiled(TEXT), compiled(TEXT.replace("large", "small"))]
    access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), None)
    running = policies[0]
    server = TestServer(application(access, [picture_route(lambda: running)]))
    async with server, ClientSession() as client:
        for running in policies:
            async with client.get(server.make_url("/api/policy/graph")) as answer:
                assert answer.status == 200
                drawn = (await answer.json())["data"]
                assert drawn == draw(running).as_object()
                assert "install_rule0" in [box["id"] for box in drawn["boxes"]]
