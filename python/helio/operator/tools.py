"""`/api/tools`: what upstreams list, what of it is accepted, and what drifted.

Above: `helio.app`. Below: `helio.governance.catalogue`, `body`, `asked`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from helio.evaluator import unpack_hints
from helio.governance.catalogue import Catalogue, Change
from helio.governance.lock import difference
from helio.operator.answers import json_answer
from helio.operator.asked import known, once
from helio.operator.body import name_of, optional_text, read_object
from helio.operator.faults import Refused

TOOLS: Final = "/api/tools"

Catalogues = Callable[[], Mapping[str, Catalogue]]
"""The catalogues of now, by upstream."""
Note = Callable[[str, list[Change], str], None]
"""Records what an operator (the last one) changed of an upstream's (the first one) pins."""


class ToolsView:
    """Shows the tools of all upstreams, and accepts those that drifted."""

    def __init__(self, catalogues: Catalogues, note: Note) -> None:
        self._catalogues = catalogues
        self._note = note

    def routes(self) -> list[web.RouteDef]:
        """All of them. A tool's name may hold any character, `/` as `%2F`."""
        return [
            web.get(TOOLS, self._list),
            web.get(TOOLS + "/{name}/diff", self._diff),
            web.post(TOOLS + "/{name}/approve", self._approve),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        """`{"data": […], "total", "limit", "offset"}`: all tools, drifted ones first."""
        query = once(request.query)
        known(query, {"upstream"})
        catalogues = self._catalogues()
        if (upstream := query.get("upstream")) is not None:
            catalogues = {upstream: catalogues[upstream]} if upstream in catalogues else {}
        rows = [row for name, each in catalogues.items() for row in _rows(name, each)]
        rows.sort(key=lambda row: (row["status"] != "drifted", row["upstream"], row["name"]))
        return json_answer({"data": rows, "total": len(rows), "limit": len(rows), "offset": 0})

    async def _diff(self, request: web.Request) -> web.Response:
        """`{"data": {accepted, listed, diff}}` of a tool that drifted: the fingerprints, and the
        lines of a unified diff; `diff` None where a definition is there that was not kept."""
        query = once(request.query)
        known(query, {"upstream"})
        name = request.match_info["name"]
        _, catalogue = self._drifted(name, query.get("upstream"))
        drift = catalogue.drifts[name]
        pin, tool = catalogue.pins.get(name), catalogue.find(name)
        identities = [pin] if tool is None else [pin, tool.identity]
        lines = None
        if all(each is None or each.definition is not None for each in identities):
            before, *after = [None if each is None else each.definition for each in identities]
            listed = [each for each in after if each is not None]
            lines = await asyncio.to_thread(difference, before, listed)
        found = {"accepted": drift.pinned, "listed": drift.current, "diff": lines}
        return json_answer({"data": found})

    async def _approve(self, request: web.Request) -> web.Response:
        """Takes `{approved_by, upstream?, fingerprint?}`: with a fingerprint only the definition
        that has it is accepted."""
        name = request.match_info["name"]
        body = await read_object(request, {"approved_by", "fingerprint", "upstream"})
        by, fingerprint = name_of(body, "approved_by"), optional_text(body, "fingerprint")
        upstream, catalogue = self._drifted(name, optional_text(body, "upstream"))
        current = catalogue.drifts[name].current
        if fingerprint is not None and fingerprint != current:
            raise Refused(409, "the tool changed again: look at what it is now")
        try:
            changes = catalogue.accept(name)
        except ValueError as error:
            raise Refused(409, f"this cannot be accepted here: {error}") from error
        self._note(upstream, changes, by)
        return json_answer({"ok": True})

    def _drifted(self, name: str, upstream: str | None) -> tuple[str, Catalogue]:
        """The catalogue in which the tool drifted. Raises `Refused` when there is none, or more
        than one."""
        catalogues = {
            each: catalogue
            for each, catalogue in self._catalogues().items()
            if upstream in (None, each)
        }
        found = [pair for pair in catalogues.items() if name in pair[1].drifts]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused(409, "several upstreams have a tool of this name: say which, upstream")
        if any(each.find(name) is not None for each in catalogues.values()):
            raise Refused(409, "this tool is as it was accepted")
        raise Refused(404, "there is no such tool")


def _rows(upstream: str, catalogue: Catalogue) -> list[dict[str, object]]:
    names = dict.fromkeys((*catalogue.tools, *catalogue.drifts))
    return [_row(upstream, catalogue, name) for name in names]


def _row(upstream: str, catalogue: Catalogue, name: str) -> dict[str, object]:
    tool, drift = catalogue.find(name), catalogue.drifts.get(name)
    pin = catalogue.pins.get(name)
    return {
        "upstream": upstream,
        "name": name,
        "status": "accepted" if drift is None else "drifted",
        "drifted_aspects": [] if drift is None else drift.aspects,
        "fingerprint": None if tool is None else tool.fingerprint,
        "accepted_fingerprint": None if pin is None else pin.fingerprint,
        "annotations": {} if tool is None else unpack_hints(tool.hints),
        "destructive": None if tool is None else tool.destructive,
        "declares_output": None if tool is None else tool.declares_output,
        "locked": catalogue.locked,
    }
