"""A child process that speaks on its pipes: one message a line on stdin and stdout, its log on
stderr.

Above: `helio.upstream.child`, which decides how many there are. Below: `helio.upstream.line` and
asyncio. It is a `helio.upstream.line.Line` (2025-11-25, Transports, stdio). The child leads a
process group of its own, and is ended with all of it.
"""

import asyncio
import logging
import os
import shutil
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.upstream.line import LineCutter, on_one_line

EXIT_SECONDS: Final = 2.0
"""How long a child may take to end after its stdin was closed, and again after SIGTERM."""
LAST_WORDS_SECONDS: Final = 0.5
"""How long its stdout is still read after the process ended: others may hold it open."""
QUEUE_LIMIT: Final = 256 * 1024
"""Bytes of messages that wait to be taken before the child's stdout is not read any more."""

logger = logging.getLogger(__name__)

_STDOUT: Final = 1
PASSED: Final = frozenset(
    ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
)


@dataclass(frozen=True, slots=True)
class Command:
    """What is run. `env` is added to a safe base of Helio's own environment; its values may be
    secret and are left out of the representation.
    """

    command: str
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None

    def environment(self) -> dict[str, str]:
        """The child's environment: nothing of Helio's own but what programs need to run at all."""
        base = {
            name: value
            for name, value in os.environ.items()
            if name in PASSED or name.startswith("LC_")
        }
        return base | dict(self.env)

    def program(self, environment: Mapping[str, str]) -> str:
        """The file to run, as the child's `PATH` has it. Raises `UpstreamFailed`."""
        if self.cwd is not None and not self.cwd.is_dir():
            raise _not_started(f"its directory {str(self.cwd)!r} does not exist")
        command = self.command
        if os.sep in command and not Path(command).is_absolute():
            command = str((self.cwd or Path.cwd()) / command)
        found = shutil.which(command, path=environment.get("PATH", os.defpath))
        if found is None:
            raise _not_started(f"no program {self.command!r} is found")
        return found


