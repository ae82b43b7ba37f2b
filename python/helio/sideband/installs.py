"""`POST /install-scan`: whether an agent may install something.

Above: `api`. Below: `adapters` (what an adapter is told), `evaluations`, `body`. A scan is judged
as a call of `install:<kind>` whose arguments are what is to be installed, by the rules of
`policies.install`; from then on it is an evaluation like any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from helio.config.sections import ADAPTER_PREFIX
from helio.governance.definitions import Tool, read_definition
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.pipeline.scan import UnfitScan, scan_message
from helio.policy.installation import GLOBS, RECORD_KIND
from helio.runtime import clock
from helio.sideband import body
from helio.sideband.access import TOKEN
from helio.sideband.adapters import answer, told
from helio.sideband.callers import caller
from helio.sideband.evaluations import Evaluations
from helio.sideband.tokens import Token

_SCAN: Final = frozenset({"origin", "agent_id", "session_id", "kind", *GLOBS})


@dataclass(frozen=True, slots=True)
class InstallsView:
    """The route. `governance` is what an installation, as a tool, is governed by now."""

    evaluations: Evaluations
    governance: Callable[[tuple[Tool, ...]], Governance]

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [web.post("/install-scan", self._scan)]

    async def _scan(self, request: web.Request) -> web.Response:
        found = body.members(body.decoded(await body.read(request)), _SCAN)
        received = _received(found, request[TOKEN])
        tool = read_definition(orjson.dumps({"name": received.message.tool}))
        evaluation = await self.evaluations.begin(received, self.governance(tool))
        return answer(told(evaluation), 200)


def _received(found: Mapping[str, Any], token: Token) -> CallReceived:
    """The scan as a call. Raises `Refused`."""
    who = caller(found, token)
    try:
        message = scan_message(found)
    except UnfitScan as error:
        raise body.invalid(str(error)) from None
    return CallReceived(
        message=message,
        call_id=clock.new_call_id(clock.now().wall),
        upstream=ADAPTER_PREFIX + who.origin,
        session=who.session,
        agent=who.agent,
        protocol_version=None,
        origin=who.origin,
        kind=RECORD_KIND,
    )
