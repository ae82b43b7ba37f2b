"""An upstream and a Helio in front of it, and scenarios that are played against both."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from end_to_end import sdk_server
from end_to_end.agent import Agent, Scenario, outcome_of, play
from processes import LOOPBACK, SECRET, HelioProcess, choose_free_port, end_process

KINDS: dict[str, list[str]] = {"sse": [], "json": ["--json"], "resumable": ["--resumable"]}
"""The ways in which a server on the official library answers, and its options for them."""


@dataclass
class Pair:
    """One upstream at `direct`, and Helio in front of it.

    `made` are the calls that went through Helio, by session.
    """

    direct: str
    helio: HelioProcess
    made: dict[str | None, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    async def through(self, scenario: Scenario, **options: object) -> Agent:
        """Plays a scenario through Helio."""
        agent = await play(scenario, self.helio.mcp_url, **options)
        self.made[agent.session_id] += agent.calls
        return agent

    async def both(self, scenario: Scenario, **options: object) -> tuple[Agent, Agent]:
        """Plays a scenario direct, then through Helio."""
        direct = await play(scenario, self.direct, **options)
        return direct, await self.through(scenario, **options)

    def rows(self, agent: Agent) -> list[dict[str, Any]]:
        """The audit's rows of the calls that an agent made, oldest first."""
        return self.helio.calls("--session", str(agent.session_id))

    def recorded(self) -> dict[str | None, list[tuple[str, str]]]:
        """What the audit's rows say of the calls in `made`, in the same words, by session."""
        found: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
        for row in self.helio.calls():
            found[row["session_id"]].append(outcome_of(row))
        return found


@contextmanager
def running_sdk_server(directory: Path, *options: str) -> Iterator[str]:
    """`sdk_server` as a process, with its options; its MCP URL."""
    log = directory / "sdk-server.log"
    command = [sys.executable, sdk_server.__file__, *options]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().decode().strip()
    try:
        if not url:
            pytest.fail(f"The server did not start:\n{log.read_text()}")
        yield url
    finally:
        end_process(process)


@contextmanager
def running_pair(directory: Path, upstream: str, policies: str, timeout: str) -> Iterator[Pair]:
    """Helio in front of `upstream`, for as long as a module's tests need it. `policies` is YAML;
    `timeout` the upstream's `request_timeout`.
    """
    section = f"{{ url: '{upstream}', request_timeout: {timeout} }}"
    with running_helio(directory, section, policies) as process:
        yield Pair(upstream, process)


@contextmanager
def running_helio(directory: Path, upstream: str, policies: str) -> Iterator[HelioProcess]:
    """Helio with this section `upstream` and these `policies`, both YAML."""
    mcp_port, operator_port = choose_free_port(), choose_free_port()
    config = directory / "helio.yaml"
    config.write_text(
        "version: '1'\n"
        f"upstream: {upstream}\n"
        f"listen: {{ host: {LOOPBACK}, port: {mcp_port} }}\n"
        f"dashboard: {{ port: {operator_port}, api_secret: '{SECRET}' }}\n"
        "sdk: { enabled: false }\n"
        f"{policies}",
        "utf-8",
    )
    process = HelioProcess(config=config, mcp_port=mcp_port, operator_port=operator_port)
    process.start()
    try:
        yield process
    finally:
        process.stop()
