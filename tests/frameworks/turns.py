"""Turns that a framework's agent takes, a line of JSON each: `{"tool", "arguments"}` comes in, and
out goes what the framework gives back to its model: `{"told", "error"}`.

For the programs beside this one, which run in environments of their own. `error` is whether the
framework marks the result as one, None where it has no such mark. The first line out says what the
tools are called.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

Told = tuple[str, bool | None]
URL = sys.argv[1]
HEADERS = {"x-helio-session-id": sys.argv[2]} if sys.argv[2] else {}
"""Who has no session of its own, or many, says by this header which one is meant."""


def say(value: Any) -> None:
    """One line out."""
    print(json.dumps(value), flush=True)


def turns() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each call that is asked for."""
    for line in sys.stdin:
        asked = json.loads(line)
        yield asked["tool"], asked["arguments"]


async def take(
    tools: Iterable[str], invoke: Callable[[str, dict[str, Any]], Awaitable[Told]]
) -> None:
    """Takes turns until standard input ends, and lets the framework's own tasks run meanwhile."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()

    def read() -> None:
        for turn in turns():
            loop.call_soon_threadsafe(asked.put_nowait, turn)
        loop.call_soon_threadsafe(asked.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    say({"tools": list(tools)})
    while (turn := await asked.get()) is not None:
        told, error = await invoke(*turn)
        say({"told": told, "error": error})
