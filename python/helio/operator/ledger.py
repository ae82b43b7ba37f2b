"""`GET /api/budgets/{name}/events` and its export: what calls took from a budget.

Above: `helio.app`. Below: `helio.audit` (the index), `helio.operator.access`. DuckDB works in a
thread, so that no call waits for it; it loads slowly, so it is imported there.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, TypeVar

from aiohttp import web

from helio.errors import FilterError, IndexUnavailable
from helio.governance.feedback import exact
from helio.operator.api import json_answer
from helio.operator.faults import fault

if TYPE_CHECKING:
    from helio.audit.index import Index
    from helio.audit.query import Filters

EVENTS: Final = "/api/budgets/{name}/events"

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
"""Events of one answer, unless asked for fewer or more; and at most."""
_FRESH_SECONDS: Final = 5.0
"""How long a question waits for the index to hold what is recorded now."""
_PIECE: Final = 256 * 1024
_TYPES: Final = {"json": "application/json", "csv": "text/csv"}

_Answer = TypeVar("_Answer")


class Ledger:
    """Answers by the index of the moment (`index`, None while it loads).

    `budgets` are the names that are configured. 404 for any other that nothing was ever charged to,
    400 for a filter that is none, 503 while the index cannot be asked.
    """

    def __init__(
        self, index: "Callable[[], Index | None]", budgets: Callable[[], Collection[str]]
    ) -> None:
        self._index = index
        self._budgets = budgets

    def routes(self) -> list[web.RouteDef]:
        """The events, and their export."""
        return [web.get(EVENTS, self._events), web.get(f"{EVENTS}/export", self._export)]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """`{"data": […], "total", "limit", "offset"}`, newest first."""
        name = request.match_info["name"]
        return await self._asked(lambda: self._page(name, request.query))

    async def _export(self, request: web.Request) -> web.StreamResponse:
        """All of them, oldest first, as `?format=json` or `csv`."""
        name = request.match_info["name"]
        form = request.query.get("format", "json")
        if form not in _TYPES:
            return fault(400, "format: there are json and csv")
        written = await self._asked(lambda: self._written(name, form, request.query))
        if isinstance(written, web.StreamResponse):
            return written
        response = web.StreamResponse(headers={"content-type": _TYPES[form]})
        with written:
            await response.prepare(request)
            while piece := await asyncio.to_thread(written.read, _PIECE):
                await response.write(piece)
        await response.write_eof()
        return response

    async def _asked(self, ask: Callable[[], _Answer]) -> _Answer | web.Response:
        """What a question gives in a thread, or why there is no answer."""
        try:
            return await asyncio.to_thread(ask)
        except FilterError as error:
            return fault(400, str(error))
        except IndexUnavailable as error:
            return fault(503, f"the audit's index cannot be asked: {error}")

    def _page(self, name: str, query: Mapping[str, str]) -> web.Response:
        from helio.audit import ledger

        filters = _filters(query)
        filters = replace(filters, limit=min(filters.limit or _PAGE, _LONGEST_PAGE))
        index = self._fresh()
        with index.cursor() as connection:
            total = ledger.count(connection, name, filters)
            rows = ledger.page(connection, name, filters)
        if not total and name not in self._budgets():
            return fault(404, "there is no budget of this name")
        data = [{**row, "amount": exact(str(row["amount"]))} for row in rows]
        shown = {"data": data, "total": total, "limit": filters.limit, "offset": filters.offset}
        return json_answer(shown)

    def _written(self, name: str, form: str, query: Mapping[str, str]) -> IO[bytes] | web.Response:
        """A file with the whole export, to be read from its beginning."""
        from helio.audit import export, ledger

        filters = _filters({key: text for key, text in query.items() if key != "format"})
        index = self._fresh()
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile(prefix="helio-ledger-"))
            with index.cursor() as connection:
                rows = ledger.charges(connection, name, filters)
                number = export.write(rows, form, file, export.LEDGER)
            if not number and name not in self._budgets():
                return fault(404, "there is no budget of this name")
            file.seek(0)
            stack.pop_all()
        return file

    def _fresh(self) -> "Index":
        """The index with all that is recorded now. Raises `IndexUnavailable`."""
        index = self._index()
        if index is None:
            raise IndexUnavailable("it is loading")
        if not index.refresh(_FRESH_SECONDS):
            raise IndexUnavailable("it has yet to read what was recorded last")
        return index


def _filters(query: Mapping[str, str]) -> "Filters":
    """Raises `FilterError`."""
    from helio.audit.query import Filters

    return Filters.parse(query)
