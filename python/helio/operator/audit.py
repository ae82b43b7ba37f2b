"""`/api/feed`, `/api/audit`, its export, and `/api/analytics`: what happened.

Above: `helio.app`. Below: `questions`, `helio.audit` (which asks DuckDB, and so is imported in the
threads that ask).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from helio.governance.feedback import exact
from helio.operator.answers import json_answer, json_bytes, listed
from helio.operator.asked import known, number, once
from helio.operator.faults import Refused
from helio.operator.questions import Asking, in_pieces

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from helio.audit.query import Filters
    from helio.audit.record import Cell

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
"""Rows of one answer, unless asked for fewer or more; and at most."""
_FEED: Final = 50
_LONGEST_FEED: Final = 500
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

    def __init__(self, asking: Asking, digest: Callable[[int], str | None]) -> None:
        """`digest` gives the hash of a record of the journal by its number: in a thread."""
        self._asking = asking
        self._digest = digest

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/api/feed", self._feed),
            web.get("/api/audit", self._list),
            web.get("/api/audit/export", self._export),
            web.get("/api/audit/{id}", self._one),
            web.get("/api/analytics", self._analytics),
        ]

    async def _feed(self, request: web.Request) -> web.Response:
        """`{"data": […], "total", "limit", "offset", "latest"}`: the rows behind the place `after`,
        newest first. `latest` is the next `after`; when `total` is more than there are rows, the
        oldest were left out."""
        query = once(request.query)
        known(query, {"after", "limit"})
        after, limit = number(query, "after", 0), number(query, "limit", _FEED)

        def question(connection: "DuckDBPyConnection") -> bytes:
            from helio.audit import export, feed

            most = min(limit, _LONGEST_FEED)
            total = feed.count(connection, after)
            found = feed.latest(connection, after, most)
            latest = max((int(str(row["ended_seq"])) for row in found), default=after)
            layout = export.Layout(feed.NAMES, feed.JSON)
            return listed(
                [export.json_row(row.values(), layout) for row in found],
                {"total": total, "limit": most, "offset": 0, "latest": latest},
            )

        return json_bytes(await self._asking.quick.ask(question, fresh=False))

    async def _list(self, request: web.Request) -> web.Response:
        """`{"data": […], "total", "limit", "offset"}`, newest first."""
        query = once(request.query)

        def question(connection: "DuckDBPyConnection") -> bytes:
            from helio.audit import export
            from helio.audit import query as rows

            filters = filters_of(query)
            filters = replace(filters, limit=page_limit(filters))
            total = rows.count(connection, filters)
            found = in_pieces(rows.page(connection, filters))
            return listed(
                [export.json_row(row.values()) for row in found],
                {"total": total, "limit": filters.limit, "offset": filters.offset},
            )

        return json_bytes(await self._asking.thorough.ask(question))

    async def _one(self, request: web.Request) -> web.Response:
        """`{"data": row}`: every column, and the place of its record in the journal: `seq`, and
        `hash`, None once it is archived."""
        row_id = request.match_info["id"]

        def question(connection: "DuckDBPyConnection") -> bytes | None:
            from helio.audit import export, query

            row = query.find(connection, row_id)
            if row is None:
                return None
            seq = row.pop("seq")
            placed: dict[str, Cell] = {"seq": seq, "hash": self._digest(int(str(seq)))}
            layout = export.Layout((*placed, *row), export.AUDIT.json)
            return export.json_row([*placed.values(), *row.values()], layout)

        found = await self._asking.thorough.ask(question)
        if found is None:
            raise Refused(404, "there is no row with this id")
        return json_answer({"data": orjson.Fragment(found)})

    async def _export(self, request: web.Request) -> web.StreamResponse:
        """All rows that the filters take, oldest first."""
        form, query = export_format(once(request.query))

        def write(connection: "DuckDBPyConnection", out: IO[bytes]) -> None:
            from helio.audit import export
            from helio.audit.query import rows

            found = in_pieces(rows(connection, filters_of(query)))
            export.write(found, form, out, export.AUDIT)

        return await self._asking.exports.stream(request, attached("helio-audit", form), write)

    async def _analytics(self, request: web.Request) -> web.Response:
        """The object itself, amounts as numbers."""
        query = once(request.query)

        def question(connection: "DuckDBPyConnection") -> dict[str, Any]:
            from helio.audit.analytics import analytics

            return analytics(connection, filters_of(query))

        found = await self._asking.thorough.ask(question)
        for spent in found["spend"].values():
            spent["total"] = exact(spent["total"])
            spent["per_hour"] = [
                {**each, "amount": exact(each["amount"])} for each in spent["per_hour"]
            ]
        return json_answer(found)


def filters_of(query: Mapping[str, str]) -> "Filters":
    """Raises `FilterError`."""
    from helio.audit.query import Filters

    return Filters.parse(query)


def page_limit(filters: "Filters") -> int:
    """How many rows a list has at most."""
    return min(_PAGE if filters.limit is None else filters.limit, _LONGEST_PAGE)


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
