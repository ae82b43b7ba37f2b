"""A drawing in DOT, the language of Graphviz. Pure.

Above: `helio graph`. Below: `drawing`. Source: "The DOT Language", graphviz.org/doc/info/lang.html:
in a double-quoted string only `"` and `\\` have a meaning.
"""

from typing import Final

from helio.diagnostics.rendering import visible
from helio.policy.picture.drawing import ArrowKind, Box, BoxKind, Drawing

_SHAPES: Final[dict[BoxKind, str]] = {
    "start": "shape=circle",
    "rule": "shape=box",
    "outcome": "shape=doubleoctagon",
    "tool": "shape=component",
    "label": "shape=tab",
    "contributor": "shape=note",
    "budget": "shape=cylinder",
}
_STYLES: Final[dict[ArrowKind, str]] = {
    "next": "style=solid",
    "decides": "style=bold",
    "calls": "style=dotted, constraint=false",
    "needs": "style=dashed, constraint=false",
    "puts": "style=dotted, constraint=false",
    "asks": "style=dashed, constraint=false",
    "feeds": "style=solid",
}


def as_dot(drawing: Drawing) -> str:
    """The text of a directed graph."""
    lines = ["digraph helio {", "  node [fontname=Helvetica]", "  edge [fontname=Helvetica]"]
    lines += [f"  {box.id} [{_attributes(box)}]" for box in drawing.boxes.values()]
    for arrow in drawing.arrows:
        label = f"label={_quoted((arrow.text,))}, " if arrow.text else ""
        lines.append(f"  {arrow.source} -> {arrow.target} [{label}{_STYLES[arrow.kind]}]")
    return "\n".join([*lines, "}"]) + "\n"


def _attributes(box: Box) -> str:
    shadow = ", style=dashed" if box.shadow else ""
    return f"label={_quoted(box.lines)}, {_SHAPES[box.kind]}{shadow}"


def _quoted(lines: tuple[str, ...]) -> str:
    escaped = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
