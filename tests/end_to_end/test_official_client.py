"""The official client sees no difference between an upstream and Helio in front of it."""

import asyncio
import hashlib
import json
from collections.abc import Iterator

import pytest
from mcp_types import PromptReference, TextContent

from conftest import HelioFactory
from end_to_end.agent import BLOCKED, PATIENCE, Agent, Scenario, outcome_of, play
from end_to_end.pairs import KINDS, Pair, running_pair, running_sdk_server

pytestmark = [
    pytest.mark.end_to_end,
    # Sampling, logging and pings belong to the legacy revisions; the library says that they end.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

POLICIES = """
policies:
  rules:
    - { name: never, match: { tool: 'denied_*' }, action: deny,
        feedback: { message: 'Not here', suggestion: 'Call echo.' } }
    - { name: rehearsal, match: { tool: 'rehearsed_*' }, action: dry_run }
"""


@pytest.fixture(scope="module", params=list(KINDS))
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The server on the official library, by both ways that it can answer."""
    directory = tmp_path_factory.mktemp(f"official-client-{request.param}")
    with (
        running_sdk_server(directory, *KINDS[request.param]) as url,
        running_pair(directory, url, POLICIES, "30s") as running,
    ):
        yield running


async def listings(agent: Agent) -> None:
    client = agent.client
    session = client.session
    agent.note((client.protocol_version, client.instructions))
    agent.note(client.server_capabilities)
    agent.note(session.server_info)
    agent.note(await client.list_tools())
    agent.note(await client.list_resources())
    agent.note(await client.list_resource_templates())
    agent.note(await client.list_prompts())
    agent.note(await client.send_ping())


async def calls(agent: Agent) -> None:
    await agent.call("echo", {"text": "Grüß Gott,\r\n\u2028\U0001f600 \x00 data: {}\n\n"})
    await agent.call("echo", {"text": ""})
    added = await agent.call("add", {"a": 2, "b": 2**60})
    assert added.structured_content == {"total": 2 + 2**60, "terms": [2, 2**60]}
    assert (await agent.call("add", {"a": "not a number", "b": 1})).is_error
    assert (await agent.call("fail", {"why": "for this reason"})).is_error
    assert (await agent.call("no_such_tool")).is_error


async def contents(agent: Agent) -> None:
    client = agent.client
    agent.note(await client.read_resource("text://greeting"))
    agent.note(await client.read_resource("bytes://256"))
    await agent.refused(client.read_resource("text://nothing"))
    agent.note(await client.get_prompt("review", {"code": "print('\u2029')"}))
    await agent.refused(client.get_prompt("nothing"))
    await agent.refused(client.complete(PromptReference(name="review"), {"name": "c", "value": ""}))


async def messages_on_the_call(agent: Agent) -> None:
    await agent.call("progress", {"steps": 20}, progress_callback=agent.on_progress)
    await agent.call("progress", {"steps": 3})
    await agent.call("log", {"text": "as it happens"})
    if ("POST", 200, "text/event-stream") in agent.http:
        await agent.until(lambda: len(agent.progress) == 20)
        await agent.until(lambda: len(agent.logs) == 5)
        assert [step for step, _, _ in agent.progress] == list(range(1, 21))


async def messages_on_the_session(agent: Agent) -> None:
    for text in ("one", "two", "three"):
        await agent.call("announce", {"text": text})
    await agent.until(lambda: len(agent.logs) == 3)


async def questions(agent: Agent) -> None:
    sampled = await agent.call("sample", {"prompt": "How long?", "standing": True})
    assert "9 characters" in str(sampled.content)
    if ("POST", 200, "text/event-stream") in agent.http:
        await agent.call("sample", {"prompt": "How long?", "standing": False})
        elicited = await agent.call("elicit")
        assert "accept" in str(elicited.content)


async def a_call_cancelled(agent: Agent) -> None:
    before = await count_cancellations(agent)
    call = asyncio.ensure_future(agent.start("slow", {"name": "a"}))
    await agent.until(lambda: len(agent.logs) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    while await count_cancellations(agent) == before:
        pass
    agent.http.clear()


async def count_cancellations(agent: Agent) -> int:
    answer = await agent.start("cancellations", {"name": "a"})
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return int(content.text)


async def a_call_given_up_by_the_client(agent: Agent) -> None:
    # Long enough for what the tool says at once to come first, direct as through Helio.
    error = await agent.refused(agent.start("slow", {"name": "b"}, read_timeout_seconds=1.5))
    assert "timed out" in error.error.message
    await agent.call("echo", {"text": "the session goes on"})
    agent.http.clear()


async def tools_that_change(agent: Agent) -> None:
    await agent.call("grow", {"name": "grown", "read_only": True})
    await agent.until(lambda: agent.notifications.count("notifications/tools/list_changed") == 1)
    agent.note(await agent.client.list_tools())
    await agent.call("grown")
    await agent.call("shrink", {"name": "grown"})
    await agent.until(lambda: agent.notifications.count("notifications/tools/list_changed") == 2)
    agent.note(await agent.client.list_tools())


async def a_big_result(agent: Agent) -> None:
    answer = await agent.start("big", {"mebibytes": 10})
    (content,) = answer.content
    assert isinstance(content, TextContent)
    assert len(content.text) == 10 * 1024 * 1024
    agent.note(hashlib.sha256(content.text.encode()).hexdigest())


async def a_big_argument(agent: Agent) -> None:
    text = "".join(f"{number:07d} " for number in range(3 * 1024 * 1024 // 8))
    answer = await agent.start("echo", {"text": text})
    (content,) = answer.content
    assert isinstance(content, TextContent)
    assert content.text == text


async def many_calls_at_once(agent: Agent) -> None:
    # Else the client itself lists them anew for each call that it has no schema for.
    agent.note(await agent.client.list_tools())
    answers = await asyncio.gather(
        *(agent.start("echo", {"text": f"call {number}"}) for number in range(40))
    )
    for answer in answers:
        agent.note(answer)


async def a_call_that_is_polled(agent: Agent) -> None:
    await agent.call("poll", {"steps": 3}, progress_callback=agent.on_progress)


SCENARIOS: list[Scenario] = [
    listings,
    calls,
    contents,
    messages_on_the_call,
    messages_on_the_session,
    questions,
    a_call_cancelled,
    a_call_given_up_by_the_client,
    tools_that_change,
    a_big_result,
    a_big_argument,
    many_calls_at_once,
    a_call_that_is_polled,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_client_sees_no_difference(pair: Pair, scenario: Scenario) -> None:
    direct, through = await pair.both(scenario)
    assert through.transcript == direct.transcript
    assert set(through.calls) == set(direct.calls)


async def test_clients_at_once_get_their_own_answers(pair: Pair) -> None:
    async def talk(agent: Agent) -> None:
        await agent.client.list_tools()
        marks = [f"{agent.session_id}/{number}" for number in range(15)]
        answers = await asyncio.gather(*(agent.start("echo", {"text": mark}) for mark in marks))
        assert [answer.content[0].text for answer in answers] == marks  # type: ignore[union-attr]
        await agent.call("announce", {"text": agent.session_id})
        await agent.until(lambda: len(agent.logs) == 1)

    agents = await asyncio.gather(*(pair.through(talk) for _ in range(3)))
    assert len({agent.session_id for agent in agents}) == 3
    for agent in agents:
        assert [log["data"] for log in agent.logs] == [agent.session_id]


async def blocked_calls(agent: Agent) -> None:
    tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
    for tool in ("denied_plain", "denied_structured"):
        denied = await agent.start(tool, {"text": "x"})
        assert denied.is_error
        (content,) = denied.content
        assert content == TextContent(text="Blocked: Not here. Call echo.")
        told = (denied.meta or {})["helio/blocked"]
        assert (told["reason"], told["rule"], told["rule_index"]) == ("policy_denied", "never", 0)
        declared = tools[tool].output_schema is not None
        assert denied.structured_content == (None if declared else told)
    for tool in ("rehearsed_plain", "rehearsed_structured"):
        rehearsed = await agent.start(tool, {"text": "x"})
        told = (rehearsed.meta or {})["helio/dry_run"]
        assert (told["would_forward"], told["rule"]) == (True, "rehearsal")
        (content,) = rehearsed.content
        assert isinstance(content, TextContent)
        assert json.loads(content.text) == told
    await agent.call("echo", {"text": "the session goes on"})


async def test_the_client_shows_what_was_blocked_and_rehearsed(pair: Pair) -> None:
    agent = await pair.through(blocked_calls)
    assert [outcome for _, outcome in agent.calls] == [
        *["blocked: policy_denied"] * 2,
        *["dry run"] * 2,
        "answered",
    ]


async def test_blocks_as_errors_are_raised(helio: HelioFactory, pair: Pair) -> None:
    process = helio(POLICIES + "  blocked_as: error\n", upstream=pair.direct)

    async def refused(agent: Agent) -> None:
        for tool in ("denied_plain", "denied_structured"):
            error = await agent.refused(agent.start(tool, {"text": "x"}))
            assert error.error.code == BLOCKED
            assert error.error.message == "Blocked: Not here. Call echo."
            assert error.error.data["rule"] == "never"
        assert not (await agent.start("echo", {"text": "goes on"})).is_error

    agent = await play(refused, process.mcp_url)
    assert [outcome_of(row) for row in process.calls()] == agent.calls


async def progress(agent: Agent) -> None:
    await agent.call("progress", {"steps": 20}, progress_callback=agent.on_progress)


@pytest.mark.parametrize("mode", ["auto", "2026-07-28"])
@pytest.mark.parametrize("scenario", [calls, contents, progress])
async def test_a_newer_client_sees_no_difference(pair: Pair, mode: str, scenario: Scenario) -> None:
    direct, through = await pair.both(scenario, mode=mode)
    assert {method for method, _, _ in through.http} == {"POST"}
    assert through.transcript == direct.transcript


async def test_catalogue_follows_the_tools(helio: HelioFactory, pair: Pair) -> None:
    """What the client hears of changed tools, Helio hears too, and governs by it."""
    policies = """
policies:
  unknown_tools: deny
  rules: [{ match: { tool: 'grown-*', annotations: { readOnlyHint: true } }, action: deny }]
"""
    process = helio(policies, upstream=pair.direct)

    async def until_told(agent: Agent, tool: str, outcome: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not agent.calls or agent.calls[-1] != (tool, outcome):
                await agent.start(tool)

    async def grow_and_shrink(agent: Agent) -> None:
        for read_only, outcome in ((False, "answered"), (True, "blocked: policy_denied")):
            tool = f"grown-{read_only}".lower()
            await until_told(agent, tool, "blocked: unknown_tool")
            await agent.start("grow", {"name": tool, "read_only": read_only})
            await until_told(agent, tool, outcome)
            await agent.start("shrink", {"name": tool})
            await until_told(agent, tool, "blocked: tool_definition_drift")

    agent = await play(grow_and_shrink, process.mcp_url)
    assert [outcome_of(row) for row in process.calls()] == agent.calls


def test_every_call_is_one_row_that_says_how_it_ended(pair: Pair) -> None:
    """The last test of the module: of all calls that were made through Helio before."""
    asyncio.run(pair.through(blocked_calls))
    recorded = pair.recorded()
    for session, made in pair.made.items():
        assert sorted(recorded[session]) == sorted(made)
