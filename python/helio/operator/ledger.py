"""`GET /api/budgets/{name}/events` and its export: what calls took from a budget.

Above: `helio.app`. Below: `questions`, `audit` (filters), `helio.audit` (the index), which is
imported in the threads that ask.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Final

from aiohttp import web

from helio.governance.feedback import exact
from helio.operator.answers import json_answer
from helio.operator.asked import once
from helio.operator.audit import attached, export_format, filters_of, page_limit
from helio.operator.faults import Refused
from helio.operator.questions import Asking, in_pieces

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EVENTS: Final = "/api/budgets/{name}/events"


class Ledger:
    """Answers by the index and the archive.

    `budgets` are the names that are configured. 404 for any other that nothing was ever charged to,
    400 for a filter that is none, 503 while the index cannot be asked or is asked too much.
    """

    def __init__(self, asking: Asking, budgets: Callable[[], Collection[str]]) -> None:
        self._asking = asking
        self._budgets = budgets

    def routes(self) -> list[web.RouteDef]:
        """The events, and their export."""
        return [web.get(EVENTS, self._events), web.get(f"{EVENTS}/export", self._export)]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """`{"data": […], "total", "limit", "offset"}`, newest first."""
        name = request.match_info["name"]
        query = once(request.query)

        def question(connection: "DuckDBPyConnection") -> dict[str, object]:
            from helio.audit import ledger

            filters = filters_of(query)
            filters = replace(filters, limit=page_limit(filters))
            total = ledger.count(connection, name, filters)
            self._check(name, total)
            rows = ledger.page(connection, name, filters)
            data = [{**row, "amount": exact(str(row["amount"]))} for row in rows]
            return {"data": data, "total": total, "limit": filters.limit, "offset": filters.offset}

        return json_answer(await self._asking.thorough.ask(question))

    async def _export(self, request: web.Request) -> web.StreamResponse:
        """All of them, oldest first, in the `format` of exports."""
        name = request.match_info["name"]
        form, query = export_format(once(request.query))

        def write(connection: "DuckDBPyConnection", out: IO[bytes]) -> None:
            from helio.audit import export, ledger

            filters = filters_of(query)
            if name not in self._budgets():
                self._check(name, ledger.count(connection, name, filters))
            rows = ledger.charges(connection, name, filters)
            export.write(in_pieces(rows), form, out, export.LEDGER)

        return await self._asking.exports.stream(request, attached("helio-ledger", form), write)

    def _check(self, name: str, charges: int) -> None:
        """Raises `Refused` for a budget that neither is configured nor ever was charged."""
        if not charges and name not in self._budgets():
            raise Refused(404, "there is no budget of this name")
