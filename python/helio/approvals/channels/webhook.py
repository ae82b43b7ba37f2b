"""A webhook: what is asked, and what became of it, goes to a URL as signed JSON.

Above: `helio.app`. Below: `dialling`, `attempts`. People answer through the operator API. What is
sent is the ticket as that API shows it. A receiver checks the signature and its time, and knows by
the event's id what it had already; docs/approvals.md shows how.
"""

import hmac
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import aiohttp
import orjson

from helio.approvals.channels.attempts import Attempts, Setback
from helio.approvals.channels.dialling import dialling, retry_after, told
from helio.config.addresses import Network
from helio.errors import NotificationFailed
from helio.governance.feedback import instant
from helio.governance.ticket import Occasion, Ticket

_PASSING: Final = frozenset({408, 425, 429})
"""Statuses that may be other ones later, as all from 500 on."""


class WebhookChannel:
    """See `helio.approvals.channels.port.Channel`. `now` gives nanoseconds since 1970."""

    kind: Final = "webhook"

    def __init__(
        self,
        name: str,
        url: str,
        secret: str,
        *,
        allow_private: Collection[Network] = (),
        attempts: Attempts | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name: Final = name
        self._url = url
        self._secret = secret.encode()
        self._session = dialling(url, allow_private)
        self._attempts = attempts or Attempts()
        self._now = now

    async def notify(self, ticket: Ticket, occasion: Occasion) -> Mapping[str, object]:
        """See `helio.approvals.channels.port.Channel`. The receipt says, by the occasion, how the
        receiver answered, after how many attempts, and when."""
        status, attempts = await self._send(occasion, ticket)
        delivery = {"status": status, "attempts": attempts, "at": instant(self._now())}
        return {**ticket.receipts.get(self.name, {}), occasion: delivery}

    async def resolved(self, ticket: Ticket) -> None:
        """See `helio.approvals.channels.port.Channel`."""
        await self._send("resolved", ticket)

    async def aclose(self) -> None:
        """See `helio.approvals.channels.port.Channel`."""
        await self._session.close()

    async def _send(self, occasion: Occasion, ticket: Ticket) -> tuple[int, int]:
        """Status and number of attempts. Raises `NotificationFailed`."""
        event = f"approval_{occasion}"
        body = orjson.dumps({"event": event, "ticket": ticket.as_object()})
        identifier = f"{ticket.id}.{event}"

        async def attempt() -> int:
            return await self._post(body, identifier)

        return await self._attempts.of(attempt)

    async def _post(self, body: bytes, identifier: str) -> int:
        timestamp = str(self._now() // 1_000_000_000)
        headers = {
            "content-type": "application/json",
            "user-agent": "helio",
            "x-helio-event-id": identifier,
            "x-helio-timestamp": timestamp,
            "x-helio-signature": signature(self._secret, timestamp, body),
        }
        post = self._session.post
        with told():
            async with post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return _accepted(answer)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """`x-helio-signature`: HMAC-SHA256 over the timestamp, a full stop, and the body as sent."""
    digest = hmac.digest(secret, timestamp.encode() + b"." + body, "sha256")
    return f"sha256={digest.hex()}"


def _accepted(answer: aiohttp.ClientResponse) -> int:
    """The status of an answer that says it was taken; its body is not read. Raises `Setback` or
    `NotificationFailed` for any other."""
    status = answer.status
    if 200 <= status < 300:
        return status
    if status in _PASSING or status >= 500:
        raise Setback(f"answered {status}", retry_after(answer.headers.get("retry-after")))
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    raise NotificationFailed(f"answered {status}{redirect}")
