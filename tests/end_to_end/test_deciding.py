"""A person decides about a call: through the operator port, and from a terminal."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
approval: { mode: MODE }
policies:
  rules: [{ name: large, match: { tool: create_payment }, action: require_approval }]
"""


def helio_command(process: HelioProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`helio approvals` beside the process, in its directory."""
    return subprocess.run(
        [sys.executable, "-m", "helio", "approvals", *arguments],
        cwd=process.directory,
        env={**os.environ, **process.environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


def waiting(process: HelioProcess) -> dict[str, Any]:
    """The one ticket that waits, once it is there."""
    deadline = time.monotonic() + 10
    while True:
        found = process.ask("/api/approvals?status=pending")["data"]
        if found:
            assert len(found) == 1
            return dict(found[0])
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.02)


def post(process: HelioProcess, path: str, body: object) -> Any:
    request = urllib.request.Request(
        process.operator_url + path,
        json.dumps(body).encode(),
        {"authorization": f"Bearer {process.secret}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_held_call_goes_on_when_somebody_at_a_terminal_lets_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES.replace("MODE", "hold"), upstream=recorder.url).wait_for_index()
    with ThreadPoolExecutor() as threads:
        calling = threads.submit(call, process.mcp_url, "create_payment", {"amount": 7})
        ticket = waiting(process)
        assert recorder.calls() == []
        listed = helio_command(process, "list")
        assert 'create_payment {"amount":7}' in listed.stdout, listed.stderr
        assert ticket["id"] in listed.stdout
        approved = helio_command(process, "approve", ticket["id"], "--by", "ann")
        assert (approved.returncode, "approved by ann" in approved.stdout) == (0, True)
        answer = calling.result(20).body
        assert b'"result"' in answer
        assert b"helio/blocked" not in answer
    assert len(recorder.calls()) == 1
    again = helio_command(process, "deny", ticket["id"])
    assert (again.returncode, "resolved already: approved" in again.stderr) == (1, True)
    (row,) = process.ask("/api/audit?record_kind=tool_call")["data"]
    assert (row["approval_status"], row["approved_by"]) == ("approved", "ann")
    kinds = {each["record_kind"] for each in process.ask("/api/feed")["data"]}
    assert kinds >= {"approval", "tool_call", "lifecycle", "policy_loaded"}
    process.stop()
    stopped = helio_command(process, "list")
    assert (stopped.returncode, "no Helio answers at" in stopped.stderr) == (2, True)


def test_a_returned_call_runs_once_after_the_operator_port_let_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES.replace("MODE", "return"), upstream=recorder.url)

    def send() -> Any:
        return call(process.mcp_url, "create_payment", {"amount": 7}, session="s1").blocked

    first = send()
    assert first["reason"] == "approval_pending"
    assert first["ticket_id"] == waiting(process)["id"]
    path = f"/api/approvals/{first['ticket_id']}"
    assert post(process, f"{path}/approve", {"approved_by": "ann"}) == {"ok": True}
    assert process.ask(path)["data"]["status"] == "approved"
    assert send() is None
    assert send()["reason"] == "approval_pending"
    second = waiting(process)["id"]
    denied = helio_command(process, "deny", second, "--by", "bob", "--reason", "once is enough")
    assert denied.returncode == 0, denied.stderr
    told = send()
    assert (told["reason"], told["denial_reason"]) == ("approval_denied", "once is enough")
    assert len(recorder.calls()) == 1


def test_a_ticket_waits_over_a_crash_and_can_be_decided_after_it(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES.replace("MODE", "return"), upstream=recorder.url)
    ticket = call(process.mcp_url, "create_payment", {"amount": 7}, session="s1").blocked
    process.kill()
    process.start()
    assert waiting(process)["id"] == ticket["ticket_id"]
    broken = helio_command(process, "break-glass", ticket["ticket_id"], "--reason", "fire")
    assert broken.returncode == 0, broken.stderr
    assert call(process.mcp_url, "create_payment", {"amount": 7}, session="s1").blocked is None
