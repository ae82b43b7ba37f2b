"""Clients that others wrote, and what each hears from one and the same server."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mcp.client.sse import sse_client

from compatibility.servers import Call
from compatibility.talk import Heard, spawning, talk
from peers import VENV, VENV_V1, Peer

HERE = Path(__file__).parent
WITHIN = 60.0
"""Seconds that a client may take."""

Target = str | Sequence[str]
"""A URL (`…/mcp` of streamable HTTP, `…/sse` of HTTP+SSE), or the command of a server."""
Environment = dict[str, str]


@dataclass(frozen=True)
class Client:
    """One client. `peer` is what has to be installed for it; `run` plays calls to a target.
    `at_once` is how many calls are worth their time: some clients connect anew for each.
    """

    name: str
    peer: Peer | None
    run: Callable[[Target, Environment, Sequence[Call]], Awaitable[Heard]]
    doors: tuple[str, ...] = ("http", "sse", "stdio")
    at_once: int = 3


def official(mode: str) -> Callable[[Target, Environment, Sequence[Call]], Awaitable[Heard]]:
    """The official library's client, in this process."""

    async def run(target: Target, environment: Environment, calls: Sequence[Call]) -> Heard:
        return await talk(_transport(target, environment), mode, *calls)

    return run


def _transport(target: Target, environment: Environment) -> str | AbstractAsyncContextManager[Any]:
    if not isinstance(target, str):
        return spawning(target, environment, HERE)
    return sse_client(target) if target.endswith("/sse") else target


def script(
    name: str, venv: Path
) -> Callable[[Target, Environment, Sequence[Call]], Awaitable[Heard]]:
    """A client that needs an environment of its own: a script beside this one."""

    async def run(target: Target, environment: Environment, calls: Sequence[Call]) -> Heard:
        command = [str(venv / "bin" / "python"), str(HERE / name)]
        told = await _output([*command, json.dumps(target), json.dumps(calls)], environment)
        heard = json.loads(told)
        return Heard(tools=heard["tools"], answers=heard["answers"])

    return run


OFFICIAL = version("mcp")
"""The version of the official library in this process."""
INSPECTOR = Peer("@modelcontextprotocol/inspector")
CATALOG = "MCP_CATALOG_PATH"
"""Names the file of the servers that the inspector knows; else it is in the home directory."""
TOOL_IS_ERROR = 5
"""The inspector's exit code for a tool's error."""


async def inspector(target: Target, environment: Environment, calls: Sequence[Call]) -> Heard:
    """The inspector's command line: one process for each request."""
    reached = _inspected(target, environment)

    async def ask(*arguments: str) -> Any:
        command = INSPECTOR.command("--cli", *reached, "--method", *arguments)
        return json.loads(await _output(command, environment, allowed=(0, TOOL_IS_ERROR)))

    listed = await ask("tools/list")
    answers = []
    for tool, arguments in calls:
        pairs = [f"{name}={value}" for name, value in arguments.items()]
        given = ["--tool-arg", *pairs] if pairs else []
        answers.append(await ask("tools/call", "--tool-name", tool, *given))
    return Heard(tools={tool["name"]: tool for tool in listed["tools"]}, answers=answers)


def _inspected(target: Target, environment: Environment) -> list[str]:
    if isinstance(target, str):
        return [target, "--transport", "sse" if target.endswith("/sse") else "http"]
    # A command that holds `--` is no argument for it.
    servers = {"target": {"command": target[0], "args": list(target[1:])}}
    Path(environment[CATALOG]).write_text(json.dumps({"mcpServers": servers}), "utf-8")
    return ["--server", "target"]


async def _output(
    command: Sequence[str], environment: Environment, allowed: Sequence[int] = (0,)
) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(WITHIN):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode in allowed, errors.decode()
    return output


CLIENTS = [
    Client("mcp.Client, auto", None, official("auto")),
    Client("mcp.Client, legacy", None, official("legacy")),
    Client("mcp.Client, 2026-07-28", None, official("2026-07-28"), ("http", "stdio")),
    Client("fastmcp", Peer("fastmcp", VENV), script("fastmcp_client.py", VENV)),
    Client("mcp 1", Peer("mcp", VENV_V1), script("first_client.py", VENV_V1)),
    Client("inspector --cli", INSPECTOR, inspector, at_once=1),
]
