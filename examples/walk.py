"""Walks through an example: the demo shop, Helio before it with the example's `helio.yaml`, and an
agent that makes the calls of its `walk.yaml`.

    python examples/walk.py examples/evidence

Each step is a call with what is to come of it: `allow`, `failed` (the tool's own error), `dry_run`,
or the reason of a block. Steps of one `session` share a connection. In a step of `people` somebody
decides about the call before it (`approve: NAME` or `deny: NAME`, with a `reason`). Exits 1 at the
first step that comes out otherwise. Above: nothing. Below: `helio.demo` (the shop and the
processes).
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml
from mcp import Client
from mcp_types import CallToolResult, TextContent

from helio.demo.processes import (
    LOOPBACK,
    ProcessFailed,
    choose_port,
    running_helio,
    running_upstream,
)


class Astray(Exception):
    """A call came out otherwise than the example says."""


class People:
    """Those who decide, by `helio approvals`."""

    def __init__(self, config: Path, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = environment

    async def decide(self, ticket: str, words: Mapping[str, str]) -> None:
        """Somebody decides about a ticket. Raises `Astray`."""
        what = "approve" if "approve" in words else "deny"
        shown = f"helio approvals {what} {ticket} --by {words[what]}"
        arguments = ["approvals", what, ticket, "--by", words[what]]
        if "reason" in words:
            shown += f" --reason '{words['reason']}'"
            arguments += ["--reason", words["reason"]]
        print(f"$ {shown}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "helio", *arguments, "-c", str(self._config)),
            env={**os.environ, **self._environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise Astray(f"{shown} failed: {output.decode()}")


class Walk:
    """The steps of one example, each told as it is made."""

    def __init__(self, mcp_url: str, clients: AsyncExitStack, people: People) -> None:
        self._mcp_url = mcp_url
        self._clients = clients
        self._people = people
        self._by_session: dict[str, Client] = {}
        self._ticket: str | None = None

    async def step(self, step: Mapping[str, Any]) -> None:
        """One call, or what somebody says about it. Raises `Astray`."""
        if "people" in step:
            await self._people.decide(self._ticket or "", step["people"])
            return
        client = await self._client(step.get("session", "agent"))
        tool, arguments = step["call"]["tool"], step["call"].get("arguments", {})
        result = await client.call_tool(tool, arguments, read_timeout_seconds=20)
        found = outcome(result)
        self._ticket = (result.meta or {}).get("helio/blocked", {}).get("ticket_id")
        print(f"{tool} {arguments or ''}\n  -> {found}: {text(result)}")
        if found != step["expect"]:
            raise Astray(f"{tool} came out as {found}, expected was {step['expect']}")

    async def _client(self, session: str) -> Client:
        if session not in self._by_session:
            client = Client(self._mcp_url, mode="legacy")
            self._by_session[session] = await self._clients.enter_async_context(client)
        return self._by_session[session]


def outcome(result: CallToolResult) -> str:
    """What came of a call, in the words of `expect`."""
    meta = result.meta or {}
    if "helio/blocked" in meta:
        return str(meta["helio/blocked"]["reason"])
    if "helio/dry_run" in meta:
        return "dry_run"
    return "failed" if result.is_error else "allow"


def text(result: CallToolResult) -> str:
    """The first line of what a model would read."""
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    return " ".join(" ".join(texts).split())[:160]


def wanted_port(variable: str) -> int | None:
    """What the environment asks for; 0 is any free one."""
    text = os.environ.get(variable)
    return int(text) if text else None


async def walk(example: Path, directory: Path) -> None:
    """The whole example. Raises `Astray` and `ProcessFailed`."""
    config = directory / "helio.yaml"
    config.write_text((example / "helio.yaml").read_text("utf-8"), "utf-8")
    port = choose_port(wanted_port("HELIO_DEMO_PORT"), 3000)
    operator_port = choose_port(wanted_port("HELIO_DEMO_OPERATOR_PORT"), 3100)
    sdk_port = choose_port(wanted_port("HELIO_DEMO_SDK_PORT"), 3200)
    operator_url = f"http://{LOOPBACK}:{operator_port}"
    steps = yaml.safe_load((example / "walk.yaml").read_text("utf-8"))
    astray: Astray | None = None
    async with running_upstream(directory / "upstream.log") as upstream_url:
        environment = {
            "HELIO_DEMO_UPSTREAM": upstream_url,
            "HELIO_DEMO_PORT": str(port),
            "HELIO_DEMO_OPERATOR_PORT": str(operator_port),
            "HELIO_DEMO_SDK_PORT": str(sdk_port),
            "HELIO_DEMO_SECRET": secrets.token_urlsafe(),
        }
        log = directory / "helio.log"
        async with (
            running_helio(config, environment, operator_url, log),
            AsyncExitStack() as clients,
        ):
            people = People(config, environment)
            walk = Walk(f"http://{LOOPBACK}:{port}/mcp", clients, people)
            try:
                for step in steps:
                    await walk.step(step)
            except Astray as error:
                # Raised in here, it would come out wrapped by the clients' task groups.
                astray = error
    if astray is not None:
        raise astray


def main() -> int:
    """The command line: the example's directory."""
    if len(sys.argv) != 2:
        print("usage: python examples/walk.py examples/NAME", file=sys.stderr)
        return 2
    example = Path(sys.argv[1])
    if not (example / "walk.yaml").is_file():
        walks = sorted(path.parent.name for path in example.parent.glob("*/walk.yaml"))
        found = f": {', '.join(walks)} have one" if walks else ""
        print(f"{example} has no walk.yaml to follow{found}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="helio-example-") as directory:
        try:
            asyncio.run(walk(example, Path(directory)))
        except Astray as error:
            print(error, file=sys.stderr)
            return 1
        except (OSError, ProcessFailed) as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
