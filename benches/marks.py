"""How many marks a second the SDK port takes, and whether one is lost.

    python benches/marks.py [--seconds 5] [--threads 4] [--batch 100]

Starts a Helio with the defaults (`durability: intent`: every mark is on the disk before it is
acknowledged), marks evidence from threads of one process by the SDK, over loopback, and then ends
Helio by SIGKILL, starts it again and asks for every mark that was acknowledged. Prints marks a
second and the latency of a request for batches of one and of `--batch`. Exits 1 when one is lost.
"""

import argparse
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from helio.sdk import EvidenceMark, HelioClient, HelioError

CONFIG = """\
version: '1'
upstream: {{ url: 'http://127.0.0.1:1/mcp' }}
listen: {{ port: 0 }}
dashboard: {{ enabled: false }}
sdk: {{ port: {port}, max_rate: 1000000, max_session_rate: 1000000 }}
session: {{ max: 100000 }}
policies: {{ rules: [{{ match: {{ tool: refund }}, evidence: {{ requires: [orders.lookup] }} }}] }}
"""
PER_SESSION = 30


class Served:
    """One Helio, whose directory outlives its processes."""

    def __init__(self, directory: Path, token: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.directory = directory
        self.environment = {**os.environ, "HELIO_SDK_TOKEN": token}
        self.client = HelioClient(f"http://127.0.0.1:{self.port}", token=token, timeout=30)
        (directory / "helio.yaml").write_text(CONFIG.format(port=self.port))

    def start(self) -> None:
        """Serves, when this returns."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helio", "start", "-c", str(self.directory / "helio.yaml")],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        while True:
            try:
                self.client.session("none")
                return
            except HelioError:
                if self.process.poll() is not None:
                    sys.exit((self.directory / "log").read_text())
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()


def mark(client: HelioClient, name: str, batch: int, until: float, kept: list[str]) -> list[float]:
    """Marks until that instant; the seconds of each request. `kept` gets whole sessions."""
    times = []
    number = 0
    while time.perf_counter() < until:
        marks = []
        for _ in range(batch):
            session, n = divmod(number, PER_SESSION)
            data = {"order": f"{name}-{n}", "total": 12.5, "state": "open"}
            names = ("orders.lookup", "orders.lookup")
            marks.append(EvidenceMark(f"{name}-{session}", *names, data))
            number += 1
        began = time.perf_counter()
        client.mark_evidence(marks)
        times.append(time.perf_counter() - began)
    kept.extend(f"{name}-{session}" for session in range(number // PER_SESSION))
    return times


def measure(client: HelioClient, threads: int, batch: int, seconds: float, kept: list[str]) -> None:
    found: list[list[float]] = [[] for _ in range(threads)]
    until = time.perf_counter() + seconds

    def run(index: int) -> None:
        found[index] = mark(client, f"b{batch}-t{index}", batch, until, kept)

    running = [threading.Thread(target=run, args=(index,)) for index in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.perf_counter() - began
    times = sorted(each for part in found for each in part)
    rate = len(times) * batch / took
    middle, late = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    print(f"{batch:5} a request  {rate:9,.0f} marks/s  p50 {middle:6.2f} ms  p99 {late:6.2f} ms")


def lost(client: HelioClient, kept: list[str]) -> int:
    """How many acknowledged marks a restarted Helio does not know. A thread's sessions lie far
    apart in time, so the memory's bound (100,000 sessions) forgets none."""
    return sum(PER_SESSION - len(client.session(session)["evidence"]) for session in kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--batch", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helio-marks-") as directory:
        served = Served(Path(directory), secrets.token_urlsafe(32))
        served.start()
        kept: list[str] = []
        for batch in (1, options.batch):
            measure(served.client, options.threads, batch, options.seconds, kept)
        served.kill()
        served.start()
        missing = lost(served.client, kept)
        served.kill()
    print(f"{len(kept) * PER_SESSION:,} marks asked for after SIGKILL and restart: {missing} lost")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
