"""Edits of helio.yaml while calls go on: whole or not at all."""

import threading
import time

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

OPEN = "policies: { rules: [{ name: a, match: { tool: read_mail }, action: allow }] }"
CLOSED = """
policies:
  rules:
    - { name: b, match: { tool: read_mail }, action: deny }
    - { name: c, match: { tool: create_payment }, action: deny }
"""


def digest(process: HelioProcess) -> str:
    health = process.health()
    assert health is not None
    return str(health["policy"]["digest"])


def wait(what: str, process: HelioProcess, holds: object) -> None:
    deadline = time.monotonic() + 10
    assert callable(holds)
    while not holds():
        assert time.monotonic() < deadline, f"{what}: {process.log.read_text()}"
        time.sleep(0.02)


def replace(process: HelioProcess, old: str, new: str) -> None:
    """Saves the file as editors do: another file, moved over it."""
    text = process.config.read_text()
    assert old in text
    other = process.config.with_suffix(".new")
    other.write_text(text.replace(old, new))
    other.replace(process.config)


def test_a_good_edit_takes_effect_whole_under_load(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(OPEN, upstream=recorder.url)
    first = digest(process)
    seen: list[tuple[str, str | None]] = []
    stop = threading.Event()

    def caller() -> None:
        while not stop.is_set():
            for tool in ("read_mail", "create_payment"):
                blocked = call(process.mcp_url, tool).blocked
                seen.append((tool, None if blocked is None else blocked["rule"]))

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        replace(process, OPEN, CLOSED)
        wait("the reload", process, lambda: digest(process) != first)
        before = len(seen)
        wait("more calls", process, lambda: len(seen) > before + 40)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert {rule for _, rule in seen} == {None, "b", "c"}
    rows = process.calls()
    by_digest: dict[str, set[tuple[str, str | None]]] = {}
    for row in rows:
        by_digest.setdefault(row["policy_digest"], set()).add(
            (row["tool_name"], row["block_reason"])
        )
    assert by_digest == {
        first: {("read_mail", None), ("create_payment", None)},
        digest(process): {("read_mail", "policy_denied"), ("create_payment", "policy_denied")},
    }


def test_a_bad_edit_changes_nothing_and_says_why(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(OPEN, upstream=recorder.url)
    first = digest(process)
    replace(process, OPEN, CLOSED.replace("action: deny", "acton: deny"))

    def refused() -> bool:
        health = process.health()
        return health is not None and bool(health["policy"]["reload_failed"])

    wait("the refusal", process, refused)
    assert digest(process) == first
    assert call(process.mcp_url, "create_payment").blocked is None
    log = process.log.read_text()
    assert "acton" in log
    assert "`action`" in log
    replace(process, "acton", "action")
    wait("the repair", process, lambda: digest(process) != first)
    assert call(process.mcp_url, "create_payment").blocked["rule"] == "c"
    health = process.health()
    assert health is not None
    assert health["policy"]["reload_failed"] is False
    loads = [row for row in process.export() if row["record_kind"] == "policy_loaded"]
    assert len(loads) >= 2


def test_a_bad_edit_that_is_taken_back_is_forgotten(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(OPEN, upstream=recorder.url)

    def failed() -> bool:
        health = process.health()
        return health is not None and bool(health["policy"]["reload_failed"])

    replace(process, OPEN, OPEN.replace("action: allow", "action: alow"))
    wait("the refusal", process, failed)
    replace(process, "alow", "allow")
    wait("the repair", process, lambda: not failed())


def test_counters_live_on_where_the_limit_is_the_same(
    helio: HelioFactory, recorder: Recorder
) -> None:
    limit = (
        "{ name: slow, match: { tool: read_mail }, action: rate_limit, "
        "limits: { max_calls: 2, window: 1h } }"
    )
    process = helio(f"policies: {{ rules: [{limit}] }}", upstream=recorder.url)
    first = digest(process)
    assert call(process.mcp_url, "read_mail").blocked is None
    # Another rule before it, and another maximum: the history stays.
    other = "{ name: z, match: { tool: z }, action: deny }, " + limit.replace(
        "calls: 2", "calls: 3"
    )
    replace(process, limit, other)
    wait("the reload", process, lambda: digest(process) != first)
    assert call(process.mcp_url, "read_mail").blocked is None
    assert call(process.mcp_url, "read_mail").blocked is None
    assert call(process.mcp_url, "read_mail").blocked["current_calls"] == 3
    # Another window: a new limit, from nothing.
    second = digest(process)
    replace(process, "window: 1h", "window: 2h")
    wait("the reload", process, lambda: digest(process) != second)
    assert call(process.mcp_url, "read_mail").blocked is None


def test_a_change_elsewhere_asks_for_a_restart(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(f"environment: one\n{OPEN}", upstream=recorder.url)
    replace(process, "environment: one", "environment: two")
    wait("the notice", process, lambda: "restart" in process.log.read_text())
    assert "environment" in process.log.read_text()
