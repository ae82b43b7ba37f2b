"""`GET /api/budgets/{name}/events` and its export: what calls took from a budget.

Above: `helio.app`. Below: `questions`, `audit` (forms of exports).
"""

from collections.abc import Callable, Collection
from typing import Final

from aiohttp import web

from helio.operator.asked import once
from helio.operator.audit import attached, export_format
from helio.operator.questions import Asking

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
        asked = {**self._asked(request), "filters": once(request.query)}
        return await self._asking.thorough.answer(request, "ledger", asked)

    async def _export(self, request: web.Request) -> web.StreamResponse:
        """All of them, oldest first, in the `format` of exports."""
        form, query = export_format(once(request.query))
        return await self._asking.exports.answer(
            request,
            "ledger_export",
            {**self._asked(request), "form": form, "filters": query},
            headers=attached("helio-ledger", form),
        )

    def _asked(self, request: web.Request) -> dict[str, object]:
        name = request.match_info["name"]
        return {"budget": name, "configured": name in self._budgets()}
