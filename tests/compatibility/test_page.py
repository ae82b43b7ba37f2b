"""The page on compatibility says what the tests run, in the versions that are installed."""

import re
from collections.abc import Iterator
from pathlib import Path

from compatibility.clients import CLIENTS, OFFICIAL, Client
from compatibility.servers import SERVERS, Server
from conformance.test_conformance import FLOORS

PAGE = Path(__file__).parents[2] / "docs/compatibility.md"
DOORS = {"http": "streamable HTTP", "sse": "HTTP+SSE", "stdio": "stdio"}
LISTENING = {"everything": ("http", "sse")}
"""Servers that are run on other transports, too (`test_everything`)."""


def table(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table below a heading."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[1:]
    return [tuple(cell.strip() for cell in row.split(" | ")) for row in rows]


def server_row(server: Server) -> tuple[str, ...]:
    doors = ("stdio", *LISTENING.get(server.name, ()))
    return (
        f"`{server.peer.package}`",
        server.peer.version,
        str(server.tools),
        "yes" if server.modern else "no",
        ", ".join(DOORS[door] for door in doors),
        f"`{server.denied[0]}`",
    )


def client_rows() -> Iterator[tuple[str, ...]]:
    for client in CLIENTS:
        yield client.name, _version(client), ", ".join(DOORS[door] for door in client.doors)


def _version(client: Client) -> str:
    return OFFICIAL if client.peer is None else client.peer.version


def test_servers() -> None:
    assert table("Servers") == [server_row(server) for server in SERVERS]


def test_clients() -> None:
    assert table("Clients") == list(client_rows())


def test_conformance() -> None:
    floors = [(revision, str(passed)) for revision, passed in FLOORS.items()]
    assert table("The conformance suite") == floors
