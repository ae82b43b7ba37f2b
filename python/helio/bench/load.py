"""The agents' side of the benchmark: a closed loop of calls over kept connections.

    python -m helio.bench.load

Above: `helio.bench.proxy`. Below: `httptools`. Each line of stdin is an order, `{"port",
"connections", "seconds", "warm_up", "traffic"}`; each gets one line on stdout, `{"requests",
"seconds", "calls", "p50_ms", "p99_ms"}` (`requests` of the measured seconds, `calls` with the
warm-up), or `{"failed"}`. Every answer is looked at: a wrong one fails the run.
"""

import asyncio
import gc
import http.client
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import httptools
import orjson
import uvloop

from helio.bench.figures import Latency
from helio.bench.load_profile import Traffic, bodies, mark
from helio.bench.processes import LOOPBACK

REVISION = "2025-11-25"
ANSWER_WITHIN = 10.0
"""Seconds that the last answers of a run may take."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run: how many connections, for how long after how much warm-up (seconds), with what."""

    port: int
    connections: int
    seconds: float
    warm_up: float
    traffic: Traffic


class WrongAnswer(Exception):
    """The server answered what it must not, or not at all. The text says what."""


class Run:
    """The connections of one order, what they send and how long each answer took."""

    def __init__(self, order: Order, requests: list[bytes]) -> None:
        self.order = order
        self.latencies: list[int] = []
        self.calls = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._mark = mark(order.traffic)
        self._measuring = False
        self._ending = False
        self._busy = 0

    def begin(self) -> None:
        """From now on latencies count."""
        self._measuring = True

    def finish(self) -> None:
        """From now on nothing is sent, and what comes no longer counts."""
        self._measuring = False
        self._ending = True

    def next_request(self) -> bytes | None:
        """The bytes of another call; None when the run ends."""
        if self._ending:
            return None
        self._busy += 1
        self.calls += 1
        return self._requests[self.calls % len(self._requests)]

    def answered(self, status: int, body: bytes, nanoseconds: int) -> None:
        """An answer is whole."""
        self._busy -= 1
        if self._measuring:
            self.latencies.append(nanoseconds)
        if status != 200 or self._mark not in body:
            self.fail(f"HTTP {status}: {body[:400].decode('utf-8', 'replace')}")
        elif self._ending and not self._busy and not self.done.done():
            self.done.set_result(None)

    def fail(self, what: str) -> None:
        """The run is void."""
        if not self.done.done():
            self.done.set_exception(WrongAnswer(what))


class Agent(asyncio.Protocol):
    """One connection: sends a call, waits for its answer, sends the next."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio; before the end of the run it is a failure."""
        self._run.fail(f"the server closed a connection: {error}")

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Called by the parser: an answer is whole."""
        taken = time.perf_counter_ns() - self._sent
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._run.answered(self._parser.get_status_code(), body, taken)
        self._send()

    def _send(self) -> None:
        request = self._run.next_request()
        if request is not None:
            self._sent = time.perf_counter_ns()
            self.transport.write(request)


def open_session(port: int) -> bytes:
    """Makes MCP's handshake and returns the session's id, empty when the server gave none."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_WITHIN)
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    params = {
        "protocolVersion": REVISION,
        "capabilities": {},
        "clientInfo": {"name": "load", "version": "1"},
    }
    first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    connection.request("POST", "/mcp", orjson.dumps(first), headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise WrongAnswer(f"initialize: HTTP {answer.status} {answer.read()[:400]!r}")
    answer.read()
    session = answer.getheader("mcp-session-id", "")
    headers |= {"mcp-protocol-version": REVISION} | ({"mcp-session-id": session} if session else {})
    second = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    connection.request("POST", "/mcp", orjson.dumps(second), headers)
    accepted = connection.getresponse()
    accepted.read()
    if accepted.status != 202:
        raise WrongAnswer(f"notifications/initialized: HTTP {accepted.status}")
    connection.close()
    return session.encode()


def http_requests(port: int, session: bytes, calls: list[bytes]) -> list[bytes]:
    """The calls as whole HTTP requests."""
    head = (
        b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
        b"accept: application/json, text/event-stream\r\nmcp-protocol-version: %b\r\n"
        b"mcp-session-id: %b\r\ncontent-length: " % (port, REVISION.encode(), session)
    )
    return [b"%b%d\r\n\r\n%b" % (head, len(call), call) for call in calls]


async def carry_out(order: Order, requests: list[bytes]) -> dict[str, float]:
    """One run. Raises `WrongAnswer`, `OSError`, `TimeoutError`."""
    loop = asyncio.get_running_loop()
    run = Run(order, requests)
    agents = [
        (await loop.create_connection(lambda: Agent(run), LOOPBACK, order.port))[1]
        for _ in range(order.connections)
    ]
    await _unless_failed(run, order.warm_up)
    run.begin()
    started = time.perf_counter()
    await _unless_failed(run, order.seconds)
    run.finish()
    seconds = time.perf_counter() - started
    async with asyncio.timeout(ANSWER_WITHIN):
        await run.done
    for agent in agents:
        agent.transport.close()
    if not run.latencies:
        raise WrongAnswer("no answer came in the measured time")
    latency = asdict(Latency.of(run.latencies))
    return {"requests": len(run.latencies), "seconds": seconds, "calls": run.calls, **latency}


async def _unless_failed(run: Run, seconds: float) -> None:
    """Lets the run go on for some seconds; raises at once what it fails with."""
    await asyncio.wait([run.done], timeout=seconds)
    if run.done.done():
        run.done.result()


def main() -> None:
    """Carries out orders until the end of stdin."""
    prepared: dict[Traffic, list[bytes]] = {}
    for line in sys.stdin.buffer:
        order = Order(**orjson.loads(line))
        if order.traffic not in prepared:
            prepared[order.traffic] = bodies(order.traffic)
        gc.collect()
        gc.disable()
        try:
            session = open_session(order.port)
            requests = http_requests(order.port, session, prepared[order.traffic])
            result: dict[str, object] = {**uvloop.run(carry_out(order, requests))}
        except (WrongAnswer, OSError, TimeoutError, http.client.HTTPException) as error:
            result = {"failed": f"{type(error).__name__}: {error}"}
        gc.enable()
        sys.stdout.buffer.write(orjson.dumps(result) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
