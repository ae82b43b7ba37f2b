"""The legacy sessions that Helio holds at one upstream, by who shares them.

Above: `helio.upstream.bridge.modern_agent`. Below: the sessions.
"""

import asyncio
from typing import Final

from helio.errors import UpstreamFailed
from helio.protocol.headers import Header
from helio.protocol.jsonrpc import INTERNAL_ERROR, error_answer
from helio.upstream.bridge.envelope import Envelope
from helio.upstream.bridge.held_session import HeldSession
from helio.upstream.messages import Asked
from helio.upstream.port import Port

MAX_SESSIONS: Final = 1000
IDLE_SECONDS: Final = 300.0

Key = tuple[tuple[Header, ...], bytes, bytes | None]
"""Who shares a session: the caller's headers, its capabilities, and its name (raw JSON)."""


class NoSession(Exception):
    """There is no session to ask in; `answer` is what came in place of one."""

    def __init__(self, answer: Asked) -> None:
        super().__init__("there is no session")
        self.answer = answer


class SessionTable:
    """Opens a session when it is first needed, once for all who ask at the same time.

    One that nobody uses ends after `idle_seconds`, or when its place is needed. When all of
    `max_sessions` are in use there is none: `NoSession` with HTTP 503.
    """

    def __init__(
        self, port: Port, *, revision: str, max_sessions: int, idle_seconds: float
    ) -> None:
        self._port = port
        self._revision = revision
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._sessions: dict[Key, asyncio.Task[HeldSession]] = {}
        self._used: dict[Key, float] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    async def session(self, key: Key, envelope: Envelope) -> HeldSession:
        """The session for `key`. Raises `NoSession` and `UpstreamFailed`, never as `sent`: what
        was to be asked in it was not."""
        task = self._sessions.get(key)
        if task is None:
            self._make_room()
            task = asyncio.create_task(self._open(key, envelope))
            task.add_done_callback(_retrieve)
            self._sessions[key] = task
            self._watch(key, self._idle_seconds)
        self._used[key] = asyncio.get_running_loop().time()
        try:
            return await asyncio.shield(task)
        except UpstreamFailed as failure:
            raise UpstreamFailed(failure.reason, sent=False, detail=failure.detail) from None

    async def aclose(self) -> None:
        """Ends every session."""
        for key in tuple(self._sessions):
            self._end(key)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _open(self, key: Key, envelope: Envelope) -> HeldSession:
        task = asyncio.current_task()
        session = HeldSession(
            self._port,
            key[0],
            envelope,
            revision=self._revision,
            on_dead=lambda dead: self._drop(key, task),
        )
        try:
            refused = await session.open()
        except BaseException:
            self._drop(key, task)
            await session.end()
            raise
        if refused is not None:
            self._drop(key, task)
            raise NoSession(refused)
        return session

    def _drop(self, key: Key, task: object) -> None:
        """Forgets a session, unless another one has taken its place."""
        if self._sessions.get(key) is task:
            del self._sessions[key]
            del self._used[key]
            self._timers.pop(key).cancel()

    def _make_room(self) -> None:
        if len(self._sessions) < self._max_sessions:
            return
        for key in sorted(self._sessions, key=self._used.__getitem__):
            if not self._in_use(key):
                self._end(key)
                return
        body = error_answer(None, INTERNAL_ERROR, "Too many sessions are open at the upstream.")
        raise NoSession(Asked(503, ((b"retry-after", b"5"),), body))

    def _watch(self, key: Key, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(seconds, self._inspect, key)

    def _inspect(self, key: Key) -> None:
        idle = asyncio.get_running_loop().time() - self._used[key]
        if self._in_use(key):
            self._watch(key, self._idle_seconds)
        elif idle < self._idle_seconds:
            self._watch(key, self._idle_seconds - idle)
        else:
            self._end(key)

    def _in_use(self, key: Key) -> bool:
        task = self._sessions[key]
        return not task.done() or task.result().users > 0

    def _end(self, key: Key) -> None:
        task = self._sessions[key]
        self._drop(key, task)
        if task.done():
            ending = asyncio.create_task(task.result().end())
        else:
            task.cancel()
            ending = asyncio.create_task(_ended(task))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


async def _ended(task: asyncio.Task[HeldSession]) -> None:
    await asyncio.wait({task})


def _retrieve(task: asyncio.Task[HeldSession]) -> None:
    """Looks at a failure that those who wait get, also when none of them waits any more."""
    if not task.cancelled():
        task.exception()
