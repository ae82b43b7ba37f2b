"""Several upstreams as one target: whom a call is for, and what is shown."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from helio.app.governed import GovernedUpstreams
from helio.config import parse_config
from helio.config.sections import HelioConfig
from helio.evaluator import parse_message
from helio.pipeline.governance import ActivePolicy
from helio.policy.compiler import compile_loaded
from helio.runtime.drift import DriftRecords
from helio.transport.target import Target
from pipeline.playbook import listed

HEAD = "version: '1'\naggregate: true\nupstreams:\n"
PLAIN = """
  - { name: one, url: 'http://localhost:1/mcp', forward_headers: [x-one] }
  - { name: two, url: 'http://localhost:2/mcp', request_timeout: 90s, headers: { x-key: k } }
"""
Make = Callable[[str], Target]


@pytest.fixture
async def targets() -> AsyncIterator[Callable[[str], Any]]:
    made: list[GovernedUpstreams] = []

    def make(text: str) -> Any:
        loaded = parse_config(HEAD + text, environment={}, purpose="run")
        compiled = compile_loaded(loaded)
        assert isinstance(compiled.config, HelioConfig), list(compiled.diagnostics)
        assert compiled.policy is not None
        records = DriftRecords(lambda *_: None, None)
        upstreams = GovernedUpstreams(compiled.config, ActivePolicy(compiled.policy), records, {})
        made.append(upstreams)
        return upstreams.targets()

    yield make
    for each in made:
        await each.aclose()


def call(name: str) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}
    return parse_message(json.dumps(body).encode())


async def test_all_are_served_beside_each(targets: Any) -> None:
    assert list(targets(PLAIN)) == [None, "one", "two"]


async def test_a_call_is_for_the_upstream_that_its_name_begins_with(targets: Any) -> None:
    every = targets(PLAIN)
    target, message = every[None].addressed(call("two__pay"))
    assert (target.upstream.name, message.tool) == ("two", "pay")
    assert target.upstream.request_timeout == 90.0
    assert target.upstream.health is every["two"].upstream.health
    assert target.governance().policy is every["two"].governance().policy
    assert target.governance().catalogue is every["two"].governance().catalogue
    assert every["two"].addressed(call("two__pay"))[1].tool == "two__pay"


async def test_a_tool_is_suggested_where_it_is_listed(targets: Any) -> None:
    every = targets(PLAIN)
    target, _ = every[None].addressed(call("one__pay"))
    tool = {"name": "lookup", "inputSchema": {"type": "object"}}
    assert target.governance().shown("lookup") == "lookup"
    every["two"].governance().catalogue.replace(listed(tool))
    assert target.governance().shown("lookup") == "two__lookup"
    every["one"].governance().catalogue.replace(listed(tool))
    assert target.governance().shown("lookup") == "one__lookup"
    assert every["one"].governance().shown("lookup") == "lookup"


@pytest.mark.parametrize("name", ["pay", "three__pay", "one__"])
async def test_a_call_for_nobody_is_served_by_nobody(targets: Any, name: str) -> None:
    every = targets(PLAIN)
    target, message = every[None].addressed(call(name))
    assert (target.upstream.name, message.tool) == ("aggregate", name)
    assert target.governance().unserved
    assert not every["one"].governance().unserved


def authorized(every: Any, names: list[str]) -> list[bool]:
    """Which of the upstreams get an agent's `authorization` by the aggregate."""
    found = [every[None].addressed(call(f"{name}__x"))[0] for name in names]
    return [target.upstream.rules.passes(b"authorization") for target in found]


async def test_an_authorization_is_for_one(targets: Any) -> None:
    every = targets(PLAIN)
    assert authorized(every, ["one", "two"]) == [False, False]
    assert every["one"].upstream.rules.passes(b"authorization")
    assert not every[None].upstream.rules.passes(b"authorization")
    text = """
  - { name: one, url: 'http://localhost:1/mcp' }
  - { name: two, url: 'http://localhost:2/mcp', headers: { Authorization: 'Bearer k' } }
  - { name: three, transport: stdio, command: cat }
"""
    every = targets(text)
    assert authorized(every, ["one", "two", "three"]) == [True, False, False]
    assert every[None].upstream.rules.passes(b"authorization")


async def test_each_gets_its_own_of_the_agents_headers(targets: Any) -> None:
    every = targets(PLAIN)
    assert every[None].upstream.rules.passes(b"x-one")
    one, _ = every[None].addressed(call("one__x"))
    two, _ = every[None].addressed(call("two__x"))
    assert one.upstream.rules.passes(b"x-one")
    assert not two.upstream.rules.passes(b"x-one")


async def test_what_nobody_may_call_is_hidden(targets: Any) -> None:
    policies = """
policies:
  hide_denied: true
  rules: [{ match: { upstream: two, tool: pay }, action: deny }]
"""
    target = targets(PLAIN + policies)[None]
    tools = [{"name": name} for name in ("one__pay", "two__pay", "two__see", "pay")]
    body = {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}
    asked = parse_message(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    amend = target.amend(asked, None)
    assert amend is not None
    shown = json.loads(amend(json.dumps(body).encode()))
    assert [tool["name"] for tool in shown["result"]["tools"]] == ["one__pay", "two__see"]
