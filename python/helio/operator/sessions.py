"""Who is signed in: operators' browsers, by a cookie.

Above: `helio.operator.access`. Below: nothing. Sessions live in memory and end with the process. Of
a cookie only a hash is kept.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

LIFETIME_SECONDS: Final = 12 * 3600.0
"""How long a session lasts, used or not."""
_MOST: Final = 1000
"""Sessions at a time. Only who knows the secret opens one: the oldest makes room."""


class SignedIn(NamedTuple):
    """One session: the token that every change must carry, and how many seconds are left."""

    csrf_token: str
    seconds_left: float


class OperatorSessions:
    """All of them. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._watched: dict[bytes, set[Callable[[], None]]] = {}

    def open(self) -> tuple[str, SignedIn]:
        """A new session, with the value of its cookie."""
        cookie, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._sessions[_key(cookie)] = csrf_token, self._clock() + LIFETIME_SECONDS
        while len(self._sessions) > _MOST:
            oldest, _ = self._sessions.popitem(last=False)
            self._over(oldest)
        return cookie, SignedIn(csrf_token, LIFETIME_SECONDS)

    def find(self, cookie: str) -> SignedIn | None:
        """The session of a cookie; None when there is none, or it is over."""
        key = _key(cookie)
        found = self._sessions.get(key)
        if found is None:
            return None
        csrf_token, end = found
        left = end - self._clock()
        if left <= 0:
            del self._sessions[key]
            self._over(key)
            return None
        return SignedIn(csrf_token, left)

    def close(self, cookie: str) -> None:
        """Ends the session of a cookie, if there is one."""
        key = _key(cookie)
        self._sessions.pop(key, None)
        self._over(key)

    def watch(self, cookie: str, over: Callable[[], None]) -> Callable[[], None]:
        """Calls `over` when the session of a cookie is ended, until what is given back is called.
        One whose time is over is ended when it is next looked for (`find`)."""
        key = _key(cookie)
        self._watched.setdefault(key, set()).add(over)

        def leave() -> None:
            watchers = self._watched.get(key, set())
            watchers.discard(over)
            if not watchers:
                self._watched.pop(key, None)

        return leave

    def _over(self, key: bytes) -> None:
        for over in tuple(self._watched.get(key, ())):
            over()


def _key(cookie: str) -> bytes:
    # Looked up by its hash: how long that takes tells nothing about the cookies that there are.
    return sha256(cookie.encode(errors="surrogateescape")).digest()
