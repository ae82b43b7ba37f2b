"""`POST /api/policy/explain`: why a call would be decided so by the policy that is loaded.

Above: `helio.app`. Below: `helio.pipeline.explaining`. Nothing is called, counted or recorded.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from helio.evaluator import GraphError
from helio.operator.answers import json_answer
from helio.operator.faults import Refused
from helio.pipeline.explaining import Explainer, Explanation, UnfitCall, stated_call
from helio.policy import CompiledPolicy

EXPLAIN: Final = "/api/policy/explain"


class PolicyExplaining:
    """Explains by the policy of the moment.

    `upstream` is that of calls which name none, `session_falls_back` as `session.on_unresolved`
    has it. `split` gives the upstream and its own name of a tool where agents' names hold both.
    """

    def __init__(
        self,
        policy: Callable[[], CompiledPolicy],
        upstream: str,
        *,
        session_falls_back: bool,
        split: Callable[[str], tuple[str, str] | None] | None = None,
    ) -> None:
        self._policy = policy
        self._upstream = upstream
        self._session_falls_back = session_falls_back
        self._split = split
        self._explainer: tuple[CompiledPolicy, Explainer] | None = None
        self._turn = asyncio.Lock()

    def route(self) -> web.RouteDef:
        """`{"data": explanation}`, as `helio explain -f json` has it, of a call as it takes it."""

        async def answer(request: web.Request) -> web.Response:
            text = await request.read()
            # One at a time, in a thread: a policy may have very many rules.
            async with self._turn:
                explanation = await asyncio.to_thread(self._explained, text)
            return json_answer({"data": explanation.as_object()})

        return web.post(EXPLAIN, answer)

    def _explained(self, text: bytes) -> Explanation:
        policy = self._policy()
        try:
            call = stated_call(text)
        except UnfitCall as error:
            raise Refused(400, str(error)) from error
        if call.environment not in (None, policy.settings.environment):
            raise Refused(400, f"environment: this Helio runs in {policy.settings.environment!r}")
        if self._explainer is None or self._explainer[0] is not policy:
            self._explainer = policy, self._explaining(policy)
        found = self._split(call.tool) if self._split and call.upstream is None else None
        call = call if found is None else call.sent_to(*found)
        call = replace(call, session_falls_back=self._session_falls_back)
        return self._explainer[1].explain(call)

    def _explaining(self, policy: CompiledPolicy) -> Explainer:
        try:
            return Explainer(policy, self._upstream)
        except GraphError as error:
            raise Refused(503, f"this policy cannot be explained: {error}") from error
