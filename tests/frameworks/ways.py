"""The frameworks that agents are built with, and how a scenario is played through each.

Each needs an environment of its own (`make compat` makes them); its agent is a program beside this
module that takes turns over its standard input and output. The inspector is a command line.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from frameworks.scenario import Framework, Said
from peers import NODE_MODULES, ROOT, VENV, Peer

HERE = Path(__file__).parent
SILENT = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
}
"""What the frameworks would tell others is told to nobody."""
INSPECTOR = Peer("@modelcontextprotocol/inspector")


@dataclass
class Program:
    """A framework's agent as a process."""

    process: subprocess.Popen[str]
    log: Path
    tools: Sequence[str] = ()

    @classmethod
    def started(
        cls,
        venv: Path,
        agent: Path,
        url: str,
        directory: Path,
        *,
        session: str,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> "Program":
        """The agent in its venv, connected; `environment` are variables that it has beside."""
        log = directory / "agent.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [str(venv / "bin" / "python"), str(agent), url, session],
                cwd=directory,
                env={**os.environ, **SILENT, "HOME": str(directory), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        program = cls(process, log)
        program.tools = program.heard()["tools"]
        return program

    def stop(self) -> None:
        """Ends the agent: it has no more turns to take."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self.process.stdout.close()

    def call(self, tool: str, arguments: dict[str, Any]) -> Said:
        """Asks for a call, and waits for what the model would be told."""
        self.begin(tool, arguments)
        return self.end()

    def begin(self, tool: str, arguments: dict[str, Any]) -> None:
        """Asks for a call."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"tool": tool, "arguments": arguments}) + "\n")
        self.process.stdin.flush()

    def end(self) -> Said:
        """What the model would be told."""
        told = self.heard()
        return Said(told["told"], told["error"])

    def heard(self) -> Any:
        """The next line that is no log."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError(f"the agent ended:\n{self.log.read_text('utf-8')}")


@dataclass
class Inspector:
    """The inspector's command line: a process for each call, and so a session for each."""

    url: str
    directory: Path
    session: str
    tools: Sequence[str] = ()
    process: subprocess.Popen[str] | None = None

    def call(self, tool: str, arguments: dict[str, Any]) -> Said:
        """Calls, and waits for what is printed."""
        self.begin(tool, arguments)
        return self.end()

    def begin(self, tool: str, arguments: dict[str, Any]) -> None:
        """Calls."""
        pairs = [f"{name}={value}" for name, value in arguments.items()]
        self._start("tools/call", "--tool-name", tool, "--tool-arg", *pairs)

    def end(self) -> Said:
        """What is printed."""
        result = self.printed()
        text = "\n".join(item["text"] for item in result["content"] if item["type"] == "text")
        return Said(text, result.get("isError", False))

    def list_tools(self) -> None:
        """Asks what the tools are called."""
        self._start("tools/list")
        self.tools = [tool["name"] for tool in self.printed()["tools"]]

    def printed(self) -> Any:
        """The JSON that is printed."""
        assert self.process is not None
        output, errors = self.process.communicate(timeout=60)
        assert output, errors
        return json.loads(output)

    def _start(self, *method: str) -> None:
        header = ["--header", f"x-helio-session-id: {self.session}"] if self.session else []
        command = INSPECTOR.command(
            "--cli", self.url, "--transport", "http", *header, "--method", *method
        )
        catalog = {"MCP_CATALOG_PATH": str(self.directory / "catalog.json")}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **catalog},
        )


Sessions = Literal["one", "one a call", "none"]


@dataclass(frozen=True)
class Way:
    """One framework. `packages` are what its environment `venv` is about; `agent` the program that
    takes turns; `how` what of it is called. `sessions` are those of its connections; `marks` is
    whether it marks errors as such. `light` ones are played in every run of the tests.
    """

    name: str
    packages: tuple[str, ...]
    venv: Path | None
    agent: str
    how: str
    sessions: Sessions
    marks: bool
    light: bool = False

    @property
    def installed(self) -> bool:
        """Whether its environment is there."""
        if self.venv is None:
            return (NODE_MODULES / INSPECTOR.package).is_dir()
        return (self.venv / "bin" / "python").exists()

    @property
    def versions(self) -> dict[str, str]:
        """What is installed of its packages."""
        if self.venv is None:
            return {INSPECTOR.package: INSPECTOR.version}
        return {package: Peer(package, self.venv).version for package in self.packages}

    @contextmanager
    def connected(self, url: str, directory: Path, session: str) -> Iterator[Framework]:
        """The framework, connected to a server. `session` is what it says of its session; empty: it
        says nothing.
        """
        if self.venv is None:
            inspector = Inspector(url, directory, session)
            inspector.list_tools()
            yield inspector
            return
        program = Program.started(self.venv, HERE / self.agent, url, directory, session=session)
        try:
            yield program
        finally:
            program.stop()


def _venv(name: str) -> Path:
    return ROOT / f".venv-compat-{name}"


WAYS = (
    Way(
        "LangChain and LangGraph",
        ("langchain-mcp-adapters", "langgraph", "mcp"),
        _venv("langchain"),
        "langchain_agent.py",
        "`MultiServerMCPClient.get_tools`, called by `ToolNode`",
        sessions="one a call",
        marks=True,
    ),
    Way(
        "CrewAI",
        ("crewai", "crewai-tools", "mcp"),
        _venv("crewai"),
        "crewai_agent.py",
        "`MCPServerAdapter`",
        sessions="one",
        marks=False,
    ),
    Way(
        "AutoGen",
        ("autogen-agentchat", "autogen-ext", "mcp"),
        _venv("autogen"),
        "autogen_agent.py",
        "`McpWorkbench`",
        sessions="one",
        marks=True,
    ),
    Way(
        "OpenAI Agents",
        ("openai-agents", "mcp"),
        _venv("openai-agents"),
        "openai_agent.py",
        "`MCPServerStreamableHttp`",
        sessions="none",
        marks=False,
    ),
    Way(
        "fastmcp",
        ("fastmcp", "mcp"),
        VENV,
        "fastmcp_agent.py",
        "`Client.call_tool`",
        sessions="none",
        marks=True,
        light=True,
    ),
    Way(
        "Inspector",
        (),
        None,
        "",
        "`--cli --method tools/call`",
        sessions="one a call",
        marks=True,
    ),
)
