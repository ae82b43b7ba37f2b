"""A call that somebody states, with what is to be known about it: JSON into values. Pure.

Above: `helio explain`, the operator API. Below: `helio.evaluator`, which reads it as strictly as
what agents send: numbers keep their digits, and a key that stands twice is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import orjson

from helio.evaluator import (
    HINTS,
    Decision,
    Evaluator,
    MalformedMessage,
    Message,
    canonical_json,
    pack_hints,
    parse_message,
    tool_call,
)
from helio.governance.evidence import CALL_TTL_NS, Completion, Proof, SessionFacts
from helio.governance.identity import SessionIdentity
from helio.pipeline.scan import UnfitScan, scan_message
from helio.policy.installation import GLOBS, RECORD_KIND, TOOL_PREFIX

KEYS: Final = (
    "tool",
    "arguments",
    "upstream",
    "agent",
    "session",
    "annotations",
    "metadata",
    "sender_id",
    "environment",
    "record_kind",
)
"""What a stated call may have; only `tool` must be there."""
SESSION_KEYS: Final = ("id", "labels", "called", "evidence")
_FACTS: Final = frozenset(KEYS) - {"tool", "arguments"}
_MESSAGE: Final = frozenset({"jsonrpc", "id", "method", "params"})
_STATED: Final = "stated"
_AROUND: Final = ("params", "arguments")
_Read = TypeVar("_Read")


class UnfitCall(ValueError):
    """A text that states no call. `args` is `(message,)`, a sentence with the place in it."""


@dataclass(frozen=True, slots=True)
class StatedSession:
    """A session and what happened in it.

    `called` are the tools that were forwarded, `evidence` the names of those that succeeded, or
    that were marked, and `proofs` evidence with the canonical JSON of what it was about. None of
    it has expired.
    """

    id: str
    labels: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    proofs: tuple[tuple[str, bytes], ...] = ()

    @property
    def facts(self) -> SessionFacts:
        """As the pipeline asks for them."""
        proofs: dict[str, dict[bytes, Proof]] = {}
        for name, data in self.proofs:
            proofs.setdefault(name, {})[data] = Proof(CALL_TTL_NS, _STATED)
        completed = {name: Completion(0, _STATED) for name in self.evidence}
        return SessionFacts(0, self.labels, self.called, completed, proofs)


@dataclass(frozen=True, slots=True)
class StatedCall:
    """A `tools/call` and what is known about it; None is unknown.

    `annotations` are those that the tool's definition has, `metadata` the JSON that an adapter
    sends. `session_falls_back`: keys by session take the agent where the session is unknown.
    `is_scan`: an agent asks whether it may install what the arguments say.
    """

    message: Message
    upstream: str | None = None
    agent: str | None = None
    session: StatedSession | None = None
    annotations: Mapping[str, bool] = field(default_factory=dict)
    metadata: bytes | None = None
    sender: str | None = None
    environment: str | None = None
    session_falls_back: bool = False
    is_scan: bool = False

    @property
    def tool(self) -> str:
        """The tool's name."""
        return self.message.tool or ""

    @property
    def hints(self) -> int:
        """The annotations, packed."""
        return pack_hints(self.annotations)

    def sent_to(self, upstream: str, tool: str) -> "StatedCall":
        """The same call of an upstream's tool by its own name."""
        return replace(self, message=tool_call(tool, self.message.arguments), upstream=upstream)

    def decided(self, evaluator: Evaluator, upstream: str) -> Decision:
        """What an evaluator says of it; `upstream` is where it goes when it names none."""
        session, key = self.session, None
        if session is not None:
            key = SessionIdentity(session.id, "header", ()).key(self.agent)
        return evaluator.decide(
            self.message,
            self.upstream or upstream,
            self.hints,
            agent=self.agent,
            session=key,
            session_falls_back=self.session_falls_back,
            labels=None if session is None else session.labels,
            called=None if session is None else session.called,
            sender=self.sender,
            metadata=self.metadata,
        )


def stated_call(text: bytes) -> StatedCall:
    """Reads `{"tool", "arguments", …}` (`KEYS`), or a whole `tools/call` message.

    Beside a message's own members the facts of `KEYS` may stand, too. Raises `UnfitCall`.
    """
    if not text.lstrip().startswith(b"{"):
        raise UnfitCall('a call is a JSON object: `{"tool": …, "arguments": {…}}`')
    document = _Members(_made(_STATED, text))
    if "method" in document.spans or "jsonrpc" in document.spans:
        document.only({*_MESSAGE, *_FACTS}, "the message")
        own = {name: document.raw(name) for name in document.spans if name in _MESSAGE}
        message = _message(b"{" + b",".join(b'"%s":%s' % (n.encode(), t) for n, t in own.items()))
    else:
        document.only(set(KEYS), "the call")
        tool = document.value("tool", _text)
        if tool is None:
            raise UnfitCall("`tool` is missing: the name of the tool that is called")
        message = _made(tool, document.raw("arguments") or b"{}")
    is_scan = document.value("record_kind", _is_scan) or False
    return StatedCall(
        _scanned(message) if is_scan else message,
        upstream=document.value("upstream", _text),
        agent=document.value("agent", _text),
        session=_session(document),
        annotations=document.value("annotations", _annotations) or {},
        metadata=document.raw("metadata"),
        sender=document.value("sender_id", _text),
        environment=document.value("environment", _text),
        is_scan=is_scan,
    )


