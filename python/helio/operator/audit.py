"""`/api/feed`, `/api/audit`, its export, and `/api/analytics`: what happened.

Above: `helio.app`. Below: `questions`. What is asked is read here only so far as no index is needed
for it; the answers are made in the index's process.
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from helio.operator.asked import known, number, once
from helio.operator.faults import Refused
from helio.operator.questions import Asking

_FEED: Final = 50
TYPES: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
"""Media types of exports, by `format`."""


class AuditView:
    """Answers by the index and, where a question reaches so far, by the archive.

    400 for a filter that is none, 503 while the index cannot be asked or is asked too much.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/api/feed", self._feed),
            web.get("/api/audit", self._list),
            web.get("/api/audit/export", self._export),
            web.get("/api/audit/{id}", self._one),
            web.get("/api/analytics", self._analytics),
        ]

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        """`{"data": […], "total", "limit", "offset", "latest"}`: the rows behind the place `after`,
        newest first. `latest` is the next `after`; when `total` is more than there are rows, the
        oldest were left out."""
        query = once(request.query)
        known(query, {"after", "limit"})
        asked: dict[str, object] = {
            "after": number(query, "after", 0),
            "limit": number(query, "limit", _FEED),
        }
        return await self._asking.quick.answer(request, "feed", asked, fresh=False)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        """`{"data": […], "total", "limit", "offset"}`, newest first."""
        asked: dict[str, object] = {"filters": once(request.query)}
        return await self._asking.thorough.answer(request, "list", asked)

    async def _one(self, request: web.Request) -> web.StreamResponse:
        """`{"data": row}`: every column, and the place of its record in the journal: `seq`, and
        `hash`, None once it is archived."""
        asked: dict[str, object] = {"row_id": request.match_info["id"]}
        return await self._asking.thorough.answer(request, "one", asked)

    async def _export(self, request: web.Request) -> web.StreamResponse:
        """All rows that the filters take, oldest first."""
        form, query = export_format(once(request.query))
        return await self._asking.exports.answer(
            request,
            "export",
            {"form": form, "filters": query},
            headers=attached("helio-audit", form),
        )

    async def _analytics(self, request: web.Request) -> web.StreamResponse:
        """The object itself, amounts as numbers."""
        asked: dict[str, object] = {"filters": once(request.query)}
        return await self._asking.thorough.answer(request, "analytics", asked)


def export_format(query: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The `format` of an export, and the filters beside it. Raises `Refused`."""
    form = query.get("format", "json")
    if form not in TYPES:
        raise Refused(400, f"format: there are {', '.join(TYPES)}")
    return form, {name: text for name, text in query.items() if name != "format"}


def attached(name: str, form: str) -> dict[str, str]:
    """The headers of an export: browsers save it under this name."""
    return {
        "content-type": TYPES[form],
        "content-disposition": f'attachment; filename="{name}.{form}"',
    }
