"""Servers that others wrote, each with a directory of its own and something to be called for."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import VENV, VENV_V1, Peer

Call = tuple[str, dict[str, Any]]
"""A tool, and its arguments."""

DESTRUCTIVE: dict[str, Any] = {"annotations": {"destructiveHint": True}}


@dataclass(frozen=True)
class Server:
    """One server over stdio.

    `prepare` fills its directory, the same each time. `allowed` is called and answered; `denied` is
    what the rule `match` does not let through.
    """

    name: str
    peer: Peer
    tools: int
    allowed: Call
    denied: Call
    match: dict[str, Any]
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[Path], None] = lambda directory: None
    modern: bool = False

    def command(self, directory: Path) -> list[str]:
        """The command that starts it on its directory."""
        return self.peer.command(*(_placed(argument, directory) for argument in self.arguments))

    def variables(self, directory: Path) -> dict[str, str]:
        """What its environment holds besides the usual."""
        return {name: _placed(value, directory) for name, value in self.environment}

    def call(self, call: Call, directory: Path) -> Call:
        """A call on its directory."""
        tool, arguments = call
        return tool, {
            name: _placed(value, directory) if isinstance(value, str) else value
            for name, value in arguments.items()
        }

    def begin(self, directory: Path) -> None:
        """Makes its directory anew."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.prepare(directory)


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its path in it."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def _placed(text: str, directory: Path) -> str:
    return text.replace("DIRECTORY", str(directory))


def _with_a_note(directory: Path) -> None:
    (directory / "note.txt").write_text("Grüß Gott\n", "utf-8")


def _repository(directory: Path) -> None:
    """One commit, and a change that is staged."""
    someone = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "Someone"),
            ("EMAIL", "someone@example.org"),
            ("DATE", "2026-01-02T03:04:05Z"),
        )
    }

    def git(*arguments: str) -> None:
        environment = {**os.environ, **someone, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(
            ["git", "-C", str(directory), *arguments],
            env=environment,
            check=True,
            capture_output=True,
        )

    git("init", "--quiet", "--initial-branch=main")
    _with_a_note(directory)
    git("add", "note.txt")
    git("commit", "--quiet", "--message=First")
    (directory / "note.txt").write_text("Servus\n", "utf-8")
    git("add", "note.txt")


_ENTITY = {"name": "Helio", "entityType": "proxy", "observations": ["stands between"]}

SERVERS = [
    Server(
        name="everything",
        peer=Peer("@modelcontextprotocol/server-everything"),
        arguments=("stdio",),
        tools=13,
        allowed=("get-structured-content", {"location": "Chicago"}),
        denied=("get-env", {}),
        match={"tool": "get-env"},
    ),
    Server(
        name="filesystem",
        peer=Peer("@modelcontextprotocol/server-filesystem"),
        arguments=("DIRECTORY",),
        prepare=_with_a_note,
        tools=14,
        allowed=("read_text_file", {"path": "DIRECTORY/note.txt"}),
        denied=("write_file", {"path": "DIRECTORY/note.txt", "content": "gone"}),
        match=DESTRUCTIVE,
    ),
    Server(
        name="memory",
        peer=Peer("@modelcontextprotocol/server-memory"),
        environment=(("MEMORY_FILE_PATH", "DIRECTORY/memory.jsonl"),),
        tools=9,
        allowed=("create_entities", {"entities": [_ENTITY]}),
        denied=("delete_entities", {"entityNames": ["Helio"]}),
        match=DESTRUCTIVE,
    ),
    Server(
        name="time",
        peer=Peer("mcp-server-time", VENV),
        arguments=("--local-timezone", "UTC"),
        tools=2,
        allowed=(
            "convert_time",
            {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"},
        ),
        denied=("get_current_time", {"timezone": "UTC"}),
        match={"tool": "get_current_time"},
        modern=True,
    ),
    Server(
        name="git",
        peer=Peer("mcp-server-git", VENV),
        arguments=("--repository", "DIRECTORY"),
        prepare=_repository,
        tools=12,
        allowed=("git_log", {"repo_path": "DIRECTORY"}),
        denied=("git_reset", {"repo_path": "DIRECTORY"}),
        match=DESTRUCTIVE,
        modern=True,
    ),
    Server(
        name="sqlite",
        peer=Peer("mcp-server-sqlite", VENV_V1),
        arguments=("--db-path", "DIRECTORY/data.db"),
        tools=6,
        allowed=("create_table", {"query": "CREATE TABLE notes (text TEXT)"}),
        denied=("write_query", {"query": "DROP TABLE notes"}),
        match={"tool": "write_query"},
    ),
]