class _Members:
    """The members of the object that stands as the arguments of a call around it."""

    def __init__(self, whole: Message) -> None:
        self.spans: dict[str, tuple[int, int]] = {
            name: (start, end) for name, _, start, end in whole.members(*_AROUND)
        }
        self._whole, self._body = whole, whole.body

    def only(self, known: set[str], what: str) -> None:
        """Raises `UnfitCall` for a member that nobody would look at."""
        for name in self.spans:
            if name not in known:
                close = get_close_matches(name, sorted(known), 1)
                hint = f"; did you mean `{close[0]}`?" if close else ""
                raise UnfitCall(f"unknown key `{name}` in {what}{hint}")

    def raw(self, name: str) -> bytes | None:
        """A member's JSON as it stands there; None for null and for nothing."""
        span = self.spans.get(name)
        text = None if span is None else self._body[slice(*span)]
        return None if text == b"null" else text

    def items(self, name: str) -> list[bytes]:
        """The JSON of each element of a list as it stands there."""
        return [self._body[slice(*span)] for span in self._whole.items(*_AROUND, name)]

    def value(self, name: str, read: Callable[[str, Any], _Read]) -> _Read | None:
        """A member read; None for null and for nothing."""
        text = self.raw(name)
        return None if text is None else read(name, orjson.loads(text))


def _message(text: bytes) -> Message:
    try:
        message = parse_message(text + b"}")
    except MalformedMessage as error:
        raise UnfitCall(str(error.args[3])) from error
    if message.tool is None:
        raise UnfitCall(f"`method` is `{message.method}`: only a `tools/call` is decided")
    return message


def _made(tool: str, arguments: bytes) -> Message:
    try:
        return tool_call(tool, arguments)
    except MalformedMessage as error:
        raise UnfitCall(str(error.args[3])) from error


def _session(document: _Members) -> StatedSession | None:
    text = document.raw("session")
    if text is None:
        return None
    if not text.startswith(b"{"):
        return StatedSession(_text("session", orjson.loads(text)))
    inner = _Members(tool_call(_STATED, text))
    inner.only(set(SESSION_KEYS), "`session`")
    inner.value("evidence", _list)
    names: list[str] = []
    proofs: list[tuple[str, bytes]] = []
    for each in inner.items("evidence"):
        if each.startswith(b"{"):
            proofs.append(_proof(_Members(tool_call(_STATED, each))))
        else:
            names.append(_text("session.evidence", orjson.loads(each)))
    return StatedSession(
        inner.value("id", _text) or _STATED,
        tuple(inner.value("labels", _texts) or ()),
        tuple(inner.value("called", _texts) or ()),
        tuple(names),
        tuple(proofs),
    )


def _is_scan(name: str, value: Any) -> bool:
    if value not in ("tool_call", RECORD_KIND):
        raise UnfitCall(f"`{name}` is `tool_call`, or `{RECORD_KIND}` for what is to be installed")
    return bool(value == RECORD_KIND)


def _scanned(message: Message) -> Message:
    """The scan that somebody states as a call of `install:<kind>`, as Helio judges it."""
    tool = message.tool or ""
    kind = tool.removeprefix(TOOL_PREFIX)
    members = orjson.loads(message.arguments or b"{}")
    for name in members:
        if name not in ("kind", *GLOBS):
            raise UnfitCall(f"a scan has no `{name}`: it has kind, {', '.join(GLOBS)}")
    if not tool.startswith(TOOL_PREFIX) or members.get("kind", kind) != kind:
        raise UnfitCall("the `tool` of a scan is `install:` and its kind")
    try:
        return scan_message({**members, "kind": kind})
    except UnfitScan as error:
        raise UnfitCall(f"arguments: {error}") from error


def _proof(mark: _Members) -> tuple[str, bytes]:
    mark.only({"key", "data"}, "`session.evidence`")
    key, data = mark.value("key", _text), mark.raw("data")
    if key is None or data is None:
        raise UnfitCall("`session.evidence` holds names, or `{key, data}`")
    return key, canonical_json(data)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise UnfitCall(f"`{name}` is text, and not empty")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UnfitCall(f"`{name}` is a list")
    return value


def _texts(name: str, value: Any) -> list[str]:
    return [_text(f"{name}[{index}]", each) for index, each in enumerate(_list(name, value))]


def _annotations(name: str, value: Any) -> Mapping[str, bool]:
    if not isinstance(value, dict):
        raise UnfitCall(f"`{name}` is an object: {', '.join(HINTS)}")
    found: dict[str, bool] = {}
    for hint, given in value.items():
        if hint not in HINTS and hint != "title":
            raise UnfitCall(f"`{name}.{hint}` is none of {', '.join(HINTS)}")
        if isinstance(given, bool):
            found[hint] = given
        elif hint != "title":
            raise UnfitCall(f"`{name}.{hint}` is true or false")
    return found
