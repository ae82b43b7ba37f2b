"""The index's process beside a whole Helio: calls go on without it, and it never outlives Helio."""

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = "policies: { rules: [{ match: { tool: read_mail }, action: deny }] }"
ROWS = "/api/audit?record_kind=tool_call"
PATIENCE = 30.0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def index_of(process: HelioProcess) -> int:
    """The process of its index."""
    assert process.process is not None
    pid = process.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def test_it_takes_what_processors_others_leave(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(upstream=recorder.url).wait_for_index()
    child = index_of(process)
    if (os.cpu_count() or 1) > 1:
        until(lambda: os.sched_getscheduler(child) == os.SCHED_IDLE)
    else:
        until(lambda: os.getpriority(os.PRIO_PROCESS, child) == 10)
    assert process.process is not None
    assert os.sched_getscheduler(process.process.pid) == os.SCHED_OTHER


def is_there(pid: int) -> bool:
    """Whether the process still runs; one that nobody has asked for its end does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def refused(process: HelioProcess) -> tuple[int, str | None] | None:
    """Status and `retry-after` of a question that is not answered; None for one that is."""
    headers = {"authorization": f"Bearer {process.secret}"}
    request = urllib.request.Request(process.operator_url + ROWS, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["retry-after"]
    return None


def denied(process: HelioProcess) -> None:
    """A call, which is judged and recorded."""
    reply = call(process.mcp_url, "read_mail")
    assert reply.blocked["reason"] == "policy_denied"


def test_calls_go_on_while_the_index_is_killed_and_the_next_one_knows_them(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    assert process.process is not None
    denied(process)
    first = index_of(process)
    os.kill(first, signal.SIGKILL)
    until(lambda: (process.health() or {})["audit"]["index"] == "unavailable")
    assert refused(process) == (503, "2")
    denied(process)
    process.wait_for_index()
    denied(process)
    assert process.ask(ROWS)["total"] == 3
    second = index_of(process)
    assert second != first
    held = Path(f"/proc/{process.process.pid}/maps").read_text()
    assert "_duckdb" not in held, "its memory is not that of calls"
    # Who ends Helio may tell all of its processes.
    os.kill(second, signal.SIGTERM)
    assert process.stop() == 0
    assert not is_there(second)
    assert not (process.audit_dir / "index.duckdb.wal").exists(), "it was closed, not killed"
    assert said(process).count("the audit's index is not available") == 1
    assert "its process was ended by signal 9; it is tried again in 1 s" in said(process)


def test_the_index_ends_with_a_helio_that_is_killed_and_the_next_one_has_the_file(
    helio: HelioFactory, recorder: Recorder
) -> None:
    """Killed while the index loads, and while it hangs."""
    process = helio(RULES, upstream=recorder.url)
    denied(process)
    loading = index_of(process)
    process.kill()
    until(lambda: not is_there(loading))
    process.start().wait_for_index()
    hanging = index_of(process)
    os.kill(hanging, signal.SIGSTOP)
    process.kill()
    until(lambda: not is_there(hanging))
    process.start().wait_for_index()
    assert process.ask(ROWS)["total"] == 1
    assert process.stop() == 0
    assert "is not available" not in said(process)


def said(process: HelioProcess) -> str:
    """What it logged, on one line."""
    return " ".join(process.log.read_text().split())
