"""Calls that wait for a person, at every door and before every kind of upstream."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from end_to_end.agent import Agent, play_over
from end_to_end.pairs import KINDS, running_helio, running_sdk_server
from end_to_end.people import People
from peers import Peer
from processes import SECRET, HelioProcess, choose_free_port

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

INSPECTOR = Peer("@modelcontextprotocol/inspector")
POLICIES = """
approval: { timeout: 60s }
policies:
  rules:
    - { name: people, match: { tool: long }, action: require_approval }
    - { name: echoes, match: { tool: echo, input: { text: ask } }, action: require_approval }
"""


@dataclass
class Door:
    """A way to reach Helio, and the people behind it."""

    transport: Callable[[], Any]
    people: People
    tool: str = "long"
    steps: int = 3
    """How many steps of progress the upstream tells of."""


DOORS = ["sse", "stdio", "aggregate", "http to json", "http to resumable"]


@pytest.fixture(scope="module", params=DOORS)
def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    kind, tmp_path = str(request.param), tmp_path_factory.mktemp("door")
    options = KINDS.get(kind.removeprefix("http to "), [])
    with ExitStack() as stack:
        upstream = stack.enter_context(running_sdk_server(tmp_path, *options))
        if kind == "stdio":
            yield stdio_door(tmp_path, upstream, stack)
            return
        if kind == "aggregate":
            listed = f"[{{ name: one, url: '{upstream}' }}, {{ name: two, url: '{upstream}' }}]"
            section = f"\nupstreams: {listed}\naggregate: true"
            process = stack.enter_context(running_helio(tmp_path, section, POLICIES))
            url = process.mcp_url
            yield Door(lambda: streamable_http_client(url), People(process), "two__long")
            return
        section = f"{{ url: '{upstream}' }}"
        process = stack.enter_context(running_helio(tmp_path, section, POLICIES))
        url = process.mcp_url
        if kind == "sse":
            yield Door(lambda: sse_client(url.replace("/mcp", "/sse")), People(process))
        else:
            steps = 0 if kind == "http to json" else 3
            yield Door(lambda: streamable_http_client(url), People(process), steps=steps)


def stdio_door(directory: Path, upstream: str, stack: ExitStack) -> Door:
    """`helio stdio` as a client starts it, with its operator port."""
    port = choose_free_port()
    config = directory / "helio.yaml"
    config.write_text(
        f"version: '1'\nupstream: {{ url: '{upstream}' }}\n"
        f"dashboard: {{ port: {port}, api_secret: '{SECRET}' }}\n{POLICIES}",
        "utf-8",
    )
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "helio", "stdio", "-c", str(config), "--operator"],
        env=dict(os.environ),
        cwd=directory,
    )
    log = stack.enter_context((directory / "stdio.log").open("w"))
    people = People(HelioProcess(config=config, mcp_port=0, operator_port=port))
    return Door(lambda: stdio_client(parameters, errlog=log), people)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_upstreams_own_progress_goes_on_behind_helios(door: Door, mode: str) -> None:
    people = door.people

    async def scenario(agent: Agent) -> None:
        arguments = {"steps": 3, "pause": 0.01}
        call = asyncio.ensure_future(
            agent.start(door.tool, arguments, progress_callback=agent.on_progress)
        )
        await agent.until(lambda: bool(agent.progress))
        (ticket,) = await people.waiting()
        assert ticket["tool_name"] == "long"
        assert await asyncio.to_thread(people.approve, ticket) == 200
        agent.note(await call)

    agent = await play_over(door.transport(), scenario, mode=mode)
    assert agent.calls == [(door.tool, "answered")]
    values = [value for value, _, _ in agent.progress]
    assert values == sorted(set(values)), "progress only ever rises"
    assert values[len(values) - door.steps :] == [1, 2, 3][: door.steps]
    assert all(value < 1 for value in values[: len(values) - door.steps])
    assert agent.progress[0][2] is not None
    assert agent.progress[0][2].startswith("A person is asked to approve long, until ")


@pytest.mark.slow
@pytest.mark.parametrize("door", ["http to resumable"], indirect=True)
async def test_the_client_of_npm_waits_for_a_person(door: Door) -> None:
    if not INSPECTOR.installed:
        pytest.skip("make peers installs the inspector")
    people = door.people
    command = INSPECTOR.command(
        *("--cli", people.helio.mcp_url, "--transport", "http", "--method", "tools/call"),
        *("--tool-name", "echo", "--tool-arg", "text=ask"),
    )
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        (ticket,) = await people.waiting()
        assert running.poll() is None
        assert people.approve(ticket) == 200
        output, errors = await asyncio.to_thread(running.communicate, timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, errors.decode()
    assert json.loads(output)["content"][0]["text"] == "ask"
