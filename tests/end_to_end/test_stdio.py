"""`helio stdio` as a process: how it starts, what it keeps, and every way it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from processes import SECRET, export

pytestmark = pytest.mark.end_to_end

SERVER = """
import json, os, sys, time
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    if message["method"] == "initialize":
        answer["result"] = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                            "serverInfo": {"name": "s", "version": "1"}}
    elif message["method"] == "server/discover":
        del answer["result"]
        answer["error"] = {"code": -32601, "message": "no"}
    elif message["method"] == "tools/list":
        answer["result"] = {"tools": []}
    elif message["method"] == "tools/call":
        arguments = message["params"]["arguments"]
        time.sleep(arguments.get("seconds", 0))
        text = str(os.environ.get(arguments.get("variable", ""))) + "y" * arguments.get("size", 0)
        answer["result"] = {"content": [{"type": "text", "text": text}]}
    print(json.dumps(answer), flush=True)
"""
PATIENCE = 20.0


class Stdio:
    """One `helio stdio`, and the client that started it."""

    def __init__(self, directory: Path, arguments: Sequence[str], **environment: str) -> None:
        self.directory = directory
        with (directory / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helio", "stdio", *arguments],
                cwd=directory,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def say(self, method: str, identifier: int | None = None, **params: object) -> None:
        message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
        if identifier is not None:
            message["id"] = identifier
        self.write(json.dumps(message).encode() + b"\n")

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.directory / "stderr").read_text()
        return json.loads(line)

    def open(self) -> "Stdio":
        client = {"name": "test", "version": "1"}
        opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self.say("initialize", 0, **opening)
        assert self.hear()["result"]["serverInfo"]["name"] == "s"
        self.say("notifications/initialized")
        return self

    def call(self, identifier: int = 1, tool: str = "work", **arguments: object) -> None:
        self.say("tools/call", identifier, name=tool, arguments=arguments)

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ends(self, within: float = PATIENCE) -> int:
        return self.process.wait(within)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


Start = Callable[..., Stdio]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A stdio server, as it stands behind `--`."""
    path = tmp_path / "files-server.py"
    path.write_text(SERVER, "utf-8")
    return ["--", sys.executable, str(path)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Stdio] = []

    def stdio(*arguments: str, **environment: str) -> Stdio:
        started.append(Stdio(tmp_path, arguments, **environment))
        return started[-1]

    yield stdio
    for each in started:
        each.close()


def exported(directory: Path, audit: str = "helio-audit") -> list[dict[str, Any]]:
    rows = export("--audit-path", str(directory / audit))
    return [row for row in rows if row["record_kind"] == "tool_call"]


def intents(directory: Path) -> int:
    return journaled(directory, "intent")


def journaled(directory: Path, kind: str) -> int:
    """How many records of this kind the journals hold."""
    journals = directory.glob("helio-audit/stdio-*/journal-*.jsonl")
    return sum(journal.read_bytes().count(f'"kind":"{kind}"'.encode()) for journal in journals)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_call_and_its_record(start: Start, command: list[str], tmp_path: Path) -> None:
    stdio = start(*command, HELIO_SESSION_ID="task-7", HELIO_SECRET="s3cret", TOKEN="t0ken").open()
    stdio.call(1, variable="TOKEN")
    assert stdio.hear()["result"]["content"][0]["text"] == "t0ken"
    stdio.call(2, variable="HELIO_SECRET")
    assert stdio.hear()["result"]["content"][0]["text"] == "None"
    stdio.hang_up()
    assert stdio.ends() == 0
    assert [
        (row["session_id"], row["session_source"], row["outcome"]) for row in exported(tmp_path)
    ] == [("task-7", "header", "answered")] * 2
    assert (tmp_path / "helio-audit/stdio-files-server.py").is_dir()
    (banner,) = (tmp_path / "stderr").read_text().splitlines()
    assert banner.startswith("helio stdio: 0 rules, sha256:")


