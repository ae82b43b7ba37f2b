"""Requests per second and CPU per request: Helio's upstream client beside aiohttp's, in one run.

Both send the same POST to one echo server in a process of its own (a bare asyncio protocol, so that
the server costs little), over 1 and 16 connections, on uvloop; rounds alternate; medians count.

    python benches/upstream.py [--seconds 2] [--rounds 3] [--json]
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

import aiohttp
import uvloop

from helio.upstream.http import HttpUpstream

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":%b}}' % (
    b'{"text":"' + b"x" * 600 + b'"}'
)
HEADERS = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    (b"mcp-session-id", b"4f1f6a3c0b7d4c0e9a51d2c6e3b8a7f0"),
    (b"mcp-protocol-version", b"2025-11-25"),
)
ANSWER_HEAD = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: echo\r\n"
    b"content-type: application/json\r\nmcp-session-id: 4f1f6a3c0b7d4c0e9a51d2c6e3b8a7f0\r\n"
    b"content-length: %d\r\n\r\n"
)


class Echo(asyncio.Protocol):
    """Answers every request with its own body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Some of a request came."""
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self.transport.write(ANSWER_HEAD % length + body)  # type: ignore[attr-defined]
            self.buffer = b""


def serve(pipe: Pipe) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        server.close()

    uvloop.run(run())


async def load(
    request: Callable[[], Awaitable[bytes]], workers: int, seconds: float
) -> dict[str, float]:
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def work() -> None:
        while (start := time.perf_counter()) < end:
            answer = await request()
            latencies.append(time.perf_counter() - start)
            if len(answer) != len(CALL):
                raise AssertionError("the echo is not the call")

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(workers)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    latencies.sort()
    return {
        "requests_per_second": len(latencies) / wall,
        "cpu_us": cpu / len(latencies) * 1e6,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
    }


async def helio_round(url: str, workers: int, seconds: float) -> dict[str, float]:
    upstream = HttpUpstream(url, headers={}, connect_timeout=5, request_timeout=30)

    async def request() -> bytes:
        response = await upstream.send("POST", HEADERS, CALL, timeout=30)
        return await response.read(1 << 20)

    try:
        return await load(request, workers, seconds)
    finally:
        await upstream.aclose()


async def aiohttp_round(url: str, workers: int, seconds: float) -> dict[str, float]:
    headers = {name.decode(): value.decode() for name, value in HEADERS}
    connector = aiohttp.TCPConnector(limit=256)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False
    ) as session:

        async def request() -> bytes:
            async with session.post(url, data=CALL, headers=headers) as response:
                return await response.read()

        return await load(request, workers, seconds)


def measure(url: str, seconds: float, rounds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for workers in (1, 16):
        results: dict[str, list[dict[str, float]]] = {"helio": [], "aiohttp": []}
        for _ in range(rounds):
            results["helio"].append(uvloop.run(helio_round(url, workers, seconds)))
            results["aiohttp"].append(uvloop.run(aiohttp_round(url, workers, seconds)))
        for client, runs in results.items():
            medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            rows.append({"client": client, "connections": workers, **medians})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    server.start()
    try:
        rows = measure(f"http://127.0.0.1:{ours.recv()}/mcp", options.seconds, options.rounds)
    finally:
        ours.send("stop")
        server.join()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        f"{'client':10}{'connections':>12}{'requests/s':>12}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}"
    )
    for row in rows:
        print(
            f"{row['client']:10}{row['connections']:>12}{row['requests_per_second']:>12.0f}"
            f"{row['cpu_us']:>9.1f}{row['p50_ms']:>9.3f}{row['p99_ms']:>9.3f}"
        )


if __name__ == "__main__":
    main()
