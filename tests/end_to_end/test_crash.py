"""SIGKILL under load, and a restart: nothing acknowledged is missing, nothing is counted twice."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.client import HTTPException

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.wire import Reply, call
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

POLICIES = """
policies:
  rules:
    - { name: gone, match: { tool: delete_order }, action: deny }
    - { name: spend, match: { tool: create_payment }, action: spend_limit,
        limits: { max_calls: 100000, window: 1h,
                  max_spend: { field: amount, limit: 1000000, currency: GBP, window: 24h } } }
"""


@dataclass
class Load:
    """Callers that call until Helio is gone; what each answered call was told."""

    process: HelioProcess
    answered: list[tuple[str, str | None]] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def run(self, callers: int, wanted: int) -> None:
        """Loads until `wanted` answers came, kills Helio, and waits for the callers."""
        lock = threading.Lock()

        def caller(name: int) -> None:
            number = 0
            while True:
                number += 1
                mark = f"{name}-{number}"
                tool = "delete_order" if number % 5 == 0 else "create_payment"
                try:
                    reply = call(self.process.mcp_url, tool, {"amount": 0.1, "mark": mark})
                except (OSError, HTTPException, ValueError):
                    return  # cut off: nothing was acknowledged
                with lock:
                    self.answered.append((mark, reason(reply)))
                    if len(self.answered) >= wanted:
                        self.enough.set()

        threads = [threading.Thread(target=caller, args=(name,)) for name in range(callers)]
        for thread in threads:
            thread.start()
        assert self.enough.wait(30)
        self.process.kill()
        for thread in threads:
            thread.join(20)


def reason(reply: Reply) -> str | None:
    blocked = reply.blocked
    return None if blocked is None else str(blocked["reason"])


def marks(rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    """The rows by the mark in their arguments; a mark twice is a failure."""
    found: dict[str, dict[str, object]] = {}
    for row in rows:
        arguments = row["tool_input"]
        mark = (arguments if isinstance(arguments, dict) else json.loads(str(arguments)))["mark"]
        assert mark not in found
        found[mark] = row
    return found


@pytest.mark.parametrize("durability", ["intent", "relaxed"])
def test_a_kill_under_load_loses_no_acknowledged_call(
    helio: HelioFactory, recorder: Recorder, durability: str
) -> None:
    process = helio(f"audit: {{ durability: {durability} }}\n{POLICIES}", upstream=recorder.url)
    load = Load(process)
    load.run(callers=8, wanted=300)

    before = marks(process.calls())  # exported from what the crash left
    process.start()
    after = marks(process.calls())
    assert set(before) == set(after)
    for mark, told in load.answered:
        assert mark in after, f"{mark} was answered and is not in the audit"
        assert after[mark]["block_reason"] == told

    forwarded = {json.loads(body)["params"]["arguments"]["mark"] for body in recorder.arrived()}
    allowed = {mark for mark, row in after.items() if row["policy_decision"] == "allow"}
    assert forwarded <= allowed, "a call was forwarded that the audit does not have"
    unfinished = allowed - {mark for mark, _ in load.answered}
    for mark in unfinished:
        assert after[mark]["outcome"] in ("answered", "indeterminate")


def test_windows_and_spend_go_on_where_they_were(helio: HelioFactory, recorder: Recorder) -> None:
    text = """
policies:
  rules:
    - { name: slow, match: { tool: read_mail }, action: rate_limit,
        limits: { max_calls: 3, window: 1h } }
    - { name: spend, match: { tool: create_payment }, action: spend_limit,
        limits: { max_spend: { field: amount, limit: 10, currency: GBP, window: 24h } } }
"""
    process = helio(text, upstream=recorder.url)
    for _ in range(2):
        assert call(process.mcp_url, "read_mail").blocked is None
    assert call(process.mcp_url, "create_payment", {"amount": 9.99}).blocked is None
    assert call(process.mcp_url, "create_payment", {"amount": 5}).blocked is not None
    process.kill()
    process.start()
    assert call(process.mcp_url, "read_mail").blocked is None
    assert call(process.mcp_url, "read_mail").blocked["current_calls"] == 3
    process.stop()
    process.start()
    assert call(process.mcp_url, "read_mail").blocked["current_calls"] == 3
    spent = call(process.mcp_url, "create_payment", {"amount": 0.02}).blocked
    assert (spent["current_spend"], spent["max_spend"]) == (9.99, 10)
    assert call(process.mcp_url, "create_payment", {"amount": 0.01}).blocked is None


def test_a_charge_is_neither_lost_nor_doubled_over_kills(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(POLICIES, upstream=recorder.url)
    for round_ in range(3):
        if round_:
            process.start()
        Load(process).run(callers=4, wanted=40)
    process.start()
    charged = [row for row in process.calls() if row["policy_decision"] == "allow"]
    tight = process.config.read_text().replace("limit: 1000000", "limit: 0.05")
    process.config.write_text(tight)
    process.stop()
    process.start()
    blocked = call(process.mcp_url, "create_payment", {"amount": 0.1, "mark": "last"}).blocked
    assert blocked["reason"] == "spend_limited"
    assert blocked["current_spend"] == pytest.approx(len(charged) / 10)


def test_two_processes_on_one_directory(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("", upstream=recorder.url)
    second = subprocess.run(
        [sys.executable, "-m", "helio", "start", "-c", str(process.config)],
        cwd=process.directory,
        env={**os.environ, **process.environment},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 2
    assert b"in use by process" in second.stderr
    assert call(process.mcp_url, "read_mail").blocked is None
