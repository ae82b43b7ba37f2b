"""`/api/approvals`: tickets that wait for people, and what people say about them.

Above: `helio.app`. Below: `access` (who asks), `body`, `helio.approvals.broker`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from aiohttp import web

from helio.approvals.broker import Broker
from helio.errors import AlreadyResolved, JournalUnavailable, UnknownTicket
from helio.governance.ticket import PENDING, State, Ticket
from helio.operator.access import OPERATOR, Access
from helio.operator.answers import json_answer, json_bytes, listed
from helio.operator.asked import known, number, once
from helio.operator.body import name_of, optional_text, read_object, text_of
from helio.operator.faults import Refused

TICKETS: Final = "/api/approvals"
STATUSES: Final = ("pending", *(state.value for state in State if state not in PENDING))
"""What a ticket's status may be."""

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000


class ApprovalsView:
    """Shows the tickets of a broker, and resolves them."""

    def __init__(self, broker: Broker, access: Access) -> None:
        self._broker = broker
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        ticket = TICKETS + "/{id}"
        return [
            web.get(TICKETS, self._list),
            web.get(ticket, self._one),
            web.post(f"{ticket}/approve", self._approve),
            web.post(f"{ticket}/deny", self._deny),
            web.post(f"{ticket}/break-glass", self._break_glass),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        """`{"data": […], "total", "limit", "offset"}`, newest first; `status` filters."""
        query = once(request.query)
        known(query, {"limit", "offset", "status"})
        status = query.get("status")
        if status is not None and status not in STATUSES:
            raise Refused(400, f"status: {status!r} is none; there are {', '.join(STATUSES)}")
        limit = min(number(query, "limit", _PAGE), _LONGEST_PAGE)
        offset = number(query, "offset", 0)
        found = self._broker.tickets(status)[::-1]
        shown = found[offset : offset + limit]
        beside = {"total": len(found), "limit": limit, "offset": offset}
        # Inputs may be long: they are written in a thread, one ticket at a time.
        rows = (orjson.dumps(ticket.as_object()) for ticket in shown)
        return json_bytes(await asyncio.to_thread(listed, rows, beside))

    async def _one(self, request: web.Request) -> web.Response:
        """`{"data": ticket}`."""
        try:
            ticket = self._broker.get(request.match_info["id"])
        except UnknownTicket as error:
            raise _unknown(error) from error
        return json_answer({"data": ticket.as_object()})

    async def _approve(self, request: web.Request) -> web.Response:
        body = await read_object(request, {"approved_by"})
        by = name_of(body, "approved_by")
        return await _resolved(lambda: self._broker.approve(request.match_info["id"], by))

    async def _deny(self, request: web.Request) -> web.Response:
        body = await read_object(request, {"denied_by", "reason"})
        by, reason = name_of(body, "denied_by"), optional_text(body, "reason")
        return await _resolved(lambda: self._broker.deny(request.match_info["id"], by, reason))

    async def _break_glass(self, request: web.Request) -> web.Response:
        """Asks for the secret itself, so that a session left open is not enough: with this very
        request as a bearer, or else in the body."""
        body = await read_object(request, {"approved_by", "reason", "secret"})
        by, reason = name_of(body, "approved_by"), text_of(body, "reason")
        if request[OPERATOR].by != "bearer":
            await self._access.check_secret(request, text_of(body, "secret"))
        ticket_id = request.match_info["id"]
        return await _resolved(lambda: self._broker.break_glass(ticket_id, by, reason))


async def _resolved(resolve: Callable[[], Coroutine[Any, Any, Ticket]]) -> web.Response:
    """`{"ok": true}` once it is recorded. Raises `Refused`."""
    try:
        await resolve()
    except UnknownTicket as error:
        raise _unknown(error) from error
    except AlreadyResolved as error:
        raise Refused(409, str(error), more={"status": error.status}) from error
    except JournalUnavailable as error:
        text = f"this cannot be recorded now, so it does not count: {error}"
        raise Refused(503, text, headers={"retry-after": "5"}) from error
    return web.json_response({"ok": True})


def _unknown(error: UnknownTicket) -> Refused:
    return Refused(404, str(error))
