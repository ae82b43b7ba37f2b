"""Processes that tests start: upstreams and Helio itself.

Everything listens on loopback, waits for readiness by asking, and is ended by its own id.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from helio.cli import app

LOOPBACK = "127.0.0.1"
READY_WITHIN = 30.0
"""Seconds that a process may take until it serves."""
GONE_WITHIN = 15.0
"""Seconds that a process may take to end after SIGTERM."""
ANY_PORTS = {
    "HELIO_DEMO_PORT": "0",
    "HELIO_DEMO_OPERATOR_PORT": "0",
    "HELIO_DEMO_SDK_PORT": "0",
}
"""For the demo and the examples: several may run at once, and must not meet on the usual ports."""
PORT_RANGES, PORTS_EACH = 5, 4000
"""Ranges of ports below those that the kernel gives to connections, and their size."""
SECRET = "a-secret-for-the-operator-port-of-tests"


def choose_free_port() -> int:
    """A loopback port that nothing listens on.

    It is chosen among those that the kernel gives to nobody on its own, and each process of a test
    run has its own thousands, so that none takes it before it is used.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 12_000 + worker % PORT_RANGES * PORTS_EACH
    while True:
        port = first + random.randrange(PORTS_EACH)
        if port in _chosen:
            continue
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            _chosen.add(port)
            return port


_chosen: set[int] = set()


def listens(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def start_demo_upstream(log: Path, port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
    """A demo upstream of one's own: the process (end it with `end_process`) and its MCP URL."""
    command = [sys.executable, "-m", "helio.demo.upstream", "--port", str(port)]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().decode().strip()
    if not url:
        process.wait(GONE_WITHIN)
        pytest.fail(f"The demo upstream did not start:\n{log.read_text()}")
    return process, url


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    within: float = READY_WITHIN,
) -> None:
    """Asks `ready` until it holds. Fails with the log when the process ends or takes too long."""
    deadline = time.monotonic() + within
    while not ready():
        if process.poll() is not None:
            pytest.fail(f"The process ended with {process.returncode}:\n{log.read_text()}")
        if time.monotonic() > deadline:
            end_process(process)
            pytest.fail(f"The process was not ready within {within} s:\n{log.read_text()}")
        time.sleep(0.02)


def end_process(process: subprocess.Popen[Any]) -> int:
    """SIGTERM, then SIGKILL for one that does not listen; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GONE_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(GONE_WITHIN)
    return process.returncode


def export(*options: str) -> list[dict[str, Any]]:
    """The rows of `helio export -f json` with these options. The command runs in this process,
    where all that it needs is loaded once.
    """
    with TemporaryDirectory() as place:
        rows = Path(place) / "rows.json"
        ended = app(["export", "-f", "json", "-o", str(rows), *options], standalone_mode=False)
        assert not ended, f"it ended with {ended}"
        return json.loads(rows.read_bytes())


@dataclass
class HelioProcess:
    """One `helio start` as a process, in a directory of its own.

    `config` may be edited while it runs (hot reload). After `kill()` or `stop()`, `start()` serves
    again from the same directory and on the same ports.
    """

    config: Path
    mcp_port: int
    operator_port: int
    sdk_port: int = 0
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secret: str = SECRET
    process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """Where the configuration, the audit and the log are."""
        return self.config.parent

    @property
    def log(self) -> Path:
        """What Helio wrote to stdout and stderr, over all its starts."""
        return self.directory / "helio.log"

    @property
    def audit_dir(self) -> Path:
        """The audit's directory, where the configuration names none."""
        return self.directory / "helio-audit"

    @property
    def mcp_url(self) -> str:
        """Where agents connect."""
        return f"http://{LOOPBACK}:{self.mcp_port}/mcp"

    @property
    def operator_url(self) -> str:
        """The operator port, without a path."""
        return f"http://{LOOPBACK}:{self.operator_port}"

    @property
    def sdk_url(self) -> str:
        """The SDK port, without a path; where the configuration has it on `sdk_port`."""
        return f"http://{LOOPBACK}:{self.sdk_port}"

    def start(self, *, until_healthy: bool = True) -> "HelioProcess":
        """Starts it, and waits until it is healthy."""
        assert self.process is None, "it runs already"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helio", "start", "-c", str(self.config), *self.arguments],
                cwd=self.directory,
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
            )
        if until_healthy:
            wait_until(lambda: self.health() is not None, self.process, self.log)
        return self

    def ask(self, path: str) -> Any:
        """What the operator port answers at `path`, numbers with a fraction as decimals."""
        asked = urllib.request.Request(
            self.operator_url + path, headers={"authorization": f"Bearer {self.secret}"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return json.load(answer, parse_float=Decimal)

    def health(self) -> dict[str, Any] | None:
        """The answer of `/api/health`; None while nothing answers with 200."""
        try:
            with urllib.request.urlopen(f"{self.operator_url}/api/health", timeout=2) as answer:
                return json.load(answer)
        except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException):
            return None

    def wait_for_index(self, within: float = READY_WITHIN) -> "HelioProcess":
        """Waits until the audit can be asked: right after a start its index loads."""

        def ready() -> bool:
            health = self.health()
            return health is not None and health["audit"]["index"] == "ready"

        assert self.process is not None, "it does not run"
        wait_until(ready, self.process, self.log, within)
        return self

    def export(self, *options: str) -> list[dict[str, Any]]:
        """The audit's rows, from `helio export -f json`, while it runs or after it stopped."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.environment.items():
                environment.setenv(name, value)
            return export("-c", str(self.config), *options)

    def calls(self, *options: str) -> list[dict[str, Any]]:
        """The rows of tool calls, oldest first."""
        return [row for row in self.export(*options) if row["record_kind"] == "tool_call"]

    def stop(self) -> int:
        """Ends it with SIGTERM; the exit code."""
        process, self.process = self.process, None
        assert process is not None, "it does not run"
        return end_process(process)

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash would."""
        process, self.process = self.process, None
        assert process is not None, "it does not run"
        process.kill()
        process.wait(GONE_WITHIN)


HelioFactory = Callable[..., HelioProcess]
"""What the `helio` fixture gives: see `tests/conftest.py`."""
