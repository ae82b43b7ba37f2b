"""Several upstreams served as one: the official client uses each as if it were alone."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from end_to_end import sdk_server
from end_to_end import test_official_client as official
from end_to_end import test_server_everything as others
from end_to_end.agent import Agent, Scenario, connected, outcome_of, play, play_over
from end_to_end.pairs import running_sdk_server
from end_to_end.prefixed import Prefixed
from processes import (
    LOOPBACK,
    SECRET,
    HelioProcess,
    choose_free_port,
    end_process,
    start_demo_upstream,
)

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@dataclass
class Several:
    """A Helio with `aggregate: true`, and the SDK server among its upstreams at `direct`."""

    direct: str
    resumable: str
    helio: HelioProcess

    async def through(self, scenario: Scenario, upstream: str, mode: str = "legacy") -> Agent:
        """Plays a scenario at one of the upstreams, through the aggregate."""
        return await play(at(upstream, scenario), self.helio.mcp_url, mode=mode)


def at(upstream: str, scenario: Scenario) -> Scenario:
    """The scenario, at one of the upstreams of an aggregate."""

    async def prefixed(agent: Agent) -> None:
        agent.client = Prefixed(agent.client, upstream)  # type: ignore[assignment]
        await scenario(agent)

    return prefixed


def serve(directory: Path, upstreams: list[dict[str, Any]], policies: str = "") -> HelioProcess:
    """Helio before these upstreams, as one."""
    mcp_port, operator_port = choose_free_port(), choose_free_port()
    config = directory / "helio.yaml"
    config.write_text(
        "version: '1'\naggregate: true\n"
        f"upstreams: {json.dumps(upstreams)}\n"
        f"listen: {{ host: {LOOPBACK}, port: {mcp_port} }}\n"
        f"dashboard: {{ port: {operator_port}, api_secret: '{SECRET}' }}\n"
        "sdk: { enabled: false }\n"
        f"{policies}",
        "utf-8",
    )
    return HelioProcess(config=config, mcp_port=mcp_port, operator_port=operator_port).start()


@pytest.fixture(scope="module")
def several(everything_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    directory = tmp_path_factory.mktemp("aggregate")
    with ExitStack() as stack:
        direct = stack.enter_context(running_sdk_server(directory))
        (directory / "resumable").mkdir()
        resumable = stack.enter_context(running_sdk_server(directory / "resumable", "--resumable"))
        upstreams = [
            {"name": "resumable", "url": resumable},
            {"name": "everything", "url": everything_server},
            {"name": "sdk", "url": direct},
            {
                "name": "child",
                "transport": "stdio",
                "command": sys.executable,
                "args": [sdk_server.__file__, "--stdio"],
            },
        ]
        process = serve(directory, upstreams, official.POLICIES)
        stack.callback(process.stop)
        yield Several(direct, resumable, process)


def seen(agent: Agent) -> dict[str, Any]:
    """The transcript, without what the HTTP answers were like: Helio chooses that here."""
    return {key: value for key, value in agent.transcript.items() if key != "http"}


COMPARED = [scenario for scenario in official.SCENARIOS if scenario is not official.listings]


@pytest.mark.parametrize("upstream", ["sdk", "child"])
@pytest.mark.parametrize("scenario", COMPARED, ids=lambda scenario: scenario.__name__)
async def test_each_is_used_as_if_it_were_alone(
    several: Several, upstream: str, scenario: Scenario
) -> None:
    direct = await play(scenario, several.direct)
    through = await several.through(scenario, upstream)
    assert seen(through) == seen(direct)
    assert set(through.calls) == set(direct.calls)


@pytest.mark.parametrize(
    "scenario",
    [others.calls, others.progress, others.questions],
    ids=lambda scenario: scenario.__name__,
)
async def test_a_server_of_others_is_used_as_if_it_were_alone(
    several: Several, everything_server: str, scenario: Scenario
) -> None:
    direct = await play(scenario, everything_server)
    through = await several.through(scenario, "everything")
    assert seen(through)["results"] == seen(direct)["results"]
    assert through.asked == direct.asked
    assert through.progress == direct.progress


RESUMED = [
    official.messages_on_the_call,
    official.messages_on_the_session,
    official.questions,
    official.a_call_that_is_polled,
]


@pytest.mark.parametrize("scenario", RESUMED, ids=lambda scenario: scenario.__name__)
async def test_streams_that_end_early_go_on(several: Several, scenario: Scenario) -> None:
    direct = await play(scenario, several.resumable)
    through = await several.through(scenario, "resumable")
    assert seen(through) == seen(direct)


PLAYED_ELSEWHERE = [official.calls, official.messages_on_the_session, official.questions]


@pytest.mark.parametrize("scenario", PLAYED_ELSEWHERE, ids=lambda scenario: scenario.__name__)
async def test_the_sse_door_serves_it_too(several: Several, scenario: Scenario) -> None:
    direct = await play(scenario, several.direct)
    url = several.helio.mcp_url.replace("/mcp", "/sse")
    through = await play_over(sse_client(url), at("sdk", scenario))
    assert seen(through) == seen(direct)


async def test_the_stdio_door_serves_it_too(several: Several) -> None:
    direct = await play(official.calls, several.direct)
    arguments = ["-m", "helio", "stdio", "-c", str(several.helio.config)]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    with (several.helio.directory / "stdio.log").open("w") as log:
        through = await play_over(stdio_client(parameters, log), at("sdk", official.calls))
    assert seen(through) == seen(direct)


@pytest.mark.parametrize("mode", ["auto", "2026-07-28"])
@pytest.mark.parametrize(
    "scenario",
    [official.calls, official.contents, official.progress],
    ids=lambda scenario: scenario.__name__,
)
@pytest.mark.parametrize("upstream", ["sdk", "child"])
async def test_newer_clients_see_no_difference(
    several: Several, upstream: str, scenario: Scenario, mode: str
) -> None:
    direct = await play(scenario, several.direct, mode=mode)
    through = await several.through(scenario, upstream, mode)
    assert {method for method, _, _ in through.http} == {"POST"}
    assert seen(through) == seen(direct)


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_lists_and_descriptions_are_of_all(several: Several, mode: str) -> None:
    async def look(agent: Agent) -> None:
        client = agent.client
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert {"everything__echo", "sdk__echo", "child__echo"} <= set(tools)
        assert len(set(tools)) == len(tools)
        owners = [name.partition("__")[0] for name in tools]
        assert list(dict.fromkeys(owners)) == ["resumable", "everything", "sdk", "child"]
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert {"everything__simple-prompt", "sdk__review", "child__review"} <= prompts
        resources = {str(each.uri) for each in (await client.list_resources()).resources}
        assert "helio://sdk/text://greeting" in resources
        assert any(uri.startswith("helio://everything/") for uri in resources)
        if mode != "2026-07-28":
            # In that mode the client asks for none of this.
            instructions = client.instructions or ""
            assert "# sdk\n\nEverything at once." in instructions
            assert instructions.index("# everything\n") < instructions.index("# sdk\n")
            declared = client.server_capabilities.model_dump(exclude_none=True)
            assert {"tools", "prompts", "resources", "logging", "completions"} <= declared.keys()

    await play(look, several.helio.mcp_url, mode=mode)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_name_of_no_upstream_is_blocked_and_recorded(several: Several, mode: str) -> None:
    async def call(agent: Agent) -> None:
        for name in ("echo", "nobody__echo", "sdk__", "sdk_echo"):
            answer = await agent.start(name, {"text": "x"})
            told = (answer.meta or {})["helio/blocked"]
            assert (told["reason"], told["retry_allowed"]) == ("unknown_tool", False)

    agent = await play(call, several.helio.mcp_url, mode=mode)
    rows = several.helio.calls()[-4:]
    assert [outcome_of(row) for row in rows] == agent.calls
    assert {row["upstream"] for row in rows} == {"aggregate"}


async def test_rows_say_the_upstreams_own_names(several: Several) -> None:
    async def call(agent: Agent) -> None:
        await agent.client.list_tools()
        await agent.start("sdk__echo", {"text": "a"})
        await agent.start("child__echo", {"text": "b"})
        await agent.start("everything__echo", {"message": "c"})
        await agent.start("sdk__denied_plain", {"text": "d"})

    agent = await play(call, several.helio.mcp_url)
    rows = several.helio.calls("--session", str(agent.session_id))
    assert [(row["upstream"], row["tool_name"], row["policy_decision"]) for row in rows] == [
        ("sdk", "echo", "allow"),
        ("child", "echo", "allow"),
        ("everything", "echo", "allow"),
        ("sdk", "denied_plain", "deny"),
    ]


LIMITED = """
policies:
  hide_denied: true
  rules:
    - { match: { upstream: second, tool: 'cancel_*' }, action: deny }
    - { match: { tool: search_orders }, limits: { max_calls: 1, window: 1h, key: tool } }
