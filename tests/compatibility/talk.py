"""What a client hears from a server: the same words direct and through Helio."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

WITHIN = 60.0
"""Seconds that a conversation may take."""


@dataclass
class Heard:
    """What a client heard. `revision` is what it speaks with the server; `tools` by their names."""

    revision: str = ""
    server: Any = None
    tools: dict[str, Any] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)


@asynccontextmanager
async def spawning(
    command: Sequence[str], environment: dict[str, str], directory: Path
) -> AsyncIterator[Any]:
    """A client's transport to a server that it starts itself; what that logs is left out."""
    parameters = StdioServerParameters(
        command=command[0], args=list(command[1:]), env=environment, cwd=directory
    )
    with Path(os.devnull).open("w") as nowhere:
        async with stdio_client(parameters, errlog=nowhere) as streams:
            yield streams


async def listen(client: Client) -> Heard:
    """What a client hears when it lists what there is."""
    listed = await client.list_tools()
    return Heard(
        revision=client.protocol_version,
        server={
            "info": dump(client.server_info),
            "capabilities": dump(client.server_capabilities),
            "instructions": client.instructions,
        },
        tools={tool.name: dump(tool) for tool in listed.tools},
    )


async def talk(
    target: Any,
    mode: str,
    *calls: tuple[str, dict[str, Any]],
    before_the_last: Callable[[], None] = lambda: None,
) -> Heard:
    """Connects, lists, and makes some calls one after the other."""
    async with asyncio.timeout(WITHIN), Client(target, mode=mode) as client:
        heard = await listen(client)
        for number, (tool, arguments) in enumerate(calls, 1):
            if number == len(calls):
                before_the_last()
            try:
                heard.answers.append(dump(await client.call_tool(tool, arguments)))
            except MCPError as error:
                heard.answers.append(dump(error.error))
        return heard


ERA_MEMBERS = ("resultType", "ttlMs", "cacheScope")
"""What results of 2026-07-28 have besides those of earlier revisions."""
SERVER_INFO = "io.modelcontextprotocol/serverInfo"


def without_era(value: Any) -> Any:
    """A result without what tells its revision."""
    if not isinstance(value, dict):
        return value
    plain = {name: member for name, member in value.items() if name not in ERA_MEMBERS}
    meta = dict(plain.pop("_meta", None) or {})
    meta.pop(SERVER_INFO, None)
    return {**plain, "_meta": meta} if meta else plain


def blocked(answer: Any) -> Any:
    """The object of a blocked call; None for a call that was not blocked."""
    return (answer.get("_meta") or {}).get("helio/blocked")


def dump(value: object) -> Any:
    """A model as JSON values, fields that were not set left out."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value
