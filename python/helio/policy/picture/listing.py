"""A drawing as text: the rules in order, where they lead, and what they have to do with each other.
Pure.

Above: `helio graph`. Below: `drawing`.
"""

from collections.abc import Iterable, Iterator, Mapping

from helio.diagnostics.rendering import visible
from helio.policy.picture.drawing import Arrow, Box, Drawing


def as_text(drawing: Drawing) -> str:
    """Lines for people."""
    leaving: dict[str, list[Arrow]] = {}
    for arrow in drawing.arrows:
        leaving.setdefault(arrow.source, []).append(arrow)
    boxes = drawing.boxes
    lines = [line for box in boxes.values() for line in _shown(box, leaving.get(box.id, ()), boxes)]
    return "\n".join([*lines, f"policy {drawing.policy}"]) + "\n"


def _shown(box: Box, leaving: Iterable[Arrow], boxes: Mapping[str, Box]) -> Iterator[str]:
    """A box with all arrows that leave it, but for those that only lead to the next rule."""
    if box.kind in ("start", "outcome"):
        return
    head, *others = map(visible, box.lines)
    place = "" if box.span is None else f" (line {box.span.line})"
    yield f"{head}{place}"
    yield from (f"  when {line}" for line in others if box.kind == "rule")
    yield from (f"  {line}" for line in others if box.kind != "rule")
    for arrow in leaving:
        target = boxes[arrow.target]
        if arrow.kind != "next" or target.kind == "outcome":
            text = f" ({visible(arrow.text)})" if arrow.text else ""
            yield f"  -> {visible(target.lines[0])}{text}"
    yield ""