def test_the_rules_of_the_file_hold(start: Start, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "helio.yaml").write_text(
        "version: '1'\naudit: { path: kept }\npolicies:\n  rules:\n"
        "    - { match: { tool: work, upstream: files }, action: deny }\n"
    )
    stdio = start("--name", "files", *command).open()
    stdio.call()
    assert stdio.hear()["result"]["_meta"]["helio/blocked"]["reason"] == "policy_denied"
    stdio.call(2, "other")
    assert "isError" not in stdio.hear()["result"]
    stdio.hang_up()
    assert stdio.ends() == 0
    assert [row["upstream"] for row in exported(tmp_path, "kept")] == ["files", "files"]
    assert (tmp_path / "kept/stdio-files").is_dir()


def test_a_saved_rule_is_taken_up(start: Start, command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "helio.yaml"
    config.write_text("version: '1'\n")
    stdio = start("--log-level", "info", *command).open()
    config.write_text("version: '1'\npolicies: { default: deny }\n")
    until(lambda: "loaded 0 rules" in (tmp_path / "stderr").read_text())
    stdio.call()
    assert stdio.hear()["result"]["isError"] is True


def test_several_at_once_have_an_audit_each(
    start: Start, command: list[str], tmp_path: Path
) -> None:
    both = [start(*command).open(), start(*command).open()]
    for number, stdio in enumerate(both):
        stdio.call(number)
        assert stdio.hear()["id"] == number
    names = {path.name for path in (tmp_path / "helio-audit").iterdir()}
    assert names == {"stdio-files-server.py", "stdio-files-server.py-2"}
    assert len(exported(tmp_path)) == 2
    for stdio in both:
        stdio.hang_up()
        assert stdio.ends() == 0
    start(*command).open()
    assert len(list((tmp_path / "helio-audit").iterdir())) == 2


def test_the_end_of_input_lets_calls_finish(
    start: Start, command: list[str], tmp_path: Path
) -> None:
    stdio = start(*command).open()
    stdio.call(seconds=1, size=10 << 20)
    until(lambda: intents(tmp_path) == 1)
    stdio.hang_up()
    assert len(stdio.hear()["result"]["content"][0]["text"]) == len("None") + (10 << 20)
    assert stdio.ends() == 0
    assert [row["outcome"] for row in exported(tmp_path)] == ["answered"]


def test_a_signal_ends_it_soon_and_with_a_record(
    start: Start, command: list[str], tmp_path: Path
) -> None:
    stdio = start(*command).open()
    stdio.call(seconds=60)
    until(lambda: intents(tmp_path) == 1)
    stdio.process.send_signal(signal.SIGTERM)
    assert stdio.hear()["error"]["data"]["reason"] == "upstream_shutdown"
    assert stdio.ends() == 0
    assert [row["outcome"] for row in exported(tmp_path)] == ["indeterminate"]


def test_a_kill_loses_no_record(start: Start, command: list[str], tmp_path: Path) -> None:
    stdio = start(*command).open()
    stdio.call(seconds=60)
    until(lambda: intents(tmp_path) == 1)
    stdio.process.kill()
    stdio.ends()
    start(*command).open()
    assert [row["outcome"] for row in exported(tmp_path)] == ["indeterminate"]


ASKING = "policies: { rules: [{ match: { tool: work }, action: require_approval }] }\n"


def test_where_nobody_could_answer_nobody_is_asked(
    start: Start, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "helio.yaml").write_text(f"version: '1'\n{ASKING}")
    stdio = start(*command).open()
    stdio.call()
    (said,) = stdio.hear()["result"]["content"]
    assert "nobody can be asked now" in said["text"]
    assert "`helio stdio --operator`" in said["text"]
    stdio.hang_up()
    assert stdio.ends() == 0
    assert "nobody can answer without --operator" in (tmp_path / "stderr").read_text()
    assert [row["block_reason"] for row in exported(tmp_path)] == ["state_unavailable"]


@pytest.mark.parametrize("end", ["input", "signal"])
def test_who_waits_for_a_person_waits_no_longer_at_the_end(
    start: Start, command: list[str], tmp_path: Path, free_port: int, end: str
) -> None:
    text = f"version: '1'\ndashboard: {{ port: {free_port}, api_secret: '{SECRET}' }}\n{ASKING}"
    (tmp_path / "helio.yaml").write_text(text)
    stdio = start("--operator", *command).open()
    stdio.call()
    until(lambda: journaled(tmp_path, "ticket") == 1)
    began = time.monotonic()
    if end == "input":
        stdio.hang_up()
    else:
        stdio.process.send_signal(signal.SIGTERM)
    assert stdio.hear()["result"]["_meta"]["helio/blocked"]["reason"] == "shutdown_cancelled"
    assert stdio.ends() == 0
    assert time.monotonic() - began < 10
    (row,) = exported(tmp_path)
    assert (row["block_reason"], row["approval_status"]) == ("shutdown_cancelled",) * 2


def test_what_is_too_long_is_refused_and_recorded(
    start: Start, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "helio.yaml").write_text("version: '1'\nlisten: { max_body: 1MiB }\n")
    stdio = start(*command).open()
    stdio.write(b"x" * (3 << 20) + b"\n")
    assert stdio.hear()["error"]["data"]["reason"] == "body_too_large"
    stdio.call()
    assert stdio.hear()["id"] == 1
    stdio.write(b"{\n")
    assert stdio.hear()["error"]["code"] == -32700
    stdio.hang_up()
    assert stdio.ends() == 0
    reasons = [row["block_reason"] for row in exported(tmp_path)]
    assert reasons == ["body_too_large", None, "parse_error"]


def test_a_server_that_cannot_be_started_is_an_answer(start: Start) -> None:
    stdio = start("--", "no-such-program-anywhere")
    stdio.say("initialize", 0)
    assert stdio.hear()["error"]["data"]["reason"] == "upstream_connect_failed"
    stdio.hang_up()
    assert stdio.ends() == 0


SEVERAL = """upstreams:
  - { name: a, url: 'http://localhost:9/mcp' }
  - { name: b, url: 'http://localhost:9/mcp' }
"""


@pytest.mark.parametrize(
    ("text", "arguments", "code", "said"),
    [
        (None, [], 2, "there is no upstream"),
        (None, ["-c", "nowhere.yaml", "--", "x"], 2, "nowhere.yaml: No such file"),
        (None, ["--upstream", "a", "--", "x"], 2, "exclude each other"),
        (None, ["--name", "a"], 2, "--name is for a command"),
        (None, ["--name", "a b", "--", "x"], 2, "Correct --name"),
        (SEVERAL, [], 2, "several upstreams are configured"),
        (SEVERAL, ["--upstream", "c"], 2, "no upstream is named 'c'. there are a, b."),
        ("polices: {}\n", ["--", "x"], 1, "unknown key"),
    ],
)
def test_what_cannot_start_says_why(
    start: Start,
    tmp_path: Path,
    *,
    text: str | None,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    if text is not None:
        (tmp_path / "helio.yaml").write_text(f"version: '1'\n{text}")
    stdio = start(*arguments)
    assert stdio.ends() == code
    assert said in (tmp_path / "stderr").read_text()
    assert not (tmp_path / "helio-audit").exists()


def test_one_of_several_configured_upstreams(
    start: Start, tmp_path: Path, command: list[str]
) -> None:
    program = json.dumps(
        {"name": "b", "transport": "stdio", "command": command[1], "args": command[2:]}
    )
    other = "{ name: a, url: 'http://localhost:9/mcp' }"
    (tmp_path / "helio.yaml").write_text(f"version: '1'\nupstreams: [{other}, {program}]\n")
    stdio = start("--upstream", "b").open()
    stdio.call()
    assert stdio.hear()["id"] == 1
    stdio.hang_up()
    assert stdio.ends() == 0
    assert [row["upstream"] for row in exported(tmp_path)] == ["b"]
