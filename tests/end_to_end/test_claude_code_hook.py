"""`helio hook claude-code` before a real Helio: what docs/claude-code.md says."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from end_to_end.people import People
from processes import LOOPBACK, SECRET, HelioProcess, choose_free_port

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "claude-code.md").read_text("utf-8")
TOKEN = "a-token-for-adapters-of-at-least-32-characters"


@dataclass
class Client:
    """Claude Code, as far as hooks see it."""

    helio: HelioProcess
    sdk_port: int
    used: int = 0

    def before(self, tool: str, given: dict[str, Any]) -> str | None:
        """Why a use is denied; None when it may go on."""
        self.used += 1
        ended = self._hook("PreToolUse", tool, given)
        assert ended.returncode == 0, ended.stderr
        if not ended.stdout:
            return None
        told = json.loads(ended.stdout)["hookSpecificOutput"]
        assert (told["hookEventName"], told["permissionDecision"]) == ("PreToolUse", "deny")
        return str(told["permissionDecisionReason"])

    def after(self, tool: str, given: dict[str, Any], **more: Any) -> None:
        """A use has ended."""
        event = "PostToolUseFailure" if "error" in more else "PostToolUse"
        ended = self._hook(event, tool, given, **more)
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr

    def _hook(
        self, event: str, tool: str, given: dict[str, Any], **more: Any
    ) -> subprocess.CompletedProcess[str]:
        told = {
            "session_id": "session-1",
            "transcript_path": "/transcript.jsonl",
            "cwd": "/project",
            "permission_mode": "default",
            "hook_event_name": event,
            "tool_name": tool,
            "tool_input": given,
            "tool_use_id": f"toolu_{self.used}",
            **more,
        }
        url = f"http://{LOOPBACK}:{self.sdk_port}"
        return subprocess.run(
            [sys.executable, "-m", "helio", "hook", "claude-code", "--url", url],
            input=json.dumps(told),
            env={
                **os.environ,
                "HELIO_ADAPTER_TOKEN": TOKEN,
                "XDG_STATE_HOME": str(self.helio.directory / "state"),
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    (rules,) = re.findall(r"^   ```yaml\n(.*?)^   ```$", PAGE, re.MULTILINE | re.DOTALL)
    mcp, operator, sdk = (choose_free_port() for _ in range(3))
    config = tmp_path / "helio.yaml"
    config.write_text(
        f"{re.sub('^   ', '', rules, flags=re.MULTILINE)}"
        "    - { match: { tool: WebFetch }, action: require_approval }\n"
        f"listen: {{ port: {mcp} }}\n"
        f"dashboard: {{ port: {operator}, api_secret: '{SECRET}' }}\n"
        f"sdk: {{ port: {sdk} }}\n",
        "utf-8",
    )
    environment = {"HELIO_ADAPTER_TOKEN": TOKEN}
    helio = HelioProcess(config, mcp, operator, environment=environment).start()
    try:
        yield Client(helio, sdk)
    finally:
        helio.stop()


def test_its_own_tools_are_governed(client: Client) -> None:
    removing = {"command": "rm -rf build"}
    assert client.before("Bash", removing) == (
        "Blocked: Nothing is removed by force here. Move it to trash/ instead."
    )
    listing = {"command": "ls"}
    assert client.before("Bash", listing) is None
    client.after("Bash", listing, tool_response={"stdout": "build"})

    reading, editing = {"file_path": "/project/a"}, {"file_path": "/project/a", "new_string": "b"}
    assert "Read" in str(client.before("Edit", editing))
    assert client.before("Read", {"file_path": "/project/other"}) is None
    client.after("Read", {"file_path": "/project/other"}, tool_response="x")
    assert client.before("Edit", editing) is not None
    assert client.before("Read", reading) is None
    client.after("Read", reading, tool_response="x")
    assert client.before("Edit", editing) is None
    client.after("Edit", editing, error="the disk is full")

    rows = client.helio.calls()
    assert {(row["origin"], row["session_id"]) for row in rows} == {("claude-code", "session-1")}
    assert [(row["tool_name"], row["policy_decision"]) for row in rows] == [
        ("Bash", "deny"),
        ("Bash", "allow"),
        ("Edit", "deny"),
        ("Read", "allow"),
        ("Edit", "deny"),
        ("Read", "allow"),
        ("Edit", "allow"),
    ]


async def test_a_person_is_asked(client: Client) -> None:
    people = People(client.helio)
    fetching = {"url": "https://example.com"}
    asked = asyncio.create_task(asyncio.to_thread(client.before, "WebFetch", fetching))
    (ticket,) = await people.waiting()
    assert people.approve(ticket) == 200
    assert await asked is None
    client.after("WebFetch", fetching, tool_response="a page")

    asked = asyncio.create_task(asyncio.to_thread(client.before, "WebFetch", fetching))
    (ticket,) = await people.waiting()
    assert people.deny(ticket, "not that page") == 200
    assert "ann denied this call: not that page" in str(await asked)
    approved, denied = client.helio.calls()
    assert (approved["approval_status"], approved["approved_by"]) == ("approved", "ann")
    assert (denied["approval_status"], denied["block_reason"]) == ("denied", "approval_denied")


def test_without_helio_nothing_is_done(client: Client) -> None:
    client.helio.kill()
    ended = client._hook("PreToolUse", "Bash", {"command": "ls"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "out of reach" in ended.stderr
    client.helio.start()
