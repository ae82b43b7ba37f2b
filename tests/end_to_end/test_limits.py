"""Limits of a whole Helio: what operators see of them, and what a reload and a restart do."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
policies:
  rules:
    - { name: payments, match: { tool: create_payment }, limits: { max_calls: 3, window: 1h } }
"""


def get(process: HelioProcess, path: str) -> Any:
    """The JSON answer of the operator port."""
    headers = {"authorization": f"Bearer {process.secret}"}
    request = urllib.request.Request(process.operator_url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def wait(holds: Callable[[], bool], process: HelioProcess) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.02)


def edit(process: HelioProcess, old: str, new: str) -> None:
    """Saves an edit, and waits until it is loaded."""
    before = get(process, "/api/policy")["data"]["digest"]
    text = process.config.read_text()
    assert old in text
    process.config.write_text(text.replace(old, new))
    wait(lambda: get(process, "/api/policy")["data"]["digest"] != before, process)


def used(process: HelioProcess) -> list[int]:
    (limit,) = get(process, "/api/limits")["rate_limits"]
    return [bucket["current"] for bucket in limit["buckets"]]


def loaded(process: HelioProcess) -> list[dict[str, Any]]:
    """What the audit says of every policy that was loaded."""
    return [row["metadata"] for row in process.export("--record-kind", "policy_loaded")]


def test_a_changed_maximum_keeps_the_history_and_a_changed_window_starts_anew(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url)
    for _ in range(2):
        assert call(process.mcp_url, "create_payment").blocked is None
    edit(process, "max_calls: 3", "max_calls: 2")
    assert used(process) == [2]
    blocked = call(process.mcp_url, "create_payment").blocked
    assert blocked is not None
    assert (blocked["reason"], blocked["current_calls"]) == ("rate_limited", 2)
    edit(process, "window: 1h", "window: 2h")
    assert used(process) == []
    assert call(process.mcp_url, "create_payment").blocked is None
    process.kill()
    process.start()
    assert used(process) == [1]
    was, now = "rate:payments:tool:3600000", "rate:payments:tool:7200000"
    assert loaded(process) == [
        {"rules": 1},
        {"rules": 1},
        {"rules": 1, "starts_anew": [now], "left_behind": [was]},
        # What a killed process left behind counts until it is over.
        {"rules": 1, "left_behind": [was]},
    ]


def test_a_window_that_was_changed_while_nothing_ran_starts_anew(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url)
    assert call(process.mcp_url, "create_payment").blocked is None
    process.stop()
    process.config.write_text(process.config.read_text().replace("1h", "2h"))
    process.start()
    assert loaded(process)[-1]["starts_anew"] == ["rate:payments:tool:7200000"]
