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
    """What the audit says of every policy that was loaded, installations aside."""
    rows = process.export("--record-kind", "policy_loaded")
    return [{k: v for k, v in row["metadata"].items() if k != "install_digest"} for row in rows]


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
    told = " ".join(process.log.read_text().split())
    assert "these count from nothing now: rate:payments:tool:7200000" in told
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


BUDGETS = """
policies: { default: allow }
budgets:
  - name: money
    limit: 10
    currency: GBP
    window: 24h
    contributors:
      - { match: { tool: create_payment }, field: amount }
      - { match: { tool: send_mail }, amount: 0.50 }
  - name: chat
    limit: 4
    currency: GBP
    window: session
    contributors: [{ match: { tool: create_payment }, field: amount }]
"""


def buckets(process: HelioProcess) -> dict[str, list[tuple[str, float, float]]]:
    """What is spent and left of each budget."""
    return {
        budget["name"]: [
            (bucket["key"], bucket["spent"], bucket["remaining"]) for bucket in budget["buckets"]
        ]
        for budget in get(process, "/api/budgets")["budgets"]
    }


def test_budgets_hold_tools_sessions_and_a_crash_together(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(BUDGETS, upstream=recorder.url)

    def pay(amount: float, session: str) -> Any:
        return call(process.mcp_url, "create_payment", {"amount": amount}, session=session).blocked

    assert pay(4, "s1") is None
    assert pay(0.01, "s1")["budgets"][0]["name"] == "chat"
    assert pay(4, "s2") is None
    assert call(process.mcp_url, "send_mail", session="s1").blocked is None
    expected = {
        "money": [("global=", 8.5, 1.5)],
        "chat": [("session=s1", 4, 0), ("session=s2", 4, 0)],
    }
    assert buckets(process) == expected
    process.kill()
    process.start()
    assert buckets(process) == expected
    told = pay(2, "s3")
    assert [each["name"] for each in told["budgets"]] == ["money"]
    assert pay(1.5, "s3") is None
    # After a start, operators' questions about the past wait for the index.
    wait(lambda: (process.health() or {"audit": {}})["audit"].get("index") == "ready", process)
    events = get(process, "/api/budgets/money/events")
    assert (events["total"], [each["amount"] for each in events["data"]]) == (4, [1.5, 0.5, 4, 4])
    exported = process.export("--budgets", "chat")
    assert [(each["key"], each["amount"]) for each in exported] == [
        ("session=s1", 4),
        ("session=s2", 4),
        ("session=s3", 1.5),
    ]
    decisions = [row["policy_decision"] for row in process.calls()]
    assert decisions.count("budget_exceeded") == 2
    edit(process, "limit: 10", "limit: 12")
    assert buckets(process)["money"] == [("global=", 10, 2)]
    edit(process, "window: 24h", "window: 12h")
    assert buckets(process)["money"] == []
    assert loaded(process)[-1] == {
        "rules": 0,
        "starts_anew": ["budget:money:global:43200000:GBP"],
        "left_behind": ["budget:money:global:86400000:GBP"],
    }
