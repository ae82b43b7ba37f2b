"""What was seen of calls since this Helio started: how often rules decided, and where calls came
from.

Above: `helio.app`. Below: `helio.telemetry` (calls that are over), `helio.pipeline`.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiohttp import web

from helio.governance.feedback import instant
from helio.operator.answers import json_answer
from helio.pipeline.events import EXPIRED
from helio.telemetry.observation import EndedCall

_MOST_POLICIES: Final = 4
"""Policies whose hits are kept: calls end by the one that they began with."""
_MOST_ORIGINS: Final = 1000


class _Hit(NamedTuple):
    """How often, and when last, in ns since 1970."""

    times: int
    last: int


_NEVER: Final = _Hit(0, 0)


@dataclass(slots=True)
class Origin:
    """What came from one origin: calls, and installations that were asked about; how many of both
    were blocked, and of how many nobody reported in time. `last` in ns since 1970."""

    calls: int = 0
    installs: int = 0
    blocked: int = 0
    expired: int = 0
    last: int = 0

    def add(self, call: EndedCall) -> None:
        """One more is over."""
        record = call.record
        if record.get("record_kind") == "install_scan":
            self.installs += 1
        else:
            self.calls += 1
        self.blocked += record.get("block_reason") is not None
        self.expired += str(record.get("upstream_error")).startswith(f"{EXPIRED}: ")
        self.last = call.ended


class Hits:
    """How often each rule of one policy decided, by its index; None for the default."""

    def __init__(self) -> None:
        self._hits: dict[int | None, _Hit] = {}

    def add(self, rule: int | None, at: int) -> None:
        """The rule decided about a call."""
        self._hits[rule] = _Hit(self._hits.get(rule, _NEVER).times + 1, at)

    def of(self, rule: int | None) -> dict[str, object]:
        """`{hits, last_hit}`; the time None for a rule that never decided."""
        found = self._hits.get(rule)
        return {
            "hits": 0 if found is None else found.times,
            "last_hit": None if found is None else instant(found.last),
        }


class Seen:
    """Looks at every call that is over: an `helio.telemetry.observation.Observer`."""

    def __init__(self) -> None:
        self._hits: OrderedDict[str, Hits] = OrderedDict()
        self._origins: OrderedDict[str, Origin] = OrderedDict()

    def call_ended(self, call: EndedCall) -> None:
        """One call was over."""
        record = call.record
        if "matched_rule_index" in record:
            rule = record["matched_rule_index"]
            hits = self.hits(str(record.get("policy_digest")))
            hits.add(rule if isinstance(rule, int) else None, call.ended)
        origin = str(record.get("origin"))
        self._origins.setdefault(origin, Origin()).add(call)
        self._origins.move_to_end(origin)
        if len(self._origins) > _MOST_ORIGINS:
            self._origins.popitem(last=False)

    def hits(self, digest: str) -> Hits:
        """Those of the policy with this digest."""
        found = self._hits.setdefault(digest, Hits())
        self._hits.move_to_end(digest)
        if len(self._hits) > _MOST_POLICIES:
            self._hits.popitem(last=False)
        return found

    def origins(self) -> list[dict[str, object]]:
        """`[{origin, calls, installs, blocked, expired, last_seen}]`, the latest first."""
        return [
            {
                "origin": origin,
                "calls": seen.calls,
                "installs": seen.installs,
                "blocked": seen.blocked,
                "expired": seen.expired,
                "last_seen": instant(seen.last),
            }
            for origin, seen in reversed(self._origins.items())
        ]


def adapters_route(seen: Seen) -> web.RouteDef:
    """`GET /api/adapters`: `{"data": […], "total", "limit", "offset"}`, of all that did not come by
    MCP, since this Helio started; each as `Seen.origins` has it."""

    async def answer(_request: web.Request) -> web.Response:
        found = [each for each in seen.origins() if each["origin"] != "mcp"]
        beside = {"total": len(found), "limit": len(found), "offset": 0}
        return json_answer({"data": found, **beside})

    return web.get("/api/adapters", answer)
