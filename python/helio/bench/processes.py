"""The benchmark's processes: started, ready when entered, measured from outside, ended when left.

Above: `helio.bench.proxy`. Below: `python -m helio…` and `/proc`, where the system has it.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from helio.errors import HelioError

LOOPBACK = "127.0.0.1"
READY_WITHIN = 30.0
"""Seconds that a process may take until it serves."""
GONE_WITHIN = 10.0
"""Seconds that a process may take to end once it was asked to."""
POLL_EVERY = 0.005
"""Seconds between two looks at a port that is not open yet; the precision of the time to ready."""
LOG_LINES = 15
"""Lines of a process' log that its failure shows."""


class BenchFailed(HelioError):
    """A part of the benchmark did not run as it must. The text says which, and shows its log."""


class Child:
    """One running process. Its stdin and stdout are pipes; its stderr goes to `log`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._buffer = b""

    def write_line(self, line: bytes) -> None:
        """Sends one line. Raises `BenchFailed` when the process has ended."""
        pipe = self._process.stdin
        try:
            if pipe is not None:
                pipe.write(line + b"\n")
        except BrokenPipeError:
            raise self.failure("ended") from None

    def read_line(self, within: float) -> bytes:
        """The next line of its stdout. Raises `BenchFailed` when none comes within the seconds."""
        pipe = self._process.stdout
        if pipe is None:
            raise self.failure("has no output")
        deadline = time.monotonic() + within
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self.failure(f"said nothing for {within:.0f} s")
                piece = os.read(pipe.fileno(), 65_536)
                if not piece:
                    raise self.failure("ended")
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def await_port(self, port: int) -> None:
        """Returns when the loopback port accepts connections. Raises `BenchFailed`."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                socket.create_connection((LOOPBACK, port), timeout=1).close()
                return
            except OSError as error:
                if self._process.poll() is not None:
                    raise self.failure(f"ended with {self._process.returncode}") from error
                if time.monotonic() > deadline:
                    raise self.failure(f"did not serve within {READY_WITHIN:.0f} s") from error
            time.sleep(POLL_EVERY)

    def cpu_seconds(self) -> float | None:
        """Processor time so far, user and system, over all threads; None without `/proc`."""
        # The name in parentheses may hold spaces; utime and stime are fields 14 and 15 of proc(5).
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float | None:
        """Resident memory now, in MiB; None without `/proc`."""
        return self._status("VmRSS")

    def peak_mib(self) -> float | None:
        """The most resident memory so far, in MiB; None without `/proc`."""
        return self._status("VmHWM")

    def _status(self, field: str) -> float | None:
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        line = next((line for line in status.splitlines() if line.startswith(f"{field}:")), None)
        return None if line is None else int(line.split()[1]) / 1024

    def failure(self, what: str) -> BenchFailed:
        """A failure of this process, with the end of its log."""
        log = self._log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        return BenchFailed("\n".join([f"{self.name} {what}", *log]))

    def end(self) -> None:
        """Ends it: SIGTERM, and SIGKILL when it does not listen."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GONE_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(GONE_WITHIN)


@contextmanager
def running(name: str, arguments: Sequence[str], directory: Path) -> Iterator[Child]:
    """`python` with these arguments, in `directory`, until the block is left."""
    log = directory / f"{name}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *arguments],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            # Ctrl-C in the terminal reaches the benchmark alone, which then ends all in order.
            start_new_session=True,
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.end()


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """SIGTERM leaves the block as `SystemExit`, so that no process started inside outlives it."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def choose_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
