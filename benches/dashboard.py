"""The dashboard before a million records and 200 calls a second: paint, questions, memory.

    python benches/dashboard.py [--calls 1000000] [--days 10] [--rate 200] [--minutes 10]
                                [--keep DIR] [--report docs/figures/dashboard.json]

Makes an audit of that many calls over the days up to now (or takes the one that `--keep` made), and
starts a real `helio start` on it, with an upstream behind it and calls at a steady pace. Then a
real Chromium opens every page anew, five times; every question of the operator API is asked twelve
times, with its usual and with its widest range; and Live, Analytics and Approvals stay open, each
in a browser of its own, for the minutes, while their memory is looked at every ten seconds, each
time after the garbage was collected. All of it on one machine, browsers and agents included.

Prints tables (ms, MiB), and writes what it found as JSON, of which `chart.py` makes a chart.
"""

import argparse
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

import audit
from dashboard_questions import pages, questions

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from end_to_end.browsing import Desk, running_browsers
from helio.bench.machine import describe
from helio.bench.processes import running
from processes import LOOPBACK, SECRET, HelioProcess, choose_free_port

SAMPLE_SECONDS = 10.0
WATCHED = ("live", "analytics", "approvals")
SEALED_DAYS = 8
"""From so many days on some are in the archive (`audit.archive.after`, and the day at hand)."""
MIB = 1024 * 1024
NUMBERS = itertools.count(1)
CONFIG = """
version: '1'
upstream: {{ url: '{upstream}' }}
listen: {{ port: {mcp} }}
sdk: {{ enabled: false }}
dashboard: {{ port: {operator}, api_secret: '{secret}' }}
approval: {{ mode: return, timeout: 30s }}
policies:
  rules:
    - {{ name: no-deletions, match: {{ tool: delete_order }}, action: deny }}
    - {{ name: accounts, match: {{ tool: close_account }}, action: require_approval }}
    - {{ name: payments, match: {{ tool: 'tool_*' }}, limits: {{ max_calls: 100000, window: 1h }} }}
budgets:
  - {{ name: payments, limit: 1000000000, currency: GBP, window: 24h, key: session,
      contributors: [{{ match: {{ tool: 'tool_*' }}, field: amount }}] }}
"""


def charged(call: dict[str, Any]) -> dict[str, Any]:
    """A call of the past took from the budget."""
    charge = {
        "budget": "payments",
        "key": f"session={call['session_id']}",
        "amount": call["spend"]["GBP"],
        "currency": "GBP",
        "contributor": 0,
    }
    return {**call, "budgets": [charge]}


@contextmanager
def helio(directory: Path, upstream: str) -> Iterator[HelioProcess]:
    """A Helio that serves, with its index; the seconds that it took are in its log."""
    mcp, operator = choose_free_port(), choose_free_port()
    config = directory / "helio.yaml"
    config.write_text(
        CONFIG.format(upstream=upstream, mcp=mcp, operator=operator, secret=SECRET), "utf-8"
    )
    process = HelioProcess(config, mcp, operator)
    process.start()
    try:
        process.wait_for_index(within=600)
        yield process
    finally:
        process.stop()


def await_sealing(process: HelioProcess, days: int) -> None:
    """Waits until the days that are old enough are in the archive, as they are on any other day."""
    sealed = "/api/audit?record_kind=lifecycle&limit=20"
    while days > SEALED_DAYS and not any(
        each["metadata"]["event"] == "sealed" for each in process.ask(sealed)["data"]
    ):
        time.sleep(0.5)


