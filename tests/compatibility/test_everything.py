"""npm's server-everything on the two transports that listen, as it is and through Helio."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.client.sse import sse_client

from compatibility.servers import SERVERS
from compatibility.talk import Heard, blocked, talk
from conftest import HelioFactory

pytestmark = [pytest.mark.end_to_end]

(EVERYTHING,) = (server for server in SERVERS if server.name == "everything")
POLICIES = """
upstream: { url: '${HELIO_TEST_UPSTREAM}', transport: TRANSPORT }
policies: { rules: [{ name: no-env, match: { tool: get-env }, action: deny }] }
"""


@pytest.fixture(params=["streamable-http", "sse"])
def upstream(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A transport, and where the server is reached by it."""
    fixture = "everything_sse_server" if request.param == "sse" else "everything_server"
    yield request.param, request.getfixturevalue(fixture)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_over(
    helio: HelioFactory, upstream: tuple[str, str], mode: str, tmp_path: Path
) -> None:
    transport, url = upstream
    calls = [EVERYTHING.call(EVERYTHING.allowed, tmp_path), ("get-sum", {"a": "x"})]
    process = helio(POLICIES.replace("TRANSPORT", transport), upstream=url)
    direct = await talk(sse_client(url) if transport == "sse" else url, "legacy", *calls)
    through = await talk(process.mcp_url, mode, *calls, EVERYTHING.denied)
    assert blocked(through.answers.pop())["rule"] == "no-env"
    assert_same(through, direct)


def assert_same(heard: Heard, reference: Heard) -> None:
    """The same tools and answers."""
    assert len(reference.tools) == EVERYTHING.tools
    assert heard.tools == reference.tools
    assert [answer["content"] for answer in heard.answers] == [
        answer["content"] for answer in reference.answers
    ]
