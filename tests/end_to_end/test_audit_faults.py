"""Faults of the audit's disk, injected for real into a Helio that serves under load."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import HelioFactory
from end_to_end.misbehaving import Misbehaving
from end_to_end.wire import call
from helio.audit import recovery
from processes import HelioProcess

pytestmark = pytest.mark.end_to_end

HERE = Path(__file__).parent
CALLERS = 6
in_proof = pytest.mark.skipif(
    os.environ.get("HELIO_PROOF") != "1", reason="`make proof`: the others show the same"
)


@pytest.fixture
def upstream() -> Iterator[Misbehaving]:
    found = Misbehaving()
    yield found
    found.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs here")
    yield place
    # Lazily: a test that failed may leave a process on it for a moment.
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes syncs fail."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("library") / "failing_disk.so"
    source = str(HERE / "failing_disk.c")
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), source, "-ldl"]
    subprocess.run(command, check=True)
    return library


def wait(what: str, holds: Callable[[], bool], within: float = 10.0) -> float:
    """Waits until it holds; the seconds that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, what
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass
class Load:
    """Callers that call until told to end. What the agents were told: marks of calls that passed,
    and how many were blocked."""

    process: HelioProcess
    passed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(name,)) for name in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()
        wait("the first calls", lambda: len(self.passed) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(20)

    def _run(self, name: int) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            mark = f"{name}-{number}"
            try:
                answer = call(self.process.mcp_url, "pay", {"mark": mark, "filler": "x" * 2000})
            except (OSError, HTTPException):
                return
            blocked = answer.blocked
            with self._lock:
                if blocked is None:
                    self.passed.append(mark)
                else:
                    self.blocked.append(blocked["reason"])

    def mark(self) -> None:
        """What passes counts from here on."""
        self._seen = len(self.passed)

    def went_on(self) -> bool:
        """Whether more calls passed than could have been under way then."""
        return len(self.passed) > self._seen + CALLERS


def settled(load: Load, upstream: Misbehaving) -> int:
    """The calls that were forwarded, once all that come are blocked: each caller went round."""
    rounds = len(load.blocked) + 5 * CALLERS
    wait("blocks", lambda: len(load.blocked) > rounds)
    return upstream.count("pay")


def check_rows(process: HelioProcess, load: Load, upstream: Misbehaving) -> None:
    """Each call that the upstream got is a row, each that passed was answered, all of it once."""
    rows = [row for row in process.calls() if row["tool_name"] == "pay"]
    allowed = [row for row in rows if row["policy_decision"] == "allow"]
    outcomes = {}
    for row in allowed:
        arguments = row["tool_input"]
        mark = (arguments if isinstance(arguments, dict) else json.loads(arguments))["mark"]
        assert mark not in outcomes
        outcomes[mark] = row["outcome"]
    assert len(outcomes) >= upstream.count("pay")
    assert {outcomes[mark] for mark in load.passed} == {"answered"}
    verified = audit("verify", process)
    assert verified.returncode == 0, verified.stdout


def audit(command: str, process: HelioProcess, *options: str) -> subprocess.CompletedProcess[str]:
    """`helio audit` on the process's audit."""
    return subprocess.run(
        [sys.executable, "-m", "helio", "audit", command, "-c", str(process.config), *options],
        env={**os.environ, **process.environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def fill(place: Path) -> Path:
    """Takes all that is left of a disk."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 256 * 1024
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return filler


def test_a_disk_that_is_full_under_load(
    helio: HelioFactory, upstream: Misbehaving, small_disk: Path
) -> None:
    text = f"audit: {{ path: '{small_disk}/audit' }}"
    process = helio(text, upstream=upstream.url)
    with Load(process) as load:
        hanging = [in_background(lambda: call(process.mcp_url, "hang")) for _ in range(5)]
        wait("the calls", lambda: upstream.count("hang") == 5)
        filler = fill(small_disk)
        wait("a block", lambda: bool(load.blocked))
        forwarded = settled(load, upstream)
        upstream.release()
        for each in hanging:
            each.join(10)
        # Their outcomes are there while the disk is full: no restart would not know them.
        wait("outcomes", lambda: recovery.recover(small_disk / "audit").open_calls == ())
        settled(load, upstream)
        assert upstream.count("pay") == forwarded
        assert process.health() is None
        load.mark()
        filler.unlink()
        assert wait("room", load.went_on) < 5
    assert set(load.blocked) == {"audit_unavailable"}
    assert process.stop() == 0
    check_rows(process, load, upstream)


@in_proof
def test_a_kill_while_the_disk_is_full_forgets_nothing(
    helio: HelioFactory, upstream: Misbehaving, small_disk: Path
) -> None:
    process = helio(f"audit: {{ path: '{small_disk}/audit' }}", upstream=upstream.url)
    with Load(process) as load:
        filler = fill(small_disk)
        wait("a block", lambda: bool(load.blocked))
        settled(load, upstream)
        process.kill()
    # It cannot serve, and says why; what the crash left open is closed in the space it kept.
    process.start(until_healthy=False)
    assert process.process is not None
    assert process.process.wait(20) == 2
    process.process = None
    assert "the disk is full" in process.log.read_text()
    filler.unlink()
    process.start()
    assert process.stop() == 0
    check_rows(process, load, upstream)


@pytest.mark.parametrize("how", [pytest.param("once", marks=in_proof), "for ever"])
def test_syncs_that_fail_under_load(
    helio: HelioFactory, upstream: Misbehaving, failing_disk: Path, tmp_path: Path, how: str
) -> None:
    fault = tmp_path / "fault"
    environment = {"LD_PRELOAD": str(failing_disk), "HELIO_TEST_FAULT": str(fault)}
    process = helio(upstream=upstream.url, environment=environment)
    with Load(process) as load:
        poisoned = sorted(process.audit_dir.glob("journal-*"))[-1]
        fault.write_text("1" if how == "once" else "always")
        wait("the fault", lambda: bool(load.blocked))
        size = poisoned.stat().st_size
        if how == "for ever":
            forwarded = settled(load, upstream)
            settled(load, upstream)
            assert upstream.count("pay") == forwarded
            assert process.health() is None
        load.mark()
        fault.unlink(missing_ok=True)
        assert wait("calls", load.went_on) < 5
        assert poisoned.stat().st_size == size, "a file was written after its sync failed"
    assert set(load.blocked) == {"audit_unavailable"}
    assert sorted(process.audit_dir.glob("journal-*"))[-1] != poisoned
    assert process.stop() == 0
    check_rows(process, load, upstream)


def test_calls_that_may_go_unrecorded_get_their_rows(
    helio: HelioFactory, upstream: Misbehaving, failing_disk: Path, tmp_path: Path
) -> None:
    fault = tmp_path / "fault"
    environment = {"LD_PRELOAD": str(failing_disk), "HELIO_TEST_FAULT": str(fault)}
    text = "audit: { on_failure: allow }"
    process = helio(text, upstream=upstream.url, environment=environment)
    with Load(process) as load:
        fault.write_text("always")
        wait("the fault", lambda: process.health() is None)
        load.mark()
        wait("calls", load.went_on)
        before = upstream.count("pay")
        wait("more calls", lambda: upstream.count("pay") > before + 50)
        fault.unlink()
        assert wait("the journal", lambda: process.health() is not None) < 5
    assert load.blocked == []
    assert process.stop() == 0
    check_rows(process, load, upstream)


@in_proof
def test_a_second_process_refuses_before_it_binds_a_port(
    helio: HelioFactory, upstream: Misbehaving
) -> None:
    process = helio(upstream=upstream.url)
    command = [
        sys.executable,
        "-c",
        "import sys, time\n"
        "from pathlib import Path\n"
        "from helio.audit.journal import Journal\n"
        "from helio.errors import JournalLocked\n"
        "began = time.monotonic()\n"
        "try:\n    Journal.open(Path(sys.argv[1]))\n"
        "except JournalLocked as error:\n    print(error, time.monotonic() - began, sep='\\n')\n",
        str(process.audit_dir),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    why, seconds = ran.stdout.splitlines()
    assert process.process is not None
    assert f"in use by process {process.process.pid}" in why
    assert float(seconds) < 1


@pytest.mark.parametrize("how", ["corrupt", pytest.param("locked", marks=in_proof)])
def test_calls_go_on_without_an_index_and_it_comes_back(
    helio: HelioFactory, upstream: Misbehaving, how: str
) -> None:
    process = helio(upstream=upstream.url)
    wait("the index", lambda: (process.health() or {})["audit"]["index"] == "ready")
    for number in range(20):
        assert call(process.mcp_url, "pay", {"mark": number}).blocked is None
    process.stop()
    path = process.audit_dir / "index.duckdb"
    holder = None
    if how == "corrupt":
        path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
    else:
        holder = duckdb.connect(path)
    process.start()
    for number in range(20, 40):
        assert call(process.mcp_url, "pay", {"mark": number}).blocked is None
    if holder is not None:
        wait("no index", lambda: (process.health() or {})["audit"]["index"] == "unavailable")
        holder.close()
    wait("the index", lambda: (process.health() or {})["audit"]["index"] == "ready", within=90)
    asked = "/api/audit?record_kind=tool_call&limit=1"
    wait("all rows", lambda: process.ask(asked)["total"] == 40)
    assert process.stop() == 0
    assert indexed(path) == journaled(process)
    path.unlink()
    assert audit("rebuild", process).returncode == 0
    assert indexed(path) == journaled(process)


def indexed(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(
            "SELECT id, tool_input, outcome FROM audit WHERE record_kind = 'tool_call' ORDER BY seq"
        ).fetchall()


def journaled(process: HelioProcess) -> list[tuple[Any, ...]]:
    """The same, by reading the lines."""
    ended: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    for line in recovery.read(process.audit_dir):
        data = line.values()
        if line.kind == "intent":
            calls[data["call_id"]] = data["tool_input"]
        elif line.kind == "outcome":
            ended[data["call_id"]] = data["status"]
    assert len(calls) == 40
    return [(name, arguments, ended[name]) for name, arguments in calls.items()]


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
