"""Servers of others are listed and called through Helio as they are without it, and governed."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    """Helio in front of all servers; each works in a directory of its name. `references` are what
    clients hear that start a server themselves, by its name and their mode.
    """

    helio: HelioProcess
    directory: Path
    references: dict[tuple[str, str], Heard] = field(default_factory=dict)

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
        "sdk": {"enabled": False},
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


async def direct(served: Served, server: Server, mode: str) -> Heard:
    """What a client hears that starts the server itself."""
    directory = served.directory / server.name
    if (server.name, mode) not in served.references:
        server.begin(directory)
        target = spawning(server.command(directory), server.variables(directory), served.directory)
        heard = await talk(target, mode, *calls(server, directory))
        assert len(heard.tools) == server.tools
        assert not heard.answers[0].get("isError")
        served.references[server.name, mode] = heard
    return served.references[server.name, mode]


def through_stdio(server: Server, directory: Path, place: Path) -> list[str]:
    """The command of Helio in front of the server's; the audit is at the same place."""
    config = place / "stdio.yaml"
    config.write_text(yaml.safe_dump({"version": "1", "policies": {"rules": [rule(server)]}}))
    helio = [sys.executable, "-m", "helio", "stdio", "-c", str(config), "--name", server.name]
    return [*helio, "--", *server.command(directory)]


async def through(target: Any, server: Server, mode: str, directory: Path) -> Heard:
    """What a client hears through Helio, which denies one call more."""
    server.begin(directory)
    before: dict[str, bytes] = {}
    denied = server.call(server.denied, directory)
    heard = await talk(
        target,
        mode,
        *calls(server, directory),
        denied,
        before_the_last=lambda: before.update(contents(directory)),
    )
    told = blocked(heard.answers.pop())
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
    reference = await direct(served, server, mode)
    url = served.url(server.name)
    heard = await through(url, server, mode, served.directory / server.name)
    assert_equal(heard, reference)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_over_stdio(served: Served, server: Server, mode: str, tmp_path: Path) -> None:
    reference = await direct(served, server, mode)
    directory = served.directory / server.name
    command = through_stdio(server, directory, tmp_path)
    target = spawning(command, server.variables(directory), tmp_path)
    assert_equal(await through(target, server, mode, directory), reference)
