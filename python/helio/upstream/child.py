"""An upstream that is a program: children that speak MCP on stdin and stdout.

Above: `helio.upstream.build`. Below: the ports for sessions on lines of their own
(`helio.upstream.duplex`) and on shared ones (`helio.upstream.shared`), and the processes
(`helio.upstream.process`). It is a `helio.upstream.port.Port` for all revisions.
"""

import asyncio
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.protocol.revisions import LEGACY
from helio.upstream.backoff import Backoff
from helio.upstream.duplex import VERSION_HEADER, DuplexPort
from helio.upstream.line import Line
from helio.upstream.made import StreamResponse, WholeResponse, find
from helio.upstream.process import ChildProcess, Command
from helio.upstream.shared import ModernPort, SharedPort
from helio.upstream.warden import Warden

LOG_LINE_LIMIT: Final = 4096
"""Characters of one line of a child's stderr that are logged."""

Processes = Literal["per_session", "shared"]

_HIDDEN: Final = "********"
_SHORTEST_SECRET: Final = 4
_UNPRINTABLE: Final = re.compile(r"[^\t\x20-\x7e\xa0-\U0010ffff]")


class StdioUpstream:
    """The program `command` with its children.

    Legacy revisions: `per_session` gives every session a child of its own, at most `max_processes`
    at a time; `shared` has one for all. Requests of 2026-07-28 have one of their own, which they
    share. Children without use for `idle_timeout` seconds are ended. `patience`: how many seconds a
    request waits for a child that failed to be started again.
    """

    def __init__(
        self,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        name: str,
        processes: Processes = "per_session",
        max_processes: int = 64,
        idle_timeout: float = 1800.0,
        patience: float = 10.0,
    ) -> None:
        self._command = Command(command, tuple(args), dict(env or {}), cwd)
        self._log = logging.getLogger(f"helio.upstream.{name}")
        self._patience = patience
        self._children: set[ChildProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._warden = Warden()
        legacy, modern = Backoff(), Backoff()
        self._legacy: DuplexPort | SharedPort
        if processes == "shared":
            self._legacy = SharedPort(
                lambda: self._start(legacy, shared=True), idle_timeout=idle_timeout
            )
        else:
            self._legacy = DuplexPort(
                lambda _: self._start(legacy, shared=False),
                max_sessions=max_processes,
                idle_timeout=idle_timeout,
            )
        self._modern = ModernPort(
            lambda: self._start(modern, shared=True), idle_timeout=idle_timeout
        )

    @property
    def children(self) -> int:
        """How many children run."""
        return len(self._children)

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between messages, not around the call
    ) -> StreamResponse | WholeResponse:
        """See `helio.upstream.port.Port`."""
        version = find(headers, VERSION_HEADER)
        legacy = version is None or version.decode("latin-1") in LEGACY
        port = self._legacy if legacy else self._modern
        return await port.send(method, headers, body, path_suffix=path_suffix, timeout=timeout)

    async def aclose(self) -> None:
        """See `helio.upstream.port.Port`: no child, nor a process that one left behind, stays."""
        await asyncio.gather(self._legacy.aclose(), self._modern.aclose())
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._warden.aclose()

    async def _start(self, backoff: Backoff, *, shared: bool) -> Line:
        await backoff.ready(self._patience)
        # A start that nobody waits for any more runs to its end: half a child cannot be ended.
        starting = asyncio.create_task(self._started(backoff, shared=shared))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            task = asyncio.create_task(self._unwanted(starting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            raise

    async def _unwanted(self, starting: asyncio.Task[ChildProcess]) -> None:
        try:
            child = await starting
        except UpstreamFailed as failure:
            self._log.info("a start that was given up failed: %s", failure)
        else:
            await child.aclose()

    async def _started(self, backoff: Backoff, *, shared: bool) -> ChildProcess:
        log = ErrorLog(self._log, self._command.env.values())

        def ended(child: ChildProcess) -> None:
            self._children.discard(child)
            self._warden.forget(child.pid)
            log.end()
            # One session's child that served and then ended is not held against the next one's.
            if not child.ended_here and (shared or not child.served):
                backoff.failed(after_service=child.served)

        try:
            child = await ChildProcess.start(self._command, log.feed, backoff.served, ended)
        except BaseException:
            backoff.failed(after_service=False)
            raise
        self._children.add(child)
        try:
            await self._warden.watch(child.pid)
        except OSError as error:
            self._log.warning("nothing ends this process should Helio be killed: %s", error)
        return child


class ErrorLog:
    """Logs what a child writes to its stderr, line by line.

    Lines are cut at `LOG_LINE_LIMIT`, what could forge another line is replaced, and `secrets` are
    hidden: the child knows them, the log must not.
    """

    def __init__(self, log: logging.Logger, secrets: Collection[str]) -> None:
        self._log = log
        # A secret of several lines, such as a key, comes here line by line.
        lines = {line.strip() for secret in secrets for line in (secret, *secret.splitlines())}
        self._secrets = sorted(
            (line for line in lines if len(line) >= _SHORTEST_SECRET), key=len, reverse=True
        )
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        *complete, rest = (self._rest + data).split(b"\n")
        for line in complete:
            if self._skipping:
                self._skipping = False
            else:
                self._write(line)
        if self._skipping:
            rest = b""
        elif len(rest) > 4 * LOG_LINE_LIMIT:
            self._write(rest)
            self._skipping, rest = True, b""
        self._rest = rest

    def end(self) -> None:
        """Nothing more comes."""
        if self._rest:
            self._write(self._rest)
            self._rest = b""

    def _write(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
        if len(text) > LOG_LINE_LIMIT:
            text = text[:LOG_LINE_LIMIT] + "…"
        if text:
            self._log.info("%s", text)
