"""The tool catalogue: what an upstream says of its tools, as facts for decisions.

Above: `helio.pipeline`, `helio.app` (which replaces the definitions on Helio's own clock). Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from helio.evaluator import pack_hints


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: `hints` as `helio.evaluator.pack_hints` packs its annotations."""

    name: str
    hints: int
    destructive: bool
    declares_output: bool


class Catalogue:
    """The tools of one upstream. Empty and `primed == False` until the first list arrived."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self.primed = False

    def replace(self, definitions: Iterable[Mapping[str, object]]) -> None:
        """Takes the whole `tools/list` of an upstream in place of what was known.

        Definitions are the raw objects of MCP's `Tool`. One without a text for its name is left
        out: no call can name it. Of duplicates the first counts only where both agree; where they
        differ nothing is taken as known, so that rules see MCP's defaults.
        """
        tools: dict[str, Tool] = {}
        for definition in definitions:
            tool = _read(definition)
            if tool is None:
                continue
            known = tools.get(tool.name)
            if known is not None and known != tool:
                tool = Tool(tool.name, 0, destructive=True, declares_output=True)
            tools[tool.name] = tool
        self._tools = tools
        self.primed = True

    def find(self, name: str) -> Tool | None:
        """The tool of exactly this name, None when the upstream did not list it."""
        return self._tools.get(name)

    def __len__(self) -> int:
        return len(self._tools)


def _read(definition: Mapping[str, object]) -> Tool | None:
    name = definition.get("name")
    if not isinstance(name, str):
        return None
    found = definition.get("annotations")
    annotations = found if isinstance(found, Mapping) else {}
    return Tool(
        name=name,
        hints=pack_hints(annotations),
        destructive=is_destructive(annotations),
        declares_output=definition.get("outputSchema") is not None,
    )


def is_destructive(annotations: Mapping[str, object]) -> bool:
    """MCP's reading: destructive unless read-only or said not to be (schema `ToolAnnotations`)."""
    return (
        annotations.get("readOnlyHint") is not True
        and annotations.get("destructiveHint") is not False
    )
