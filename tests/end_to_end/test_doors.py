"""The official client at the SSE door and the stdio door: it sees no difference to the same server
on streamable HTTP without Helio."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

from end_to_end import sdk_server
from end_to_end import test_official_client as official
from end_to_end.agent import Agent, Scenario, play, play_over
from end_to_end.pairs import running_helio, running_sdk_server
from processes import LOOPBACK

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

BIG = (official.a_big_result, official.a_big_argument)
TELLING = (
    official.listings,
    official.messages_on_the_session,
    official.questions,
    official.a_call_cancelled,
    official.a_big_result,
)
SERVER = [sys.executable, sdk_server.__file__, "--stdio"]


@dataclass
class Door:
    """A way to the server through Helio, and the server itself at `direct`."""

    kind: str
    direct: str
    transport: Callable[[], Any]

    async def through(self, scenario: Scenario, mode: str = "legacy") -> Agent:
        return await play_over(self.transport(), scenario, mode=mode)


@pytest.fixture(scope="module", params=["sse", "stdio to http", "stdio to stdio"])
def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("door")
    with ExitStack() as stack:
        direct = stack.enter_context(running_sdk_server(directory))
        if request.param == "sse":
            section = json.dumps({"url": direct})
            helio = stack.enter_context(running_helio(directory, section, official.POLICIES))
            url = f"http://{LOOPBACK}:{helio.mcp_port}/sse"
            yield Door(request.param, direct, lambda: sse_client(url))
            return
        upstream = f"upstream: {{ url: '{direct}' }}\n" if request.param == "stdio to http" else ""
        config = directory / "helio.yaml"
        config.write_text(f"version: '1'\n{upstream}{official.POLICIES}", "utf-8")
        command = [] if upstream else ["--", *SERVER]
        log = stack.enter_context((directory / "stdio.log").open("w"))
        parameters = stdio(config, *command)
        yield Door(request.param, direct, lambda: stdio_client(parameters, errlog=log))


def stdio(config: Path, *arguments: str) -> StdioServerParameters:
    """`helio stdio` as a client starts it."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "helio", "stdio", "-c", str(config), *arguments],
        env=dict(os.environ),
        cwd=config.parent,
    )


def seen(agent: Agent) -> dict[str, Any]:
    """The transcript, without what HTTP had to do with it."""
    return {name: told for name, told in agent.transcript.items() if name != "http"}


@pytest.mark.parametrize("scenario", official.SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_client_sees_no_difference(door: Door, scenario: Scenario) -> None:
    if door.kind == "sse" and scenario in BIG:
        pytest.skip("the library's own sse_client takes no event over 1 MiB")
    if door.kind == "stdio to http" and scenario not in TELLING:
        pytest.skip("the rest is played at each end: sse to http, stdio to stdio")
    direct, through = await play(scenario, door.direct), await door.through(scenario)
    assert seen(through) == seen(direct)
    assert set(through.calls) == set(direct.calls)


async def test_what_is_blocked_is_blocked(door: Door) -> None:
    agent = await door.through(official.blocked_calls)
    blocked, rehearsed = ["blocked: policy_denied"] * 2, ["dry run"] * 2
    assert [outcome for _, outcome in agent.calls] == [*blocked, *rehearsed, "answered"]


@pytest.mark.parametrize("mode", ["auto", "2026-07-28"])
async def test_a_newer_client_finds_what_it_needs(door: Door, mode: str) -> None:
    if door.kind == "sse":
        pytest.skip("this transport is older than the revision")

    async def scenario(agent: Agent) -> None:
        agent.note((agent.client.protocol_version, await agent.client.list_tools()))
        await agent.call("echo", {"text": "hello"})
        await agent.call("progress", {"steps": 5}, progress_callback=agent.on_progress)
        assert (await agent.start("denied_plain", {"text": "x"})).is_error == direct_is_not

    direct_is_not = False
    direct = await play(scenario, door.direct, mode=mode)
    direct_is_not = True
    through = await door.through(scenario, mode)
    assert seen(through) == seen(direct)
