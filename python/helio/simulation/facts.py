"""The facts of a recorded call, as they were then: who called what, by which definitions, and what
came of it. Pure.

Above: `replay`. Below: `helio.audit.recorded`, `helio.governance`.
"""

import json
from functools import lru_cache
from typing import Any, Final, cast

import orjson

from helio.audit.recorded import RecordedCall
from helio.evaluator import Message, pack_hints, tool_call
from helio.governance.catalogue import Catalogue, Drift, Standing
from helio.governance.definitions import Identity, Tool
from helio.governance.identity import SessionIdentity, Source
from helio.governance.sessions import Mark
from helio.governance.ticket import State
from helio.pipeline.events import CallReceived, UpstreamAnswered, UpstreamFailed
from helio.protocol.modern import Round

_UNLISTED: Final = Standing(None, None, (0,))
_ANSWERED: Final = UpstreamAnswered(200, None, b"", None, 0)
_ASKED: Final = UpstreamAnswered(200, None, b"", None, 0, Round(None))
_ERROR: Final = UpstreamAnswered(200, None, b"", "error", 0)
_NOT_SENT: Final = UpstreamFailed("recorded", "not sent", sent=False, latency=0)
NOT_KNOWN: Final = UpstreamFailed("recorded", "nobody knows", sent=True, latency=0)
"""What came of a call of which nobody knows what came of it."""


class StatedCatalogue(Catalogue):
    """A catalogue of the one tool that a record tells of."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self._standing = standing
        self.primed = True

    def find(self, _name: str) -> Tool | None:
        """The tool, if its upstream listed it."""
        return self._standing.tool

    def standing(self, _name: str) -> Standing:
        """What was known of it."""
        return self._standing


def message(call: RecordedCall) -> Message:
    """The call's own message, as far as the record holds it.

    Raises `helio.evaluator.MalformedMessage` for what no door lets in.
    """
    return tool_call(call.tool or "", (call.arguments or "{}").encode())


def received(call: RecordedCall, sent: Message, continues: str | None) -> CallReceived:
    """The call as the pipeline gets it."""
    return CallReceived(
        message=sent,
        call_id=call.id,
        upstream=call.upstream or "",
        session=_session(call.session_id, call.session_source),
        agent=call.agent,
        protocol_version=call.protocol_version,
        origin=call.origin or "mcp",
        continues=continues,
        metadata=metadata(call),
        sender=_sender(call),
    )


def metadata(call: RecordedCall) -> bytes | None:
    """What an adapter said beside its call, as far as the record shows it."""
    if call.metadata is None or '"adapter"' not in call.metadata:
        return None
    return _member(call.metadata, "adapter") or None


def _sender(call: RecordedCall) -> str | None:
    said = metadata(call)
    sender = None if said is None else _read(said.decode()).get("sender_id")
    return sender if isinstance(sender, str) else None


@lru_cache(maxsize=4096)
def _session(id_: str | None, source: str | None) -> SessionIdentity:
    return SessionIdentity(id_, cast("Source | None", source), ())


def continued(call: RecordedCall) -> str | None:
    """The `call_id` of the first round that this call is a further round of."""
    if call.metadata is None or '"continues"' not in call.metadata:
        return None
    return cast("str | None", _read(call.metadata).get("continues"))


def catalogue(call: RecordedCall) -> StatedCatalogue:
    """What was known of the call's tool; without recorded annotations, that it was listed."""
    drift = None
    if call.metadata is not None and '"tool_drift"' in call.metadata:
        drift = json.dumps(_read(call.metadata).get("tool_drift"))
    return _catalogue(call.tool or "", call.annotations, drift)


@lru_cache(maxsize=4096)
def _catalogue(tool: str, annotations: str | None, drift: str | None) -> StatedCatalogue:
    stated: list[dict[str, object]] = [{}] if annotations is None else orjson.loads(annotations)
    if not stated:
        return StatedCatalogue(_UNLISTED)
    views = tuple(map(pack_hints, stated))
    told = None if drift is None else orjson.loads(drift)
    current = "" if told is None else told["current"]
    listed = None if current is None else _tool(tool, current, views)
    drifted = None
    if told is not None:
        drifted = Drift(tool, tuple(told["aspects"]), told["pinned"], told["current"])
    return StatedCatalogue(Standing(listed, drifted, views))


def _tool(name: str, fingerprint: str, views: tuple[int, ...]) -> Tool:
    """The definition that was listed, which comes last."""
    return Tool(name, Identity(fingerprint, views[-1], {}), declares_output=False, views=views)


def mark(row: RecordedCall) -> Mark | None:
    """The mark of an `evidence` row; None when its session is not known, or the row tells less."""
    session = SessionIdentity(row.session_id, None, ()).key(row.agent)
    if session is None or row.metadata is None:
        return None
    told = _read(row.metadata)
    if not {"names", "data", "ttl_ns"} <= told.keys():
        return None
    data = _member(row.metadata, "data")
    return Mark(session, tuple(told["names"]), data, int(told["ttl_ns"]))


def ending(call: RecordedCall) -> UpstreamAnswered | UpstreamFailed | None:
    """What came of a forwarded call; None for one that was never to be forwarded."""
    match call.outcome:
        case None:
            return None
        case "answered":
            return _ASKED if call.asks else _ANSWERED
        case "upstream_error":
            return _ERROR
        case "not_forwarded":
            return _NOT_SENT
        case _:
            return NOT_KNOWN


def _read(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _member(text: str, name: str) -> bytes:
    """One member of a JSON object, as it stands there."""
    wrapped = tool_call("x", text.encode())
    span = wrapped.span("params", "arguments", name)
    return b"" if span is None else wrapped.body[slice(*span)]


def decided(recorded: RecordedCall) -> State:
    """What people said of a call, so that they say the same of it again; those who were not asked
    say nothing."""
    if recorded.approval_status is None or recorded.approval_status == "pending":
        return State.LEFT if recorded.reason == "client_disconnected" else State.RETURNED
    if recorded.decision == "allow":
        return State.APPROVED
    return State(recorded.approval_status)
