"""`helio.tools.lock`: the accepted tool definitions of every upstream, as a file that people read
and keep under version control.

Above: `helio.runtime.tools` (takes it), `helio.cli.tools` (writes it). Below:
`helio.governance.definitions`. Pure: bytes in, bytes out.

```
{"helio_tools_lock": 1,
 "upstreams": {"<upstream>": {"<tool>": {"definition": {…}, "fingerprint": "sha256:<64 hex>"}}}}
```

Keys are sorted and every value stands on a line of its own, so that a change of one tool changes
its own lines only. The definition is there whole, with all digits of its numbers; characters that
nobody sees stand as escapes.
"""

import difflib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import orjson

from helio.evaluator import canonical_json
from helio.governance.catalogue import Pins
from helio.governance.definitions import Tool, read_definition

VERSION: Final = 1
PREFIX: Final = "sha256:"
MAX_BYTES: Final = 64 * 1024 * 1024

_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Zl", "Zp"))
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


class LockError(ValueError):
    """A lock that cannot be trusted. The text says why, with a place where there is one."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One accepted tool: `definition` is canonical JSON, `tool` what it says."""

    definition: bytes
    tool: Tool


@dataclass(frozen=True, slots=True)
class ToolLock:
    """All accepted tools, by upstream and name."""

    upstreams: Mapping[str, Mapping[str, Locked]] = field(default_factory=dict)

    def pins(self, upstream: str) -> Pins:
        """The pins of one upstream; empty when the lock does not know it."""
        found = self.upstreams.get(upstream, {})
        return {name: each.tool.identity for name, each in found.items()}

    def with_upstream(self, upstream: str, tools: Mapping[str, Locked]) -> "ToolLock":
        """The same lock with these tools as all that it holds of `upstream`."""
        return ToolLock({**self.upstreams, upstream: tools})

    def encode(self) -> bytes:
        """The file's text."""
        upstreams = {
            upstream: {
                name: {
                    "definition": _exact(each.definition),
                    "fingerprint": PREFIX + each.tool.fingerprint,
                }
                for name, each in tools.items()
            }
            for upstream, tools in self.upstreams.items()
        }
        whole = {"helio_tools_lock": VERSION, "upstreams": upstreams}
        return _laid_out(whole).encode() + b"\n"


def accepted(raw: bytes) -> Locked | None:
    """A definition as the lock holds it; None for one that cannot be accepted: it is not strict
    JSON, or no call can name it."""
    tools = read_definition(raw)
    if len(tools) != 1 or tools[0].fault is not None:
        return None
    return Locked(canonical_json(raw), tools[0])


def parse_lock(text: bytes) -> ToolLock:
    """Reads the file. Raises `LockError` unless it is whole: every fingerprint is that of its
    definition, every definition is of the tool that it stands under."""
    if len(text) > MAX_BYTES:
        raise LockError(f"over {MAX_BYTES} bytes")
    whole = _object(_parsed(text), "the file", {"helio_tools_lock", "upstreams"})
    if orjson.dumps(whole["helio_tools_lock"]) != str(VERSION).encode():
        raise LockError(f"`helio_tools_lock` is not {VERSION}: another version of Helio wrote it")
    upstreams = _object(whole["upstreams"], "`upstreams`")
    return ToolLock(
        {
            upstream: {
                name: _locked(entry, name, f"`upstreams.{upstream}.{name}`")
                for name, entry in _object(tools, f"`upstreams.{upstream}`").items()
            }
            for upstream, tools in upstreams.items()
        }
    )


def pretty(definition: bytes) -> str:
    """Strict JSON laid out for people: sorted, a value a line, all digits kept.

    Characters that nobody sees, or that move others about, are written as escapes.
    """
    return _laid_out(_exact(definition))


def difference(accepted: bytes | None, listed: Iterable[bytes]) -> list[str]:
    """The lines of a unified diff from what was accepted to what is listed, both laid out for
    people; what is no strict JSON stands as it came."""
    before = [] if accepted is None else pretty(accepted).split("\n")
    after = [line for raw in listed for line in _shown(raw).split("\n")]
    return list(difflib.unified_diff(before, after, "accepted", "listed", lineterm=""))


def _shown(raw: bytes) -> str:
    try:
        return pretty(raw)
    except ValueError:  # Not strict JSON: as it came.
        return visible(raw.decode("utf-8", "replace"))


def visible(text: str) -> str:
    """Text with escapes for characters that nobody sees, or that move others about; a line's end
    stays."""
    if text.isascii() and text.isprintable():
        return text
    unseen = (each for each in set(text) if unicodedata.category(each) in _UNSEEN and each != "\n")
    return text.translate({ord(each): json.dumps(each)[1:-1] for each in unseen})


def _laid_out(value: object) -> str:
    # Between the strings everything is printable or a line's end: every escape falls into a string.
    return visible(orjson.dumps(value, option=_PRETTY).decode())


def _locked(entry: object, name: str, where: str) -> Locked:
    members = _object(entry, where, {"definition", "fingerprint"})
    definition = _object(members["definition"], f"{where}.definition")
    try:
        found = accepted(orjson.dumps(definition))
    except orjson.JSONEncodeError as error:
        raise LockError(f"{where}.definition: {error}") from None
    if found is None or found.tool.name != name:
        raise LockError(f"{where}.definition is no definition of the tool {name!r}")
    if members["fingerprint"] != PREFIX + found.tool.fingerprint:
        raise LockError(f"{where}: the fingerprint is not the definition's")
    return found


def _object(value: object, where: str, members: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LockError(f"{where} is not an object")
    if members is not None and value.keys() != members:
        wanted = " and ".join(f"`{each}`" for each in sorted(members))
        raise LockError(f"{where} must hold {wanted}, and nothing else")
    return value


def _parsed(text: bytes) -> object:
    try:
        return _exact(text)
    except json.JSONDecodeError as error:
        raise LockError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise LockError(str(error)) from None


def _exact(text: bytes) -> object:
    """JSON with its numbers as they are written. Raises ValueError, for keys that repeat too."""
    return json.loads(
        text,
        object_pairs_hook=_no_repeats,
        parse_int=_number,
        parse_float=_number,
        parse_constant=_no_number,
    )


def _number(digits: str) -> orjson.Fragment:
    return orjson.Fragment(digits.encode())


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members
