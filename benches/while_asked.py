"""Whether calls wait while the past is asked about, and while days are sealed.

    python benches/while_asked.py [--rows 300000] [--seconds 8] [--rounds 3]

One Helio with an audit of that many calls, and one agent that calls at a steady pace. In turns
nobody asks, and two operators ask without a pause (the feed, a search, analytics of everything);
then all days are sealed while the agent calls. Times are of whole calls, in ms, in the same run.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import audit

SECRET = "of-the-benchmark"  # noqa: S105 - of a Helio that lives for a minute
CALL = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read", "arguments": {}}}
)
QUESTIONS = ("/api/feed", "/api/audit?tool=tool_3&limit=100", "/api/analytics")
PACE = 0.005
CONFIG = """
version: '1'
upstream: {{ url: 'http://127.0.0.1:9/mcp' }}
listen: {{ port: 0 }}
sdk: {{ enabled: false }}
dashboard: {{ port: 0, api_secret: '{secret}' }}
policies: {{ rules: [{{ match: {{ tool: read }}, action: deny }}] }}
audit: {{ retention: 3650d, archive: {{ after: 3649d }} }}
"""


class Helio:
    """`helio start` in a directory, once it serves."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "helio.yaml"
        self.config.write_text(CONFIG.format(secret=SECRET))
        self._log = directory / "log"
        self.command = [sys.executable, "-m", "helio"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self.command, "start", "-c", str(self.config)], stdout=log, stderr=log
            )
        self.agents, self.operators = (self._port(each) for each in ("agents", "operators"))
        while self.ask("/api/health")["audit"]["index"] != "ready":
            time.sleep(0.2)

    def _port(self, name: str) -> int:
        while True:
            found = re.search(rf"{name} +http://127\.0\.0\.1:(\d+)", self._log.read_text())
            if found is not None:
                return int(found[1])
            if self._process.poll() is not None:
                raise SystemExit(self._log.read_text())
            time.sleep(0.1)

    def ask(self, path: str) -> dict:
        """What the operator port answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.operators, timeout=120)
        connection.request("GET", path, headers={"authorization": f"Bearer {SECRET}"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def end(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait()


def calls(port: int, until: Callable[[], bool]) -> list[float]:
    """Milliseconds of calls at a steady pace."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-06-18",
    }
    taken = []
    due = time.perf_counter()
    while not until():
        begun = time.perf_counter()
        connection.request("POST", "/mcp", CALL, headers)
        answer = connection.getresponse().read()
        taken.append((time.perf_counter() - begun) * 1000)
        if b"policy_denied" not in answer:
            raise SystemExit(answer)
        due = max(due + PACE, time.perf_counter() - PACE)
        time.sleep(max(0.0, due - time.perf_counter()))
    return taken


def lasting(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def asked(helio: Helio, seconds: float) -> list[float]:
    """Calls while two operators ask in processes of their own, which leave the processors to Helio:
    operators have machines of their own."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import while_asked"
    loop = f"{script}; while_asked.ask_for_ever({helio.operators})"
    command = ["nice", "-n", "19", sys.executable, "-c", loop]
    operators = [subprocess.Popen(command) for _ in range(2)]
    try:
        time.sleep(1)
        return calls(helio.agents, lasting(seconds))
    finally:
        for each in operators:
            each.kill()
            each.wait()


def ask_for_ever(port: int) -> None:
    """What an operator's process does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while True:
        for path in QUESTIONS:
            connection.request("GET", path, headers={"authorization": f"Bearer {SECRET}"})
            connection.getresponse().read()


def sealed(helio: Helio) -> list[float]:
    """Calls while all days are sealed, as Helio does it: in a process that stands back."""
    seal = [*helio.command, "audit", "seal", "-c", str(helio.config), "--after", "0s"]
    done = threading.Event()

    def run() -> None:
        begun = time.monotonic()
        subprocess.run(["nice", "-n", "15", *seal], check=True, stdout=subprocess.DEVNULL)
        print(f"sealing took {time.monotonic() - begun:.0f} s")
        done.set()

    threading.Thread(target=run).start()
    return calls(helio.agents, done.is_set)


def shown(name: str, taken: list[float]) -> None:
    ordered = sorted(taken)
    shares = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95, 0.99))
    print(f"| {name} | {len(ordered)} | " + " | ".join(f"{each:.2f}" for each in shares) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helio-bench-") as scratch:
        audit.write_journal(Path(scratch) / "helio-audit", arguments.rows, days=10)
        helio = Helio(Path(scratch))
        try:
            quiet: list[float] = []
            busy: list[float] = []
            for _ in range(arguments.rounds):
                quiet += calls(helio.agents, lasting(arguments.seconds))
                busy += asked(helio, arguments.seconds)
            sealing = sealed(helio)
        finally:
            helio.end()
    print(
        f"{os.cpu_count()} processors\n\n| while | calls | p50 | p95 | p99 |\n|---|---|---|---|---|"
    )
    shown("nobody asks", quiet)
    shown("two operators ask without a pause", busy)
    shown("ten days are sealed", sealing)


if __name__ == "__main__":
    main()
