"""The benchmark's processes."""

import os
from pathlib import Path

import pytest

from helio.bench.processes import BenchFailed, choose_port, running

HAS_PROC = Path("/proc/self/stat").exists()


def test_lines_go_in_and_out(tmp_path: Path) -> None:
    script = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"
    with running("upper", ["-c", script], tmp_path) as child:
        child.write_line(b"one")
        child.write_line(b"two")
        assert [child.read_line(10), child.read_line(10)] == [b"ONE", b"TWO"]


def test_a_process_that_ends_shows_the_end_of_its_log(tmp_path: Path) -> None:
    script = "import sys\nfor n in range(40): print('line', n, file=sys.stderr)"
    with (
        running("short", ["-c", script], tmp_path) as child,
        pytest.raises(BenchFailed, match="short ended") as failure,
    ):
        child.read_line(10)
    assert "line 39" in str(failure.value)
    assert "line 9\n" not in str(failure.value)


def test_silence_is_a_failure(tmp_path: Path) -> None:
    with (
        running("silent", ["-c", "input()"], tmp_path) as child,
        pytest.raises(BenchFailed, match="silent said nothing"),
    ):
        child.read_line(0.05)


def test_a_port_that_is_never_opened_is_a_failure_at_once(tmp_path: Path) -> None:
    with (
        running("closed", ["-c", "raise SystemExit(3)"], tmp_path) as child,
        pytest.raises(BenchFailed, match="closed ended with 3"),
    ):
        child.await_port(choose_port())


@pytest.mark.skipif(not HAS_PROC, reason="the system has no /proc")
def test_memory_and_processor_time_are_seen_from_outside(tmp_path: Path) -> None:
    script = (
        "import time\n"
        "held = bytearray(b'x' * 2**25)\n"
        "while time.process_time() < 0.05: pass\n"
        "del held\n"
        "print(flush=True)\n"
        "input()"
    )
    with running("busy", ["-c", script], tmp_path) as child:
        child.read_line(10)
        cpu, now, peak = child.cpu_seconds(), child.resident_mib(), child.peak_mib()
    assert cpu is not None
    assert now is not None
    assert peak is not None
    assert 0.04 <= cpu < 5
    assert peak >= now + 20


def test_a_process_is_gone_when_the_block_is_left(tmp_path: Path) -> None:
    ignoring = (
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "print(os.getpid(), flush=True)\nsignal.pause()"
    )
    with running("waiting", ["-c", ignoring], tmp_path) as child:
        pid = int(child.read_line(10))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_sigterm_ends_what_was_started(tmp_path: Path) -> None:
    outer = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from helio.bench.processes import ending_on_sigterm, running\n"
        "inner = 'import os, signal; print(os.getpid(), flush=True); signal.pause()'\n"
        "with ending_on_sigterm(), running('inner', ['-c', inner], Path.cwd()) as child:\n"
        "    print(child.read_line(10).decode(), flush=True)\n"
        "    signal.pause()"
    )
    with running("outer", ["-c", outer], tmp_path) as child:
        inner = int(child.read_line(20))
        os.kill(inner, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(inner, 0)


def test_writing_to_a_process_that_ended_is_a_failure(tmp_path: Path) -> None:
    with running("gone", ["-c", ""], tmp_path) as child:
        with pytest.raises(BenchFailed, match="gone ended with 0"):
            child.await_port(choose_port())
        with pytest.raises(BenchFailed, match="gone ended"):
            child.write_line(b"anyone?")
