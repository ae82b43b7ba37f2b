"""What an upstream says of one tool: its definition, read into facts and fingerprints. Pure.

Above: `helio.governance.catalogue` (holds them), `helio.governance.lock` (keeps them in a file).
Below: `helio.evaluator`, `helio.protocol.modern`.

A fingerprint is the sha256 of the definition's canonical JSON, whole: the order of members and
the layout of numbers do not count, everything else does. Each member has a short one of its own,
which says where two definitions differ.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

import orjson

from helio.evaluator import canonical_json, inspect_answer, pack_hints
from helio.protocol.modern import Parameters, parameter_headers

ADDED: Final = "added"
REMOVED: Final = "removed"
DUPLICATE: Final = "duplicate"
UNREADABLE: Final = "unreadable"
UNVERIFIED: Final = "unverified"
"""Aspects of a difference that are no member: the tool is not in the lock; it has a pin and is not
listed; it is listed more than once; its definition is not strict JSON; the upstream has not listed
its tools since the start, and what they are is pinned."""

OTHER: Final = "other"
"""The aspect of all members that are not told by their own names."""

MAX_NAME: Final = 256
"""Bytes of a tool's name; calls that name a longer one are refused."""

LONGEST_KEPT: Final = 16 * 1024
"""Bytes of a definition that is kept beside its fingerprint, to be shown."""

_ASPECTS = 32
_ASPECT = re.compile(r"[A-Za-z0-9_./-]{1,64}")
"""Members that are told by their names. What agents are told of drift can hold no sentence that
the upstream wrote."""
_TAKEN = frozenset((ADDED, REMOVED, DUPLICATE, UNREADABLE, UNVERIFIED, OTHER))
_SHORT = 12
_MIRRORED: Final = b'"x-mcp-header"'

_READ_ONLY = (0b0011, 0b0011)
_NOT_DESTRUCTIVE = (0b1100, 0b0100)
"""Mask and bits of `pack_hints`: known and true, known and false."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a definition is told from another by.

    `fingerprint` is 64 hex digits, `hints` the annotations as `helio.evaluator.pack_hints` packs
    them, `aspects` a short fingerprint of each member but the name. `definition` is its canonical
    JSON, to be shown; None where it was not kept.
    """

    fingerprint: str
    hints: int
    aspects: Mapping[str, str]
    definition: bytes | None = field(default=None, compare=False, repr=False)

    @classmethod
    def restored(cls, values: Sequence[Any]) -> Self:
        """From `stored`. Raises ValueError or TypeError for other values.

        A definition that is not that of the fingerprint is left out.
        """
        fingerprint, hints, aspects, *kept = values
        definition = None if not kept else str(kept[0]).encode()
        if definition is not None and hashlib.sha256(definition).hexdigest() != fingerprint:
            definition = None
        return cls(str(fingerprint), int(hints), dict(aspects), definition)

    def stored(self) -> list[object]:
        """As a JSON value for the journal."""
        kept = [] if self.definition is None else [self.definition.decode()]
        return [self.fingerprint, self.hints, dict(self.aspects), *kept]

    def without_definition(self) -> "Identity":
        """The same, with nothing to be shown."""
        return replace(self, definition=None)

    def differences(self, other: "Identity") -> tuple[str, ...]:
        """The names of the members that differ, sorted; none for the same definition."""
        if self.fingerprint == other.fingerprint:
            return ()
        names = self.aspects.keys() | other.aspects.keys()
        differing = (name for name in names if self.aspects.get(name) != other.aspects.get(name))
        return tuple(sorted(differing)) or (OTHER,)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as its upstream lists it.

    `fault` says why no definition counts: the name is listed more than once (`duplicate`), or the
    definition is not strict JSON (`unreadable`). `views` are the packed hints of everything that
    was said of it. `parameters` are the arguments that are mirrored as headers (2026-07-28).
    """

    name: str
    identity: Identity
    declares_output: bool
    views: tuple[int, ...]
    parameters: Parameters = field(default_factory=dict)
    fault: Literal["duplicate", "unreadable"] | None = None

    @property
    def hints(self) -> int:
        """The known annotations, as `helio.evaluator.pack_hints` packs them."""
        return self.identity.hints

    @property
    def fingerprint(self) -> str:
        """The whole definition's, 64 hex digits."""
        return self.identity.fingerprint

    @property
    def destructive(self) -> bool:
        """Whether it may do what cannot be undone."""
        return is_destructive(self.hints)


