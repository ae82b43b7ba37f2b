"""Sees to it that no child outlives Helio, not even when Helio is killed at once.

Above: `helio.upstream.child`. A warden is a small process of its own that holds the other end of a
pipe: when that closes, however Helio ended, it ends the process groups that it was told of. Well
behaved servers end by themselves then, because their stdin closes too.

This file is also the program of that process, which imports nothing of Helio.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 2.0
"""How long the groups may take to end after SIGTERM."""


class Warden:
    """The process, as Helio has it: started with the first child. Without one Helio goes on."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    async def watch(self, group: int) -> None:
        """Ends this process group when Helio ends."""
        async with self._starting:
            if self._process is None and not self._closed:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    "-S",
                    __file__,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    env={},
                    # Signals for Helio's group are not for it.
                    start_new_session=True,
                )
        self._say(b"+%d\n" % group)

    def forget(self, group: int) -> None:
        """This group has ended."""
        self._say(b"-%d\n" % group)

    async def aclose(self) -> None:
        """Ends the warden, and what it still watches with it."""
        self._closed = True
        async with self._starting:
            process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        await process.wait()

    def _say(self, order: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            process.stdin.write(order)


def _serve() -> None:
    """Takes orders until Helio is gone, then ends what is left."""
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        order, group = line[:1], int(line[1:])
        if order == b"+":
            groups.add(group)
        else:
            groups.discard(group)
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while groups and time.monotonic() < deadline:
        time.sleep(0.05)
        _signal(groups, 0)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> None:
    """Signals the groups, and forgets those that are empty."""
    for group in tuple(groups):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            groups.discard(group)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve()
