"""An upstream that is a program, or that speaks HTTP+SSE: the official client sees no difference
to the same server on streamable HTTP without Helio."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from sys import executable
from typing import Any

import pytest

from end_to_end import sdk_server
from end_to_end import test_official_client as official
from end_to_end.agent import Agent, Scenario
from end_to_end.pairs import Pair, running_helio, running_sdk_server

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@pytest.fixture(scope="module", params=["stdio", "sse"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The server on the official library: direct on streamable HTTP, through Helio otherwise."""
    directory = tmp_path_factory.mktemp(f"other-{request.param}")
    with ExitStack() as stack:
        direct = stack.enter_context(running_sdk_server(directory))
        section: dict[str, object] = {"transport": request.param}
        if request.param == "stdio":
            section |= {"command": executable, "args": [sdk_server.__file__, "--stdio"]}
        else:
            other = directory / "sse"
            other.mkdir()
            section["url"] = stack.enter_context(running_sdk_server(other, "--sse"))
        helio = running_helio(directory, json.dumps(section), official.POLICIES)
        yield Pair(direct, stack.enter_context(helio))


def seen(agent: Agent) -> dict[str, Any]:
    """The transcript, without the media types that some servers give to answers without a body."""
    statuses: Counter[tuple[str, int]] = Counter()
    for (method, status, _), count in agent.http.items():
        statuses[method, status] += count
    return agent.transcript | {"http": dict(statuses)}


@pytest.mark.parametrize("scenario", official.SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_client_sees_no_difference(pair: Pair, scenario: Scenario) -> None:
    direct, through = await pair.both(scenario)
    assert seen(through) == seen(direct)
    assert set(through.calls) == set(direct.calls)


async def test_what_is_blocked_is_blocked(pair: Pair) -> None:
    agent = await pair.through(official.blocked_calls)
    assert [outcome for _, outcome in agent.calls] == [
        *["blocked: policy_denied"] * 2,
        *["dry run"] * 2,
        "answered",
    ]


def test_every_call_is_one_row_that_says_how_it_ended(pair: Pair) -> None:
    """The last test of the module: of all calls that were made through Helio before."""
    recorded = pair.recorded()
    for session, made in pair.made.items():
        assert sorted(recorded[session]) == sorted(made)