def paints(
    browser: Browser, process: HelioProcess, row: str, times: int
) -> dict[str, dict[str, float]]:
    """Of every page, opened anew: ms until the first paint, and until its data stand."""
    desk = Desk(browser, process)
    desk.sign_in()
    found = {}
    for name, page in pages(row).items():
        first, stands = [], []
        for _ in range(times):
            desk.page.goto("about:blank")
            desk.page.goto(f"{process.operator_url}/{page.address}")
            stood = desk.page.wait_for_function(
                "shows => document.querySelector(`#main ${shows.split(', ').join(', #main ')}`)"
                " && performance.now()",
                arg=page.shows,
                polling="raf",
            )
            stands.append(stood.json_value())
            first.append(
                desk.page.evaluate(
                    "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                )
            )
        found[name] = {
            "first_paint_ms": statistics.median(first),
            "first_paint_worst_ms": max(first),
            "data_ms": statistics.median(stands),
            "data_worst_ms": max(stands),
        }
        shown(name, *found[name].values())
    desk.close()
    return found


def answers(
    process: HelioProcess, calls: int, days: int, row: str, times: int
) -> dict[str, dict[str, float]]:
    """Of every question: ms of half and of the slowest."""
    connection = http.client.HTTPConnection(LOOPBACK, process.operator_port, timeout=60)
    headers = {"authorization": f"Bearer {SECRET}"}
    found = {}
    for name, path in questions(row, calls, datetime.now(UTC), days).items():
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            taken.append((time.perf_counter() - begun) * 1000)
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status} {body[:500]!r}")
        found[name] = {"p50_ms": statistics.median(taken), "worst_ms": max(taken)}
        shown(name, *found[name].values())
    connection.close()
    return found


class Watched:
    """A page that stays open, and what it holds.

    It belongs to no context of the driver, which would have the page's process keep all that comes
    over the network, to be looked at.
    """

    def __init__(self, name: str, browser: Browser, process: HelioProcess) -> None:
        self.name = name
        self.samples: list[dict[str, float]] = []
        self._browser = browser.new_browser_cdp_session()
        self._answers: dict[int, Any] = {}
        self._browser.on("Target.receivedMessageFromTarget", self._take)
        self._target = self._browser.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attaching = {"targetId": self._target, "flatten": False}
        self._session = self._browser.send("Target.attachToTarget", attaching)["sessionId"]
        self._send("Page.navigate", url=f"{process.operator_url}/#secret={SECRET}")
        self._await("document.querySelector('nav.tabs')")
        self._evaluate(f"location.hash = '#/{name}'")
        self._await("document.querySelector('#main h1')")
        self._send("Performance.enable")

    def look(self, minutes: float) -> None:
        """One more sample: JS heap and DOM after the garbage is collected, and the memory of the
        page's process."""
        self._send("HeapProfiler.collectGarbage")
        told = self._send("Performance.getMetrics")["metrics"]
        metrics = {each["name"]: each["value"] for each in told}
        self.samples.append(
            {
                "minutes": round(minutes, 3),
                "heap_mib": round(metrics["JSHeapUsedSize"] / MIB, 3),
                "nodes": metrics["Nodes"],
                "rss_mib": round(self._resident(), 1),
            }
        )

    def close(self) -> None:
        """Closes the page."""
        self._browser.send("Target.closeTarget", {"targetId": self._target})

    def _take(self, event: dict[str, str]) -> None:
        told = json.loads(event["message"])
        if "id" in told:
            self._answers[told["id"]] = told

    def _send(self, method: str, **parameters: object) -> Any:
        """What the page answers."""
        number = next(NUMBERS)
        message = json.dumps({"id": number, "method": method, "params": parameters})
        sent = {"sessionId": self._session, "message": message}
        self._browser.send("Target.sendMessageToTarget", sent)
        while number not in self._answers:
            self._browser.send("Browser.getVersion")  # Meanwhile its answer comes.
        return self._answers.pop(number)["result"]

    def _evaluate(self, script: str) -> Any:
        return self._send("Runtime.evaluate", expression=script)["result"].get("value")

    def _await(self, there: str) -> None:
        while not self._evaluate(f"Boolean({there})"):
            time.sleep(0.1)

    def _resident(self) -> float:
        """MiB of the largest process with a page; 0 where the system does not tell."""
        told = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        return max(map(resident, [each["id"] for each in told if each["type"] == "renderer"]))


