"""`POST /evaluate`, `POST /audit`, `POST /approval/{id}/resolve`, `GET /approval/{id}`: decisions
for tools that run in the agent's own process.

Above: `api`, `installs`. Below: `evaluations`, `callers`, `body`, `helio.approvals` (the broker).
What is asked goes through the same machine as a call by MCP; the tool is what the adapter says it
is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from aiohttp import web

from helio.approvals.broker import Broker
from helio.config.sections import ADAPTER_PREFIX
from helio.errors import AlreadyResolved, JournalUnavailable, UnknownTicket
from helio.evaluator import HINTS, MalformedMessage, Message, tool_call
from helio.governance.definitions import Tool, read_definition
from helio.governance.feedback import instant
from helio.governance.ticket import Ticket
from helio.operator.faults import Refused
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import Governance
from helio.runtime import clock
from helio.sideband import body, reports
from helio.sideband.access import TOKEN
from helio.sideband.callers import caller
from helio.sideband.evaluations import Evaluation, Evaluations
from helio.sideband.marks import MarksView
from helio.sideband.reports import GivenMark
from helio.sideband.tokens import Token

_CALL: Final = frozenset({"origin", "agent_id", "session_id", "tool", "arguments", "metadata"})
_TOOL: Final = {
    "name": "name",
    "description": "description",
    "input_schema": "inputSchema",
    "annotations": "annotations",
}
"""What an adapter says of a tool, as MCP calls it."""
RESOLUTIONS: Final = ("approve", "deny")
"""What a person may have decided."""
OUTCOMES: Final = (
    "allow",
    "deny",
    "require_approval",
    "rate_limited",
    "spend_limited",
    "budget_exceeded",
    "dry_run",
)
"""What an adapter may be told of a call."""
_RESOLUTION: Final = frozenset({"decision", "resolved_by", "reason"})
_LARGEST_METADATA: Final = 16 * 1024
_LIMITED: Final = frozenset({"rate_limited", "spend_limited", "budget_exceeded"})
_FEEDBACK: Final = ("message", "suggestion", "retry_allowed")
_SAID: Final = frozenset({"blocked", "reason", "rule", "rule_index", "action", "call_id", "policy"})
_PENDING: Final = "approval_pending"


@dataclass(frozen=True, slots=True)
class AdaptersView:
    """The routes. `governance` is what a call of a tool is governed by now."""

    evaluations: Evaluations
    broker: Broker
    marks: MarksView
    governance: Callable[[tuple[Tool, ...]], Governance]

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/evaluate", self._evaluate),
            web.post("/audit", self._report),
            web.get("/approval/{id}", self._approval),
            web.post("/approval/{id}/resolve", self._resolve),
        ]

    async def _evaluate(self, request: web.Request) -> web.Response:
        raw = await body.read(request)
        found = body.members(body.decoded(raw), _CALL)
        received = self._received(found, raw, request[TOKEN])
        tools = _tools(found["tool"])
        evaluation = await self.evaluations.begin(received, self.governance(tools))
        return answer(told(evaluation), 200)

    def _received(self, found: Mapping[str, Any], raw: bytes, token: Token) -> CallReceived:
        who = caller(found, token)
        metadata = found.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise body.invalid("metadata: is not an object")
        now = clock.now().wall
        return CallReceived(
            message=_message(found, raw),
            call_id=clock.new_call_id(now),
            upstream=ADAPTER_PREFIX + who.origin,
            session=who.session,
            agent=who.agent,
            protocol_version=None,
            origin=who.origin,
            metadata=None if metadata is None else _metadata(raw),
            sender=None if metadata is None else body.optional_name(metadata, "sender_id"),
        )

    async def _report(self, request: web.Request) -> web.Response:
        evaluation_id, report = reports.read(await body.read(request))
        keep = partial(self._keep_evidence, report.evidence, request[TOKEN])
        admit = partial(_admit, request[TOKEN])
        is_new = await self.evaluations.report(evaluation_id, report, keep, admit)
        return answer({"evaluation_id": evaluation_id}, 201 if is_new else 200)

    async def _keep_evidence(
        self, evidence: Sequence[GivenMark], token: Token, received: CallReceived
    ) -> None:
        """Keeps the marks that a call gives, all or none. Raises `Refused`."""
        if evidence:
            await self.marks.keep_of_call(evidence, token, received.session, received.agent)

    async def _approval(self, request: web.Request) -> web.Response:
        ticket_id = request.match_info["id"]
        self._ticket(ticket_id, request[TOKEN])
        return self._standing(ticket_id, self.evaluations.of_ticket(ticket_id))

    async def _resolve(self, request: web.Request) -> web.Response:
        ticket_id = request.match_info["id"]
        self._ticket(ticket_id, request[TOKEN])
        evaluation = self.evaluations.of_ticket(ticket_id)
        found = body.members(body.decoded(await body.read(request)), _RESOLUTION)
        by = f"{request[TOKEN].name}: {body.name(found, 'resolved_by')}"
        reason = body.optional_name(found, "reason")
        decision = found.get("decision")
        if decision not in RESOLUTIONS:
            raise body.invalid("decision: is neither `approve` nor `deny`")
        try:
            if decision == "approve":
                await self.broker.approve(ticket_id, by)
            else:
                await self.broker.deny(ticket_id, by, reason)
        except AlreadyResolved as error:
            more = {"reason": "already_resolved", "status": error.status}
            raise Refused(409, str(error), more=more) from None
        except JournalUnavailable as error:
            raise Refused(503, str(error), more={"reason": "audit_unavailable"}) from None
        if evaluation is not None:
            await evaluation.moved_on(ticket_id)
        return self._standing(ticket_id, evaluation)

    def _standing(self, ticket_id: str, evaluation: Evaluation | None) -> web.Response:
        """What is known of a ticket now: of the evaluation that waits for it, and how it stands."""
        ticket = self.broker.get(ticket_id)
        verdict: Mapping[str, object] = {}
        refused = self.evaluations.refused(ticket_id)
        if evaluation is not None:
            verdict = told(evaluation)
        elif refused is not None:
            verdict = {"evaluation_id": refused[0], **_refused(orjson.loads(refused[1]))}
        return answer({**verdict, "approval": _ticket_told(ticket)}, 200)

    def _ticket(self, ticket_id: str, token: Token) -> None:
        """Looks whether a ticket is about an adapter's call, of an agent that the token is for; no
        other is an adapter's business. Raises `Refused`."""
        try:
            ticket = self.broker.get(ticket_id)
        except UnknownTicket as error:
            raise Refused(404, str(error), more={"reason": "unknown_ticket"}) from None
        if not ticket.upstream.startswith(ADAPTER_PREFIX):
            text = f"ticket {ticket_id} is not about a call of an adapter"
            raise Refused(404, text, more={"reason": "unknown_ticket"})
        _check_agent(ticket.agent_id, token)


