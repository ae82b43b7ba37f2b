"""The tools of upstreams, found by the globs of rules.

Above: `findings`. Below: `schemas`, `helio.evaluator`. Pure.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import orjson

from helio.evaluator import glob_matches
from helio.policy.document import AnnotationTest
from helio.policy.tool_types.schemas import Schema, schema_of

DEFAULTS: Final = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": True,
}
"""What MCP takes for granted of a tool that says nothing (schema `ToolAnnotations`)."""

_SPECIAL = re.compile(r"[*?\[{\\]")
_LAST_CHARACTER = chr(0x10FFFF)
_LAST_SPECIAL = re.compile(r".*[*?\]}\\]", re.S)


@dataclass(frozen=True, eq=False)
class KnownTool:
    """One tool of an upstream. `definition` is the JSON text of MCP's `Tool`."""

    upstream: str
    name: str
    definition: bytes

    @cached_property
    def schema(self) -> Schema:
        """What its arguments look like."""
        return schema_of(self.definition)

    @cached_property
    def hints(self) -> Mapping[str, bool]:
        """Its annotations as rules see them: MCP's defaults for what it does not say."""
        found = orjson.loads(self.definition).get("annotations")
        said = found if isinstance(found, dict) else {}
        hints = {
            hint: said[hint] if isinstance(said.get(hint), bool) else default
            for hint, default in DEFAULTS.items()
        }
        hints["destructiveHint"] &= not hints["readOnlyHint"]
        return hints

    def has(self, tests: Iterable[AnnotationTest]) -> bool:
        """Whether all conditions on annotations hold."""
        return all(self.hints[test.hint] == test.value for test in tests)


KnownTools = Mapping[str, Sequence[KnownTool]]
"""All tools of each upstream of which they are known."""


class ToolIndex:
    """Tools by name; what globs describe is looked up once."""

    def __init__(self, tools: Iterable[KnownTool]) -> None:
        self._by_name: dict[str, list[KnownTool]] = {}
        for tool in tools:
            self._by_name.setdefault(tool.name, []).append(tool)
        self.names = sorted(self._by_name)
        self._found: dict[str, tuple[KnownTool, ...]] = {}

    @cached_property
    def all(self) -> tuple[KnownTool, ...]:
        """Every tool, by name."""
        return tuple(tool for name in self.names for tool in self._by_name[name])

    def matching(self, glob: str) -> tuple[KnownTool, ...]:
        """The tools whose names a glob describes."""
        if is_name(glob):
            return tuple(self._by_name.get(glob, ()))
        found = self._found.get(glob)
        if found is None:
            names = [name for name in self._candidates(glob) if glob_matches(glob, name)]
            found = tuple(tool for name in names for tool in self._by_name[name])
            self._found[glob] = found
        return found

    def _candidates(self, glob: str) -> Iterable[str]:
        """Names that begin and end as the glob does."""
        beginning = _SPECIAL.split(glob, maxsplit=1)[0]
        ending = _LAST_SPECIAL.sub("", glob)
        first = bisect_left(self.names, beginning)
        last = bisect_right(self.names, beginning + _LAST_CHARACTER)
        return [name for name in self.names[first:last] if name.endswith(ending)]


def is_name(glob: str) -> bool:
    """Whether a glob describes one text, itself."""
    return not _SPECIAL.search(glob)
