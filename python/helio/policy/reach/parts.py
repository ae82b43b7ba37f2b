"""Parts of conditions that change nothing: a glob whose names another one of its list describes, a
value of `in` that stands there already.

Above: `findings`. Below: `languages`, `values`, `codes`. Pure.
"""

from collections.abc import Iterable
from decimal import Decimal
from itertools import combinations

from helio.diagnostics import Diagnostics, Label, Node, child_path, opening, quoted
from helio.diagnostics import Scalar as ScalarNode
from helio.diagnostics import Sequence as SequenceNode
from helio.policy import codes
from helio.policy.operands import MEMBERSHIP, json_text
from helio.policy.reach.candidates import beginning
from helio.policy.reach.conditions import Condition
from helio.policy.reach.effort import Effort, TooLarge
from helio.policy.reach.languages import distinguish
from helio.policy.reach.values import read, written


def check_parts(conditions: Iterable[Condition], effort: Effort, diagnostics: Diagnostics) -> None:
    """Adds what changes nothing to `diagnostics`. Raises `Exhausted`."""
    for condition in conditions:
        try:
            if condition.subject[0] in ("tool", "upstream", "agent"):
                _globs(condition, effort, diagnostics)
            elif condition.subject[0] in ("input", "metadata"):
                _members(condition, diagnostics)
        except TooLarge as error:
            effort.doubt(f"{condition.about}: {error.why}")


def _globs(condition: Condition, effort: Effort, diagnostics: Diagnostics) -> None:
    if len(condition.nodes) == 1:
        return
    nodes = [node for node in condition.nodes if isinstance(node, ScalarNode)]
    texts = [str(node.value) for node in nodes]
    if not any(_may_share(left, right) for left, right in combinations(texts, 2)):
        return
    vectors = [
        {place for place, is_in in enumerate(vector) if is_in}
        for vector in distinguish([[("glob", text)] for text in texts], effort, not_empty=True)
    ]
    kept = set(range(len(texts)))
    for place in reversed(range(len(texts))):
        fewer = kept - {place}
        if any(place in vector and not vector & fewer for vector in vectors):
            continue
        kept = fewer
        others = [
            other
            for other in sorted(kept)
            if all(other in vector for vector in vectors if place in vector)
        ]
        by = f"{quoted(_said(nodes[others[0]]))} describes" if others else "the others describe"
        message = f"{quoted(_said(nodes[place]))} changes nothing here: {by} all of its names"
        related = [Label(nodes[other].span, "describes them, too") for other in others[:1]]
        path = f"{condition.path.removesuffix('[0]')}[{place}]"
        span = nodes[place].span
        diagnostics.add(codes.PART_WITHOUT_EFFECT, message, span, path, related=related)


def _said(node: ScalarNode) -> str:
    return node.value if isinstance(node.value, str) else str(node.value)


def _may_share(left: str, right: str) -> bool:
    """False where no name matches both, as their beginnings show."""
    one, other = beginning(left), beginning(right)
    return one.startswith(other) or other.startswith(one)


def _members(condition: Condition, diagnostics: Diagnostics) -> None:
    """Values that stand in a list before, by value: `1` and `1.0`."""
    if MEMBERSHIP.isdisjoint(condition.asked):
        return
    for node, operator in zip(condition.nodes[1:], condition.asked, strict=True):
        if operator not in MEMBERSHIP or not isinstance(node, SequenceNode):
            continue
        first: dict[tuple[str, object], Node] = {}
        for number, item in enumerate(node.items):
            known = first.setdefault(_value(item), item)
            if known is not item:
                message = "this value stands in the list before"
                related = [Label(opening(known), "the first one")]
                place = opening(item)
                path = child_path(condition.path, number)
                diagnostics.add(codes.PART_WITHOUT_EFFECT, message, place, path, related=related)


def _value(item: Node) -> tuple[str, object]:
    """Equal for values that are equal to each other."""
    if isinstance(item, ScalarNode) and isinstance(item.value, str):
        return "str", str(item.value)
    value = read(json_text(item))
    kept = value if isinstance(value, Decimal) else written(value)
    return type(value).__name__, kept
