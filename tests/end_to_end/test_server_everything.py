"""The official client and npm's server-everything, with Helio between them or not."""

import asyncio
from collections.abc import Iterator

import pytest

from end_to_end.agent import PATIENCE, Agent, Scenario, outcome_of
from end_to_end.pairs import Pair, running_pair

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@pytest.fixture(scope="module")
def pair(everything_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("everything")
    with running_pair(directory, everything_server, "", "30s") as running:
        yield running


async def listed(agent: Agent) -> None:
    """Waits until all tools are there: some come when the server knows what the client can do."""
    async with asyncio.timeout(PATIENCE):
        while True:
            tools = await agent.client.list_tools()
            if {"trigger-sampling-request", "trigger-elicitation-request"} <= {
                tool.name for tool in tools.tools
            }:
                break
    agent.http.clear()
    agent.notifications.clear()


async def listings(agent: Agent) -> None:
    client = agent.client
    await listed(agent)
    agent.note((client.protocol_version, client.instructions))
    agent.note(client.server_capabilities)
    agent.note(client.session.server_info)
    tools = sorted((await client.list_tools()).tools, key=lambda tool: tool.name)
    for tool in tools:
        agent.note(tool)
    agent.note(await client.list_resource_templates())
    agent.note(await client.list_prompts())
    resources = await client.list_resources()
    agent.note(resources)
    agent.note(await client.read_resource(resources.resources[0].uri))
    agent.note(await client.get_prompt("simple-prompt"))


async def calls(agent: Agent) -> None:
    await listed(agent)
    await agent.call("echo", {"message": "Grüß Gott \U0001f600"})
    await agent.call("get-sum", {"a": 1.5, "b": 2})
    await agent.call("get-structured-content", {"location": "Chicago"})
    await agent.call("get-tiny-image")
    await agent.call("get-annotated-message", {"messageType": "error", "includeImage": True})
    assert (await agent.call("get-sum", {"a": "x"})).is_error
    assert (await agent.call("no-such-tool")).is_error


async def progress(agent: Agent) -> None:
    arguments = {"duration": 0.4, "steps": 4}
    await agent.call(
        "trigger-long-running-operation", arguments, progress_callback=agent.on_progress
    )
    await agent.until(lambda: len(agent.progress) == 4)


async def questions(agent: Agent) -> None:
    await listed(agent)
    sampled = await agent.call("trigger-sampling-request", {"prompt": "How long?", "maxTokens": 9})
    assert "a-model" in str(sampled.content)
    elicited = await agent.call("trigger-elicitation-request")
    assert "User provided" in str(elicited.content)
    agent.http.clear()
    agent.notifications.clear()


async def logging(agent: Agent) -> None:
    await agent.client.set_logging_level("debug")
    await agent.call("toggle-simulated-logging")
    await agent.until(lambda: len(agent.logs) > 0)
    await agent.call("toggle-simulated-logging")
    # The server makes up what it logs, and when.
    agent.logs.clear()
    agent.results.clear()
    agent.notifications.clear()


@pytest.mark.parametrize(
    "scenario", [listings, calls, progress, questions, logging], ids=lambda each: each.__name__
)
async def test_the_client_sees_no_difference(pair: Pair, scenario: Scenario) -> None:
    direct, through = await pair.both(scenario)
    assert through.transcript == direct.transcript
    assert through.calls == direct.calls


async def test_a_cancelled_call_is_recorded_as_cancelled(pair: Pair) -> None:
    """This server hears of the cancellation and never answers the call."""

    async def cancel(agent: Agent) -> None:
        call = asyncio.ensure_future(
            agent.start(
                "trigger-long-running-operation",
                {"duration": 60, "steps": 600},
                progress_callback=agent.on_progress,
            )
        )
        await agent.until(lambda: len(agent.progress) > 0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await agent.call("echo", {"message": "the session goes on"})

    agent = await pair.through(cancel)
    async with asyncio.timeout(PATIENCE):
        while not (rows := pair.recorded()[agent.session_id]) or len(rows) < 2:
            await asyncio.to_thread(pair.helio.health)
    assert sorted(rows) == sorted(agent.calls)
    (row,) = [row for row in pair.helio.calls() if "cancelled" in (row["upstream_error"] or "")]
    assert outcome_of(row) == ("trigger-long-running-operation", "given up")


async def test_every_call_is_one_row_that_says_how_it_ended(pair: Pair) -> None:
    await pair.through(calls)
    recorded = pair.recorded()
    for session, made in pair.made.items():
        assert sorted(recorded[session]) == sorted(made)
