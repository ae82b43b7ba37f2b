"""What Slack sends: whether it comes from Slack, and what a person did.

Above: `slack_actions`. Below: `slack_sdk.signature`. Pure but for the clock that it is given.
Reference: "Verifying requests from Slack", "Interaction payloads".
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from slack_sdk.signature import Clock, SignatureVerifier

from helio.approvals.channels.slack_messages import APPROVE, DENY, REASON, visible

WINDOW_SECONDS: Final = 300
"""How old, or how far ahead, the time of a signature may be (the verifier's own)."""
MOST_SIGNATURES: Final = 100_000
"""Signatures that are remembered: far more than people click in five minutes."""
_MOST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something. `id` is the member's, `name` what Slack calls them."""

    id: str
    name: str

    @property
    def label(self) -> str:
        """How the audit names them."""
        return f"slack:{self.id} ({visible(self.name[:_MOST_NAME])})"


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button of a message. `trigger` opens a dialog, within three seconds."""

    person: Person
    ticket_id: str
    approves: bool
    place: str
    ts: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A dialog that was sent. `channel` is Helio's, `text` None for nothing said."""

    person: Person
    ticket_id: str
    channel: str
    text: str | None


class Unreadable(Exception):
    """A request that is signed, and not what Helio asked for. The text says why."""


class Verifier:
    """Whether requests are signed with one app's secret. `now` gives seconds since 1970."""

    def __init__(self, signing_secret: str, now: Callable[[], float]) -> None:
        self._verifier = SignatureVerifier(signing_secret, _Clock(now))

    def signed(self, timestamp: str, signature: str, body: bytes) -> bool:
        """Whether the signature is of this body, and of the last five minutes."""
        whole = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16
        if not (whole and signature.isascii() and _is_text(body)):
            return False
        return self._verifier.is_valid(body, timestamp, signature)


class _Clock(Clock):
    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    def now(self) -> float:
        return self._read()


class SeenOnce:
    """Remembers the signatures of the last minutes. `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seen: dict[str, float] = {}

    @property
    def full(self) -> bool:
        """Whether no further one could be remembered, so that none may be accepted."""
        self._forget()
        return len(self._seen) >= MOST_SIGNATURES

    def first(self, signature: str) -> bool:
        """Whether this one comes for the first time; from now on it does not."""
        self._forget()
        if signature in self._seen:
            return False
        # A time that is ahead by the whole window counts until the window has passed twice.
        self._seen[signature] = self._now() + 2 * WINDOW_SECONDS
        return True

    def _forget(self) -> None:
        now = self._now()
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] > now:
                return
            del self._seen[oldest]


def read(body: bytes) -> Click | Reason | None:
    """What a person did; None for what needs no answer. Raises `Unreadable`."""
    try:
        (text,) = parse_qs(body.decode(), strict_parsing=True, max_num_fields=8)["payload"]
        payload = json.loads(text)
        match payload["type"]:
            case "block_actions":
                return _click(payload)
            case "view_submission" if payload["view"]["callback_id"] == REASON:
                return _reason(payload)
            case _:
                return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__} in the payload") from None


def _click(payload: dict[str, Any]) -> Click | None:
    (action,) = payload["actions"]
    if action["action_id"] not in (APPROVE, DENY):
        return None
    container = payload["container"]
    return Click(
        _person(payload),
        _text(action["value"]),
        action["action_id"] == APPROVE,
        _text(container["channel_id"]),
        _text(container["message_ts"]),
        _text(payload["trigger_id"]),
    )


def _reason(payload: dict[str, Any]) -> Reason:
    view = payload["view"]
    meant = json.loads(view["private_metadata"])
    said = view["state"]["values"][REASON][REASON]["value"]
    text = None if said is None else _text(said).strip()
    return Reason(_person(payload), _text(meant["ticket"]), _text(meant["channel"]), text or None)


def _person(payload: dict[str, Any]) -> Person:
    user = payload["user"]
    identifier = _text(user["id"])
    return Person(identifier, _text(user.get("name") or user.get("username") or identifier))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
