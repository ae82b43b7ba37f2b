"""Servers of others are listed and called through Helio as they are without it, and governed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from compatibility.servers import SERVERS, Call, Server, contents
from compatibility.talk import Heard, blocked, spawning, talk, without_era
from processes import SECRET, HelioProcess, choose_free_port

pytestmark = [pytest.mark.end_to_end]


@dataclass
class Served:
    """Helio in front of all servers; each works in a directory of its name."""

    helio: HelioProcess
    directory: Path

    def url(self, name: str) -> str:
        """Where Helio serves an upstream."""
        return f"{self.helio.mcp_url}/{name}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Helio in front of the servers that are installed."""
    directory = tmp_path_factory.mktemp("servers")
    servers = [server for server in SERVERS if server.peer.installed]
    for server in servers:
        server.begin(directory / server.name)
    mcp_port, operator_port = choose_free_port(), choose_free_port()
    configuration = {
        "version": "1",
        "upstreams": [upstream(server, directory / server.name) for server in servers],
        "policies": {"rules": [rule(server) for server in servers]},
        "listen": {"port": mcp_port},
        "dashboard": {"port": operator_port, "api_secret": SECRET},
    }
    config = directory / "helio.yaml"
    config.write_text(yaml.safe_dump(configuration), "utf-8")
    helio = HelioProcess(config=config, mcp_port=mcp_port, operator_port=operator_port)
    helio.start()
    yield Served(helio, directory)
    helio.stop()


def upstream(server: Server, directory: Path) -> dict[str, Any]:
    """A server as an upstream over stdio."""
    command, *arguments = server.command(directory)
    return {
        "name": server.name,
        "transport": "stdio",
        "command": command,
        "args": arguments,
        "env": server.variables(directory),
    }


def rule(server: Server) -> dict[str, Any]:
    """What does not let the server's denied call through."""
    match = {"upstream": server.name, **server.match}
    return {"name": f"no-{server.name}", "match": match, "action": "deny"}


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.param
    found.peer.command()
    return found


def calls(server: Server, directory: Path) -> list[Call]:
    """The call that is allowed, as the server wants it, and without what it needs."""
    tool, arguments = server.call(server.allowed, directory)
    return [(tool, arguments), (tool, {})]


async def direct(server: Server, mode: str, directory: Path) -> Heard:
    """What a client hears that starts the server itself."""
    server.begin(directory)
    target = spawning(server.command(directory), server.variables(directory), directory.parent)
    heard = await talk(target, mode, *calls(server, directory))
    assert len(heard.tools) == server.tools
    assert not heard.answers[0].get("isError")
    return heard


async def through(target: Any, server: Server, mode: str, directory: Path) -> Heard:
    """What a client hears through Helio, which denies one call more."""
    server.begin(directory)
    heard = await talk(target, mode, *calls(server, directory))
    before = contents(directory)
    denied = await talk(target, mode, server.call(server.denied, directory))
    told = blocked(denied.answers[0])
    assert (told["reason"], told["rule"]) == ("policy_denied", f"no-{server.name}")
    assert contents(directory) == before
    return heard


def assert_equal(heard: Heard, reference: Heard) -> None:
    """The same, but for what tells the revision where Helio speaks a later one than the server."""
    assert heard.tools == reference.tools
    assert heard.server["info"] == reference.server["info"]
    assert heard.server["instructions"] == reference.server["instructions"]
    if heard.revision == reference.revision:
        assert heard.server == reference.server
        assert heard.answers == reference.answers
    assert [without_era(answer) for answer in heard.answers] == [
        without_era(answer) for answer in reference.answers
    ]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_over_http(served: Served, server: Server, mode: str) -> None:
    directory = served.directory / server.name
    reference = await direct(server, mode, directory)
    heard = await through(served.url(server.name), server, mode, directory)
    assert_equal(heard, reference)