class ChildProcess(asyncio.SubprocessProtocol):
    """One running child. Make it with `start`."""

    gives_receipts = False

    def __init__(
        self,
        stderr: Callable[[bytes], None],
        on_served: Callable[[], None],
        on_end: Callable[["ChildProcess"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stderr = stderr
        self._on_served = on_served
        self._on_end = on_end
        self._cutter = LineCutter()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._failure: UpstreamFailed | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._exited = asyncio.Event()
        self._paused = False
        self._closing: asyncio.Task[None] | None = None
        self.served = False
        """Whether it has said anything that looks like a message."""

    @classmethod
    async def start(
        cls,
        command: Command,
        stderr: Callable[[bytes], None],
        on_served: Callable[[], None],
        on_end: Callable[["ChildProcess"], None],
    ) -> "ChildProcess":
        """Runs the command. `stderr` gets what it writes there, `on_served` is called at its first
        message, `on_end` when it has ended. Raises `UpstreamFailed`.
        """
        environment = command.environment()
        program = command.program(environment)
        loop = asyncio.get_running_loop()
        try:
            _, child = await loop.subprocess_exec(
                lambda: cls(stderr, on_served, on_end),
                program,
                *command.args,
                env=environment,
                cwd=None if command.cwd is None else str(command.cwd),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise _not_started(f"{command.command!r} cannot be run: {why or error}") from None
        return child

    @property
    def ended_here(self) -> bool:
        """Whether it was Helio that ended it."""
        return self._closing is not None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self.pid: int = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote something."""
        if fd != _STDOUT:
            self._stderr(data)
            return
        if self._failure is not None:
            return
        try:
            lines = self._cutter.feed(data)
        except UpstreamFailed as failure:
            self._fail(failure)
            return
        if not lines:
            return
        if not self.served and lines[0].startswith(b"{"):
            self.served = True
            self._on_served()
        self._queue.extend(lines)
        self._queued += sum(map(len, lines))
        if self._queued > QUEUE_LIMIT and not self._paused:
            self._paused = True
            self._output().pause_reading()
        self._changed.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed one of its ends."""
        if fd == _STDOUT:
            # How the process ended says more than that its stdout did: give it a moment.
            self._loop.call_later(LAST_WORDS_SECONDS, self._fail_as_ended)
            if self._exited.is_set():
                self._fail_as_ended()

    def process_exited(self) -> None:
        """It ended."""
        self._on_end(self)
        self._exited.set()
        self._writable.set()
        self._loop.call_later(LAST_WORDS_SECONDS, self._fail_as_ended)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended, and all its pipes are closed."""
        self._fail_as_ended()

    def pause_writing(self) -> None:
        """It does not read what was written."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable.set()

    # The line.

    async def send(
        self,
        message: bytes,
        headers: Sequence[Header],
        timeout: float | None,  # noqa: ASYNC109 - for the child to read what was written before
    ) -> None:
        """See `helio.upstream.line.Line`. A message is written whole or not at all."""
        try:
            async with asyncio.timeout(timeout):
                while not self._writable.is_set():
                    await self._writable.wait()
        except TimeoutError:
            detail = f"the process did not read its stdin within {timeout} s"
            raise UpstreamFailed("timeout", sent=False, detail=detail) from None
        pipe = self._input()
        if self._failure is not None or self._exited.is_set() or pipe is None:
            detail = "the process has ended" if self._failure is None else self._failure.detail
            raise UpstreamFailed("closed", sent=False, detail=detail)
        pipe.writelines((on_one_line(message), b"\n"))

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """See `helio.upstream.line.Line`."""
        while True:
            while self._queue:
                # Without a name of its own here, a large message is not kept longer than needed.
                yield self._taken()
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()

    def _taken(self) -> bytes:
        message = self._queue.popleft()
        self._queued -= len(message)
        if self._paused and self._queued <= QUEUE_LIMIT // 2:
            self._paused = False
            output = self._output()
            if not output.is_closing():
                output.resume_reading()
        return message

    async def aclose(self) -> None:
        """See `helio.upstream.line.Line`: closes stdin, then SIGTERM, then SIGKILL to the group.

        Ends whole even when the caller is cancelled.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._end())
        await asyncio.shield(self._closing)

    async def _end(self) -> None:
        try:
            pipe = self._input()
            if pipe is not None:
                pipe.close()
            if not await self._exits_within(EXIT_SECONDS):
                self._signal(signal.SIGTERM)
                await self._exits_within(EXIT_SECONDS)
        finally:
            # Whatever is left of the group, also when its leader went in good order.
            self._signal(signal.SIGKILL)
            self._fail(UpstreamFailed("closed", sent=True, detail="the process was ended"))
        if not await self._exits_within(EXIT_SECONDS):
            logger.error("process %d cannot be ended", self.pid)
        self._transport.close()

    async def _exits_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # The group is empty.
            return

    def _fail_as_ended(self) -> None:
        if self._failure is not None:
            return
        if self._paused:
            # What it wrote before it ended is still there to be read.
            self._loop.call_later(LAST_WORDS_SECONDS, self._fail_as_ended)
            return
        code = self._transport.get_returncode()
        if code is None:
            detail = "the process closed its stdout"
        elif code < 0:
            detail = f"the process was ended by {_signal_name(-code)}"
        else:
            detail = f"the process ended with exit code {code}"
        self._fail(UpstreamFailed("closed", sent=True, detail=detail))

    def _fail(self, failure: UpstreamFailed) -> None:
        if self._failure is None:
            self._failure = failure
        self._changed.set()
        self._writable.set()

    def _input(self) -> asyncio.WriteTransport | None:
        pipe = cast(asyncio.WriteTransport | None, self._transport.get_pipe_transport(0))
        return None if pipe is None or pipe.is_closing() else pipe

    def _output(self) -> asyncio.ReadTransport:
        return cast(asyncio.ReadTransport, self._transport.get_pipe_transport(_STDOUT))


def _not_started(why: str) -> UpstreamFailed:
    return UpstreamFailed("connect_failed", sent=False, detail=f"the process did not start: {why}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