def resident(process: int) -> float:
    """MiB of memory of a process; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii", "replace")
    except FileNotFoundError:
        return 0.0
    return next(int(line.split()[1]) for line in status.splitlines() if line[:6] == "VmRSS:") / 1024


def memory(browsers: dict[str, Browser], process: HelioProcess, minutes: float) -> dict[str, Any]:
    """The samples of each page that stays open, and by how much they rise."""
    windows = [Watched(name, browser, process) for name, browser in browsers.items()]
    begun = time.monotonic()
    while (passed := (time.monotonic() - begun) / 60) <= minutes:
        for each in windows:
            each.look(passed)
        time.sleep(min(SAMPLE_SECONDS, 60 * minutes / 6))
    for each in windows:
        each.close()
    return {each.name: {"samples": each.samples, **rises(each.samples)} for each in windows}


def rises(samples: list[dict[str, float]]) -> dict[str, float]:
    """How much the heap and the process grow in a minute, in KiB: the slopes of the lines through
    the samples behind the first fifth, in which a page fills."""
    later = samples[len(samples) // 5 :]
    minutes = [each["minutes"] for each in later]
    return {
        f"{what}_kib_a_minute": round(
            1024
            * statistics.linear_regression(minutes, [each[f"{what}_mib"] for each in later]).slope,
            1,
        )
        for what in ("heap", "rss")
    }


def shown(name: str, *figures: float) -> None:
    """A line of a table."""
    print(f"| {name} | " + " | ".join(f"{each:,.0f}" for each in figures) + " |", flush=True)


def headed(*names: str) -> None:
    """The head of a table."""
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def made(directory: Path, calls: int, days: int) -> None:
    """The audit, unless it is there."""
    place = directory / "helio-audit"
    if place.exists():
        return
    begun = time.monotonic()
    size = audit.write_journal(
        place, calls, days, datetime.now(UTC) - timedelta(days=days), charged
    )
    print(
        f"wrote {calls:,} calls, {size / MIB:,.0f} MiB, in {time.monotonic() - begun:.0f} s",
        flush=True,
    )


@contextmanager
def live(port: int, rate: float, told: dict[str, Any]) -> Iterator[None]:
    """Calls at a steady pace, as long as the block goes on; then `told` is what became of them."""
    script = str(Path(__file__).with_name("steady.py"))
    command = [sys.executable, script, str(port), str(rate)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as agents:
        try:
            yield
        finally:
            output, errors = agents.communicate(timeout=60)
        if agents.returncode:
            raise SystemExit(errors)
        told.update(json.loads(output))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--paints", type=int, default=5, help="times that each page is opened")
    parser.add_argument("--asked", type=int, default=12, help="times that each question is asked")
    parser.add_argument("--watched", nargs="+", choices=WATCHED, default=WATCHED, metavar="PAGE")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="helio-bench-") as scratch:
        directory = arguments.keep or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        found = run(directory.absolute(), arguments)
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def run(directory: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    calls, days = arguments.calls, arguments.days
    made(directory, calls, days)
    found: dict[str, Any] = {"calls": calls, "days": days, "machine": describe()}
    with running("echo", ["-m", "helio.bench.echo"], directory) as upstream:
        url = f"http://{LOOPBACK}:{int(upstream.read_line(30))}/mcp"
        begun = time.monotonic()
        with helio(directory, url) as process, running_browsers(len(arguments.watched)) as browsers:
            print(f"its index was there after {time.monotonic() - begun:.0f} s", flush=True)
            await_sealing(process, days)
            print(f"old days were sealed after {time.monotonic() - begun:.0f} s", flush=True)
            row = str(process.ask(f"/api/audit?offset={calls * 9 // 10}&limit=1")["data"][0]["id"])

            found["live"] = {}
            with live(process.mcp_port, arguments.rate, found["live"]):
                headed("page, ms", "first paint", "worst", "data stand", "worst")
                found["paints"] = paints(browsers[0], process, row, arguments.paints)
                headed("question, ms", "p50", "worst")
                found["questions"] = answers(process, calls, days, row, arguments.asked)
                found["memory"] = memory(
                    dict(zip(arguments.watched, browsers, strict=True)), process, arguments.minutes
                )
    headed("page left open", "heap, MiB", "KiB a minute", "process, MiB", "KiB a minute")
    for name, each in found["memory"].items():
        last = each["samples"][-1]
        shown(
            name,
            last["heap_mib"],
            each["heap_kib_a_minute"],
            last["rss_mib"],
            each["rss_kib_a_minute"],
        )
    print(f"\ncalls meanwhile: {found['live']}")
    return found


if __name__ == "__main__":
    main()
