"""What the benchmark's own servers have in common: a port, and an end.

Above: `helio.bench.echo`, `helio.bench.passthrough`. Such a server prints its port as the first
line of its stdout and ends with its stdin, so that it never outlives the benchmark.
"""

import asyncio
import os
import signal
import sys


def announce(port: int) -> None:
    """Prints the port for the process that started this one."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def end_of_input() -> None:
    """Returns at the end of stdin, or at SIGTERM."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), readable)
    await ended.wait()