def is_destructive(hints: int) -> bool:
    """MCP's reading: destructive unless read-only or said not to be (schema `ToolAnnotations`)."""
    return not any(hints & mask == bits for mask, bits in (_READ_ONLY, _NOT_DESTRUCTIVE))


def read_definition(raw: bytes) -> tuple[Tool, ...]:
    """The tool that a definition (an object of MCP's `Tool`, as it came) defines.

    None when no call can name it. One that is not strict JSON, above all one whose keys repeat,
    gives a faulty tool for each name that a reader could see in it.
    """
    names = _names(raw)
    try:
        canonical = canonical_json(raw)
    except ValueError:
        return tuple(_faulty(name, UNREADABLE, (raw,)) for name in names)
    return tuple(_read(name, canonical) for name in names)


def merged(first: Tool, second: Tool) -> Tool:
    """Two definitions of one name: nothing that they say is taken as known, so that rules see
    MCP's defaults."""
    fingerprints = tuple(sorted((first.fingerprint.encode(), second.fingerprint.encode())))
    views = tuple(dict.fromkeys((*first.views, *second.views)))
    return _faulty(first.name, DUPLICATE, fingerprints, views)


def _names(raw: bytes) -> tuple[str, ...]:
    names = []
    for key, value in _members(raw):
        if key == "name" and value.startswith(b'"'):
            try:
                name = orjson.loads(value)
            except orjson.JSONDecodeError:  # A lone surrogate: no call can name it.
                continue
            if 0 < len(name.encode()) <= MAX_NAME:
                names.append(name)
    return tuple(dict.fromkeys(names))


def _members(raw: bytes) -> list[tuple[str, bytes]]:
    """The members of an object, decoded keys with raw values, those that repeat included."""
    around = inspect_answer(b'{"jsonrpc":"2.0","id":0,"result":' + raw + b"}")
    if around is None:
        return []
    body = around.body
    return [(name, body[start:end]) for name, _, start, end in around.members("result")]


def _read(name: str, canonical: bytes) -> Tool:
    members = dict(_members(canonical))
    annotations = orjson.loads(members.get("annotations", b"null"))
    hints = pack_hints(annotations if isinstance(annotations, dict) else None)
    schema = members.get("inputSchema", b"null")
    mirrored = parameter_headers(orjson.loads(schema)) if _MIRRORED in schema else {}
    kept = canonical if len(canonical) <= LONGEST_KEPT else None
    return Tool(
        name=name,
        identity=Identity(hashlib.sha256(canonical).hexdigest(), hints, _aspects(members), kept),
        declares_output=members.get("outputSchema", b"null") != b"null",
        views=(hints,),
        parameters=mirrored,
    )


def _aspects(members: Mapping[str, bytes]) -> dict[str, str]:
    aspects: dict[str, str] = {}
    rest = hashlib.sha256()
    others = False
    for name, value in members.items():
        if name == "name":
            continue
        if len(aspects) < _ASPECTS and name not in _TAKEN and _ASPECT.fullmatch(name):
            aspects[name] = hashlib.sha256(value).hexdigest()[:_SHORT]
        else:
            others = True
            rest.update(orjson.dumps(name) + b":" + value + b",")
    if others:
        aspects[OTHER] = rest.hexdigest()[:_SHORT]
    return aspects


def _faulty(
    name: str,
    fault: Literal["duplicate", "unreadable"],
    parts: tuple[bytes, ...],
    views: tuple[int, ...] = (0,),
) -> Tool:
    digest = hashlib.sha256(b"\n".join((fault.encode(), *parts))).hexdigest()
    # Nothing known: without `structuredContent` no client can refuse Helio's answers.
    return Tool(name, Identity(digest, 0, {}), declares_output=True, views=views, fault=fault)
