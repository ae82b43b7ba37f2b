"""Programs as upstreams, and what tests want to know of processes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from helio.upstream.child import StdioUpstream

Program = Callable[..., StdioUpstream]
"""Starts the scripted server as an upstream, with its flags and the options of the upstream."""

SERVER = Path(__file__).with_name("scripted_server.py")
"""A stdio server without any library."""


def runs(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(holds: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(0.01)
