"""The proxy end to end: the same load on the upstream itself, on a bare pass-through and on Helio.

Above: `helio.cli.bench`. Below: `helio.bench.processes`, `helio.bench.figures`; the servers and the
load generator are processes of their own, all on loopback.

In every round each server gets its turn, in another order each time, so that what disturbs the
machine disturbs all of them; the medians of the rounds count. Helio has a policy of 20 rules, and
its audit is on disk before a call is forwarded.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import yaml

from helio.bench.figures import Latency, Load, Run, summary
from helio.bench.load import ANSWER_WITHIN, Order
from helio.bench.load_profile import TRAFFIC, Traffic, proxy_policy
from helio.bench.processes import READY_WITHIN, Child, choose_port, ending_on_sigterm, running

TRAFFIC_CONNECTIONS = 16
"""Connections under which denied and limited calls are measured."""
QUIET_SECONDS = 0.6
"""A process that used next to no processor time for so long has caught up with its own work; it is
longer than the audit's index pauses between two looks."""
QUIET_CPU_SECONDS = 0.015
SETTLED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; `seconds` and `warm_up` are those of one run. `every_traffic` adds
    denied and limited calls, and a second Helio with `durability: relaxed`.
    """

    rounds: int
    seconds: float
    warm_up: float
    connections: tuple[int, ...]
    every_traffic: bool = False

    @property
    def runs(self) -> int:
        """How many runs of the load generator that are."""
        servers = 4 if self.every_traffic else 3
        return self.rounds * (
            len(self.connections) * servers + (len(TRAFFIC) if self.every_traffic else 0)
        )


@dataclass(frozen=True, slots=True)
class Server:
    """One process that takes the load. `works_on`: it has work left after its last answer."""

    name: str
    port: int
    child: Child
    ready_ms: float
    idle_mib: float | None
    works_on: bool


class _Bench:
    """The servers and the load generator, all running."""

    def __init__(self, plan: Plan, generator: Child, servers: list[Server]) -> None:
        self.plan = plan
        self.servers = servers
        self._generator = generator

    def run(self, server: Server, connections: int, traffic: Traffic = "passing") -> Run:
        """One run against one server, and the wait until a server that works on has caught up."""
        plan = self.plan
        order = Order(server.port, connections, plan.seconds, plan.warm_up, traffic)
        before = server.child.cpu_seconds()
        self._generator.write_line(orjson.dumps(asdict(order)))
        within = plan.seconds + plan.warm_up + 3 * ANSWER_WITHIN
        result = orjson.loads(self._generator.read_line(within))
        if "failed" in result:
            raise server.child.failure(f"under {traffic} load: {result['failed']}")
        cost = None
        after = settled_cpu(server.child) if server.works_on else server.child.cpu_seconds()
        if before is not None and after is not None:
            cost = (after - before) / result["calls"] * 1e6
        return Run(
            requests_per_second=result["requests"] / result["seconds"],
            latency=Latency(result["p50_ms"], result["p99_ms"]),
            cpu_us_per_call=cost,
        )


def settled_cpu(child: Child) -> float | None:
    """The process' CPU seconds once it has nothing left to do; None without `/proc`.

    What it does after its answers (the audit's index) is a cost of the calls, and must not disturb
    the run of the next server. Raises `BenchFailed` when it does not come to rest.
    """
    deadline = time.monotonic() + SETTLED_WITHIN
    last = child.cpu_seconds()
    while last is not None:
        time.sleep(QUIET_SECONDS)
        now = child.cpu_seconds()
        if now is None or now - last <= QUIET_CPU_SECONDS:
            return now
        if time.monotonic() > deadline:
            raise child.failure(f"was still busy {SETTLED_WITHIN:.0f} s after its last answer")
        last = now
    return None


def measure(plan: Plan, progress: Callable[[str], None]) -> dict[str, object]:
    """The report. `progress` is told before each run. Raises `BenchFailed`, `OSError`."""
    with (
        ending_on_sigterm(),
        TemporaryDirectory(prefix="helio-bench-") as name,
        _started(plan, Path(name)) as bench,
    ):
        runs: dict[int, dict[str, list[Run]]] = {
            connections: {server.name: [] for server in bench.servers}
            for connections in plan.connections
        }
        traffic: dict[Traffic, list[Run]] = {kind: [] for kind in TRAFFIC}
        for number in range(plan.rounds):
            _measure_round(bench, number, runs, traffic, progress)
        return {
            "rounds": plan.rounds,
            "seconds_per_run": plan.seconds,
            "rules": len(proxy_policy()),
            "durability": "intent",
            "loads": [Load(connections, each).report() for connections, each in runs.items()],
            "traffic": _traffic_report(traffic),
            "processes": {server.name: _process_report(server) for server in bench.servers},
        }


def _measure_round(
    bench: _Bench,
    number: int,
    runs: dict[int, dict[str, list[Run]]],
    traffic: dict[Traffic, list[Run]],
    progress: Callable[[str], None],
) -> None:
    plan, servers = bench.plan, bench.servers
    turn = number % len(servers)
    for connections in plan.connections:
        for server in servers[turn:] + servers[:turn]:
            progress(f"round {number + 1}, {connections} connections, {server.name}")
            runs[connections][server.name].append(bench.run(server, connections))
    if plan.every_traffic:
        helio = next(server for server in servers if server.name == "helio")
        for kind in TRAFFIC:
            progress(f"round {number + 1}, {kind} calls")
            traffic[kind].append(bench.run(helio, TRAFFIC_CONNECTIONS, kind))


def _traffic_report(traffic: dict[Traffic, list[Run]]) -> list[dict[str, object]]:
    return [
        {"traffic": kind, "connections": TRAFFIC_CONNECTIONS, **summary(runs)}
        for kind, runs in traffic.items()
        if runs
    ]


def _process_report(server: Server) -> dict[str, float | None]:
    return {
        "ready_ms": server.ready_ms,
        "idle_mib": server.idle_mib,
        "load_mib": server.child.peak_mib(),
    }


@contextmanager
def _started(plan: Plan, directory: Path) -> Iterator[_Bench]:
    with ExitStack() as stack:

        def start(name: str, arguments: list[str], port: int | None = None) -> Server:
            began = time.perf_counter()
            child = stack.enter_context(running(name, arguments, directory))
            is_helio = port is not None
            if port is None:
                port = int(child.read_line(READY_WITHIN))
            child.await_port(port)
            ready_ms = (time.perf_counter() - began) * 1e3
            if is_helio:
                settled_cpu(child)
            return Server(name, port, child, ready_ms, child.resident_mib(), is_helio)

        direct = start("direct", ["-m", "helio.bench.echo"])
        url = f"http://127.0.0.1:{direct.port}/mcp"
        servers = [direct, start("passthrough", ["-m", "helio.bench.passthrough", url])]
        durabilities = {"helio": "intent"}
        if plan.every_traffic:
            durabilities["helio_relaxed"] = "relaxed"
        for name, durability in durabilities.items():
            port = choose_port()
            # A directory of its own, as an installation has: Helio watches it for a saved policy.
            config = directory / name / "helio.yaml"
            config.parent.mkdir()
            config.write_text(_configuration(url, port, durability), "utf-8")
            servers.append(start(name, ["-m", "helio", "start", "-c", str(config)], port))
        generator = stack.enter_context(running("load", ["-m", "helio.bench.load"], directory))
        yield _Bench(plan, generator, servers)


def _configuration(upstream: str, port: int, durability: str) -> str:
    """helio.yaml of the Helio under test: everything at its default but what must differ."""
    document = {
        "version": "1",
        "upstream": {"url": upstream},
        "listen": {"port": port},
        "sdk": {"enabled": False},
        "dashboard": {"port": choose_port(), "api_secret": "only-for-the-benchmark-on-loopback"},
        "audit": {"durability": durability},
        "policies": {"rules": proxy_policy()},
    }
    return yaml.safe_dump(document, sort_keys=False)
