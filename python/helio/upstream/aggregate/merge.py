"""One answer out of what several upstreams answered. Pure.

Above: `helio.upstream.aggregate.routes`, `helio.upstream.aggregate.sessions`. Items of lists are
the upstreams' own bytes but for their names; what Helio says of them all is made anew.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from helio.evaluator import VERSION, Answer
from helio.protocol.modern.document import raw, text
from helio.protocol.revisions import supported
from helio.upstream.aggregate.wording import named_items
from helio.upstream.bridge.envelope import SERVER_INFO

INFO: Final = {"name": "helio", "title": "Helio", "version": VERSION}


class Listed(NamedTuple):
    """Where the items of a list stand in its result, and the member that names them (None: nothing
    of them is renamed)."""

    key: str
    name: str | None
    is_uri: bool = False


LISTS: Final[Mapping[str, Listed]] = {
    "tools/list": Listed("tools", "name"),
    "prompts/list": Listed("prompts", "name"),
    "resources/list": Listed("resources", "uri", is_uri=True),
    "resources/templates/list": Listed("resourceTemplates", "uriTemplate", is_uri=True),
    "tasks/list": Listed("tasks", None),
}
"""The methods that list things."""


@dataclass(frozen=True, slots=True)
class Validity:
    """For how long a result may be kept (milliseconds), and whether by others than its agent."""

    ttl_ms: int = 0
    public: bool = False


def validity(answer: Answer) -> Validity:
    """What a result says of it (2026-07-28, `CacheableResult`); what is unclear holds for no time
    and one agent."""
    ttl = raw(answer, "result", "ttlMs")
    usable = ttl is not None and ttl.isdigit() and len(ttl) <= 15
    public = text(raw(answer, "result", "cacheScope")) == "public"
    return Validity(int(ttl) if usable and ttl is not None else 0, public)


def strictest(found: Iterable[Validity]) -> Validity:
    """For how long all of them hold; of nothing, not at all."""
    every = list(found)
    if not every:
        return Validity()
    return Validity(min(each.ttl_ms for each in every), all(each.public for each in every))


def items_of(answer: Answer, upstream: str, listed: Listed) -> list[bytes]:
    """The items of one page, as the agent gets them."""
    items = answer.items("result", listed.key)
    if listed.name is None:
        return [answer.body[start:end] for start, end in items]
    names = answer.column(listed.name, "result", listed.key)
    return named_items(answer, upstream, items, names, is_uri=listed.is_uri)


def list_answer(
    identifier: bytes, listed: Listed, items: Iterable[bytes], holds: Validity | None
) -> bytes:
    """The answer with all items on one page; `holds` None: the agent's revision knows no such
    thing."""
    members = [b'"%b":[%b]' % (listed.key.encode(), b",".join(items))]
    if holds is not None:
        members += _typed(holds)
    return _answer(identifier, members)


def discover_answer(
    identifier: bytes,
    capabilities: Mapping[str, Any],
    instructions: str | None,
    holds: Validity,
) -> bytes:
    """The answer to `server/discover` (2026-07-28, Discovery)."""
    members = [
        b'"supportedVersions":' + orjson.dumps(supported(enveloped=False)),
        b'"capabilities":' + json_text(capabilities),
        *_typed(holds),
    ]
    if instructions is not None:
        members.append(b'"instructions":' + json_text(instructions))
    return _answer(identifier, members)


def initialize_answer(
    identifier: bytes, revision: str, capabilities: Mapping[str, Any], instructions: str | None
) -> bytes:
    """The answer to `initialize` (2025-11-25, Lifecycle)."""
    members = [
        b'"protocolVersion":' + orjson.dumps(revision),
        b'"capabilities":' + json_text(capabilities),
        b'"serverInfo":' + orjson.dumps(INFO),
    ]
    if instructions is not None:
        members.append(b'"instructions":' + json_text(instructions))
    return _answer(identifier, members)


@dataclass(frozen=True, slots=True)
class Described:
    """What one upstream says of itself when a conversation with it begins."""

    capabilities: Mapping[str, Any]
    instructions: str | None


def described(answer: Answer) -> Described:
    """What the result of `initialize` or `server/discover` says."""
    found = raw(answer, "result", "capabilities")
    capabilities = None if found is None else json.loads(found, parse_float=_finite)
    return Described(
        capabilities if isinstance(capabilities, dict) else {},
        text(raw(answer, "result", "instructions")),
    )


def all_capabilities(every: Iterable[Described]) -> dict[str, Any]:
    """What any of them can do. Lists of tools change when an upstream comes or goes, whatever the
    upstreams announce themselves."""
    union: dict[str, Any] = {"tools": {}}
    for each in every:
        union = _union(union, each.capabilities)
    for group in ("tools", "prompts", "resources"):
        if isinstance(union.get(group), dict):
            union[group] = {**union[group], "listChanged": True}
    return union


def all_instructions(every: Sequence[tuple[str, Described]]) -> str | None:
    """The instructions of all, each under the name of its upstream; None when there are none."""
    found = [
        f"# {name}\n\n{each.instructions}" for name, each in every if each.instructions is not None
    ]
    return "\n\n".join(found) if found else None


def _union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    union = dict(left)
    for key, value in right.items():
        held = union.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            union[key] = _union(held, value)
        elif not held:
            union[key] = value
    return union


def _typed(holds: Validity) -> list[bytes]:
    """What every result of 2026-07-28 that may be kept says beside its own."""
    return [
        b'"resultType":"complete"',
        b'"ttlMs":%d' % holds.ttl_ms,
        b'"cacheScope":"%b"' % (b"public" if holds.public else b"private"),
        b'"_meta":{"%b":%b}' % (SERVER_INFO.encode(), orjson.dumps(INFO)),
    ]


def json_text(value: object) -> bytes:
    """JSON in ASCII: an upstream's texts may hold lone surrogates."""
    return json.dumps(value, separators=(",", ":")).encode()


def _finite(digits: str) -> float | None:
    """A number with a fraction or an exponent; None for one that no reader could hold."""
    value = float(digits)
    return value if math.isfinite(value) else None


def _answer(identifier: bytes, members: Sequence[bytes]) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":{%b}}' % (identifier, b",".join(members))
