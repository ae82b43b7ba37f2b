"""A drawing as text: the rules in order, where they lead, and what they have to do with each other.
Pure.

Above: `helio graph`. Below: `drawing`.
"""

from collections.abc import Iterator

from helio.diagnostics.rendering import visible
from helio.policy.picture.drawing import Box, Drawing


def as_text(drawing: Drawing) -> str:
    """Lines for people."""
    lines = [line for box in drawing.boxes.values() for line in _shown(box, drawing)]
    return "\n".join([*lines, f"policy {drawing.policy}"]) + "\n"


def _shown(box: Box, drawing: Drawing) -> Iterator[str]:
    """A box with all arrows that leave it, but for those that only lead to the next rule."""
    if box.kind in ("start", "outcome"):
        return
    head, *others = map(visible, box.lines)
    place = "" if box.span is None else f" (line {box.span.line})"
    yield f"{head}{place}"
    yield from (f"  when {line}" for line in others if box.kind == "rule")
    yield from (f"  {line}" for line in others if box.kind != "rule")
    for arrow in drawing.arrows:
        target = drawing.boxes[arrow.target]
        if arrow.source == box.id and (arrow.kind != "next" or target.kind == "outcome"):
            text = f" ({visible(arrow.text)})" if arrow.text else ""
            yield f"  -> {visible(target.lines[0])}{text}"
    yield ""