def _admit(token: Token, received: CallReceived) -> None:
    """Whether a token may report of a call. Raises `Refused`."""
    _check_agent(received.agent, token)


def _check_agent(agent: str | None, token: Token) -> None:
    if not token.is_for(agent):
        text = "this token is not for that agent's calls"
        raise Refused(403, text, more={"reason": "agent_not_allowed"})


def _message(found: Mapping[str, Any], raw: bytes) -> Message:
    """The call, by the strict envelope of every call. Raises `Refused`."""
    tool = body.members(found.get("tool"), _TOOL.keys(), "tool.")
    arguments = b"null" if found.get("arguments") is None else body.selected("$.arguments", raw)[0]
    try:
        return tool_call(body.name(tool, "name", "tool."), arguments)
    except MalformedMessage as error:
        reason, _, _, detail = error.args
        raise body.invalid(f"{reason}: {detail}") from None


def _metadata(raw: bytes) -> bytes:
    metadata = body.selected("$.metadata", raw)[0]
    if len(metadata) > _LARGEST_METADATA:
        text = f"metadata: has more than {_LARGEST_METADATA} bytes"
        raise Refused(413, text, more={"reason": "too_large"})
    return metadata


def _tools(tool: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The tool as a definition of MCP's. What is not said of it is unknown. Raises `Refused`."""
    definition = {_TOOL[key]: value for key, value in tool.items() if value is not None}
    if not isinstance(definition.get("description", ""), str):
        raise body.invalid("tool.description: is not a text")
    for key in ("input_schema", "annotations"):
        if not isinstance(definition.get(_TOOL[key], {}), dict):
            raise body.invalid(f"tool.{key}: is not an object")
    for hint in definition.get("annotations", {}).keys() & set(HINTS):
        if not isinstance(definition["annotations"][hint], bool):
            raise body.invalid(f"tool.annotations.{hint}: is neither true nor false")
    return read_definition(orjson.dumps(definition))


def told(evaluation: Evaluation) -> dict[str, object]:
    """What an adapter is told of a call. Raises `Refused` for one that could not be judged."""
    told: dict[str, object] = {"evaluation_id": evaluation.call_id}
    ticket = evaluation.ticket
    if not evaluation.settled.is_set() and ticket is not None:
        return told | {
            "decision": "require_approval",
            "reason": "approval_pending",
            "matched_rule": ticket.matched_rule,
            "approval": _ticket_told(ticket),
        }
    if evaluation.allowed:
        rule = evaluation.rule
        return told | {"decision": "allow", "reason": None, "matched_rule": rule}
    if evaluation.refusal is None:
        raise Refused(500, "the call could not be judged; Helio's log says why")
    return told | _refused(orjson.loads(evaluation.refusal))


def _refused(answer: Mapping[str, Any]) -> dict[str, object]:
    """What a JSON-RPC answer of Helio's own says, in an adapter's words."""
    meta = answer["error"]["data"] if "error" in answer else answer["result"]["_meta"]
    rehearsed = meta.get("helio/dry_run")
    if rehearsed is not None:
        return {
            "decision": "dry_run",
            "reason": rehearsed["reason"],
            "matched_rule": rehearsed["rule"],
            "dry_run": rehearsed,
        }
    block = meta.get("helio/blocked", meta)
    reason = block["reason"]
    details = {key: block[key] for key in block.keys() - _SAID - set(_FEEDBACK)}
    told: dict[str, object] = {
        "decision": _decision(block),
        "reason": reason,
        "matched_rule": block["rule"],
        "feedback": {key: block[key] for key in _FEEDBACK},
    }
    if "ticket_id" in details:
        told["approval"] = details
    elif details:
        told["limits" if told["decision"] in _LIMITED else "details"] = details
    return told


def _decision(block: Mapping[str, Any]) -> str:
    if block["reason"] in _LIMITED:
        return str(block["reason"])
    return "require_approval" if block["reason"] == _PENDING else "deny"


def _ticket_told(ticket: Ticket) -> dict[str, object]:
    return {
        "ticket_id": ticket.id,
        "status": ticket.status,
        "mode": ticket.mode,
        "expires_at": instant(ticket.timeout_at),
    }


def answer(found: object, status: int) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=orjson.dumps(found), status=status, content_type="application/json")