"""


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_limits_and_hiding_know_the_upstreams(
    tmp_path: Path, demo_upstream: str, mode: str
) -> None:
    process = serve(
        tmp_path,
        [{"name": name, "url": demo_upstream} for name in ("first", "second")],
        LIMITED,
    )

    async def call(agent: Agent) -> None:
        names = {tool.name for tool in (await agent.client.list_tools()).tools}
        denied = {name for name in names if "cancel_" in name}
        assert denied == {name for name in denied if name.startswith("first__")}
        for upstream in ("first", "second", "first", "second"):
            await agent.start(f"{upstream}__search_orders", {"text": "a"})

    try:
        agent = await play(call, process.mcp_url, mode=mode)
    finally:
        process.stop()
    assert [outcome for _, outcome in agent.calls] == [
        *["answered"] * 2,
        *["blocked: rate_limited"] * 2,
    ]


EVIDENCE = """
policies:
  rules:
    - match: { tool: create_payment }
      action: deny
      evidence: { requires: [{ tool: orders.lookup, bind: { order_id: order_id } }] }
"""


async def test_what_is_suggested_is_a_name_that_the_agent_knows(
    tmp_path: Path, demo_upstream: str
) -> None:
    upstreams = [{"name": name, "url": demo_upstream} for name in ("first", "second")]
    process = serve(tmp_path, upstreams, EVIDENCE)
    payment = {"order_id": 7, "amount": 1}
    told: list[Any] = []

    async def call(agent: Agent) -> None:
        blocked = await agent.client.call_tool("second__create_payment", payment)
        told.append((blocked.meta or {})["helio/blocked"])
        await agent.start("second__orders.lookup", {"order_id": 7})
        await agent.start("second__create_payment", payment)

    try:
        agent = await play(call, process.mcp_url)
    finally:
        process.stop()
    assert told[0]["missing_evidence"] == ["orders.lookup"]
    assert told[0]["suggestion"].startswith("Call second__orders.lookup with `$.order_id` equal")
    assert [outcome for _, outcome in agent.calls] == ["answered"] * 2


async def test_one_that_is_killed_and_comes_back(tmp_path: Path, demo_upstream: str) -> None:
    log = tmp_path / "second.log"
    second, url = start_demo_upstream(log)
    process = serve(
        tmp_path, [{"name": "first", "url": demo_upstream}, {"name": "second", "url": url}]
    )
    try:
        async with connected(process.mcp_url) as agent:
            before = len((await agent.client.list_tools()).tools)
            end_process(second)
            assert len((await agent.client.list_tools()).tools) == before // 2
            await agent.start("first__search_orders", {"text": "a"})
            with pytest.raises(MCPError, match="could not be reached"):
                await agent.start("second__search_orders", {"text": "a"})
            second, _ = start_demo_upstream(log, urlsplit(url).port or 0)
            await agent.until(lambda: "notifications/tools/list_changed" in agent.notifications)
            assert len((await agent.client.list_tools()).tools) == before
            await agent.start("second__search_orders", {"text": "a"})
        assert [outcome for _, outcome in agent.calls] == [
            "answered",
            "upstream_connect_failed",
            "answered",
        ]
    finally:
        process.stop()
        end_process(second)


async def test_one_that_is_down_at_first(tmp_path: Path, demo_upstream: str) -> None:
    port = choose_free_port()
    process = serve(
        tmp_path,
        [
            {"name": "absent", "url": f"http://{LOOPBACK}:{port}/mcp"},
            {"name": "first", "url": demo_upstream},
        ],
    )
    try:
        for mode in ("legacy", "2026-07-28"):
            async with connected(process.mcp_url, mode=mode) as agent:
                names = [tool.name for tool in (await agent.client.list_tools()).tools]
                assert names
                assert all(name.startswith("first__") for name in names)
                await agent.start("first__search_orders", {"text": "a"})
                assert agent.calls == [("first__search_orders", "answered")]
    finally:
        process.stop()
