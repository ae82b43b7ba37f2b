"""A drawing as a Mermaid flowchart, which GitHub shows in Markdown. Pure.

Above: `helio graph`. Below: `drawing`. Whatever could mean something to Mermaid, or to the
HTML that it writes, stands as an entity by its number (`#34;`), so that no name can break a
picture.
"""

from typing import Final

from helio.diagnostics.rendering import visible
from helio.policy.picture.drawing import ArrowKind, BoxKind, Drawing

_SHAPES: Final[dict[BoxKind, tuple[str, str]]] = {
    "start": ("((", "))"),
    "rule": ("[", "]"),
    "outcome": ("([", "])"),
    "tool": ("[[", "]]"),
    "label": (">", "]"),
    "contributor": ("[/", "/]"),
    "budget": ("[(", ")]"),
}
_ARROWS: Final[dict[ArrowKind, str]] = {
    "next": "-->",
    "decides": "==>",
    "calls": "-.->",
    "needs": "-.->",
    "puts": "-.->",
    "asks": "-.->",
    "feeds": "-->",
}
_PLAIN: Final = frozenset(" .,:/_-")


def as_mermaid(drawing: Drawing) -> str:
    """The text of a flowchart from top to bottom."""
    lines = ["flowchart TD"]
    for box in drawing.boxes.values():
        opening, closing = _SHAPES[box.kind]
        lines.append(f"  {box.id}{opening}{_quoted(box.lines)}{closing}")
    for arrow in drawing.arrows:
        label = f"|{_quoted((arrow.text,))}|" if arrow.text else ""
        lines.append(f"  {arrow.source} {_ARROWS[arrow.kind]}{label} {arrow.target}")
    shadows = [box.id for box in drawing.boxes.values() if box.shadow]
    if shadows:
        lines.append("  classDef shadow stroke-dasharray: 4 4")
        lines.append(f"  class {','.join(shadows)} shadow")
    return "\n".join(lines) + "\n"


def _quoted(lines: tuple[str, ...]) -> str:
    return '"' + "<br/>".join(_escaped(visible(line)) for line in lines) + '"'


def _escaped(line: str) -> str:
    return "".join(
        character if character.isalnum() or character in _PLAIN else f"#{ord(character)};"
        for character in line
    )
