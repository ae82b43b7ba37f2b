"""Many calls at the same moment, each on a connection of its own, as a crowd of agents sends."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp

from end_to_end.wire import HEADERS, Reply


class Call(NamedTuple):
    """One call of a burst."""

    tool: str
    arguments: Mapping[str, object]
    session: str


class Crowd:
    """So many callers, whose connections stay open from one burst to the next."""

    def __init__(self, callers: int) -> None:
        self._callers = callers

    async def __aenter__(self) -> "Crowd":
        connections = aiohttp.TCPConnector(limit=self._callers)
        timeout = aiohttp.ClientTimeout(total=60)
        self._http = aiohttp.ClientSession(connector=connections, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def send(self, url: str, calls: Sequence[Call]) -> list[Reply]:
        """All of them at once; their answers in the same order."""
        return await asyncio.gather(*(self._send(url, call) for call in calls))

    async def _send(self, url: str, call: Call) -> Reply:
        params = {"name": call.tool, "arguments": call.arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = HEADERS | {"x-helio-session-id": call.session}
        async with self._http.post(url, data=json.dumps(body), headers=headers) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.read())


def reasons(replies: Sequence[Reply]) -> Counter[str]:
    """How often calls came out so: `passed`, the reason of a block or of a failure."""
    return Counter(outcome(reply.message) for reply in replies)


def outcome(message: Any) -> str:
    """How one call came out, by the message that answers it."""
    if "error" in message:
        return str(message["error"]["data"]["reason"])
    blocked = message["result"].get("_meta", {}).get("helio/blocked")
    return "passed" if blocked is None else str(blocked["reason"])
