"""Clients that others wrote hear the same through Helio as from the server itself."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compatibility.clients import CATALOG, CLIENTS, Client, Target
from compatibility.talk import blocked
from end_to_end import sdk_server
from end_to_end.pairs import running_pair, running_sdk_server
from processes import HelioProcess

pytestmark = [pytest.mark.end_to_end]

POLICIES = """
policies:
  rules: [{ name: never, match: { tool: 'denied_*' }, action: deny }]
"""
CALLS = [("echo", {"text": "Grüß Gott"}), ("add", {"a": 20, "b": 22}), ("fail", {"why": "so"})]
DENIED = ("denied_plain", {"text": "x"})
DOORS = ["http", "sse", "stdio"]


@dataclass
class Ways:
    """The same server direct and through Helio, by the transport that a client speaks."""

    helio: HelioProcess
    direct: dict[str, Target] = field(default_factory=dict)
    through: dict[str, Target] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    directory = tmp_path_factory.mktemp("clients")
    with (
        running_sdk_server(directory) as http,
        running_sdk_server(directory, "--sse") as sse,
        running_pair(directory, http, POLICIES, "30s") as pair,
    ):
        program = [sys.executable, sdk_server.__file__, "--stdio"]
        config = directory / "stdio.yaml"
        config.write_text(f"version: '1'\n{POLICIES}", "utf-8")
        helio = [sys.executable, "-m", "helio", "stdio", "-c", str(config), "--", *program]
        yield Ways(
            pair.helio,
            direct={"http": http, "sse": sse, "stdio": program},
            through={
                "http": pair.helio.mcp_url,
                "sse": pair.helio.mcp_url.replace("/mcp", "/sse"),
                "stdio": helio,
            },
        )


@pytest.mark.parametrize(
    ("client", "door"),
    [
        pytest.param(client, door, id=f"{client.name}-{door}")
        for client in CLIENTS
        for door in DOORS
        if door in client.doors
    ],
)
async def test_a_client_hears_no_difference(
    ways: Ways, client: Client, door: str, tmp_path: Path
) -> None:
    if client.peer is not None:
        client.peer.version  # noqa: B018 - skips where it is not installed
    environment = {CATALOG: str(tmp_path / "catalog.json")}
    calls = CALLS[: client.at_once]
    direct = await client.run(ways.direct[door], environment, calls)
    through = await client.run(ways.through[door], environment, [*calls, DENIED])
    *answers, denied = through.answers
    assert (through.tools, answers) == (direct.tools, direct.answers)
    assert [answer["isError"] for answer in answers] == [tool == "fail" for tool, _ in calls]
    told = blocked(denied)
    assert (denied["isError"], told["reason"], told["rule"]) == (True, "policy_denied", "never")
    if door != "stdio":  # which keeps an audit of its own
        rows = ways.helio.calls()[-len(calls) - 1 :]
        assert [(row["tool_name"], row["policy_decision"]) for row in rows] == [
            *[(tool, "allow") for tool, _ in calls],
            (DENIED[0], "deny"),
        ]
