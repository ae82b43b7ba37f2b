"""The conditions of a rule, each about one subject.

Above: `spaces`, `findings`. Below: `helio.policy.document`. Pure. A rule is the and of its
conditions; a condition on several names of a session is one on each.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from helio.diagnostics import Interpolated, Mapping, Node, Scalar, Sequence, Span, quoted
from helio.evaluator import glob_matches
from helio.policy.document import Match, Rule, Selection
from helio.policy.operands import operand_json
from helio.policy.patterns import may_select_several, normal_metadata_path, normal_path

Subject: TypeAlias = tuple[str, ...]
"""What a condition is about: `tool`, `upstream`, `agent`, `annotations`, `labels` or `called` with
a name, `input` or `metadata` with a normalised path."""


_NOWHERE: Final = (Span(1, 1, 1, 1), "")


class Condition:
    """One condition. Those of one subject and meaning are equal, wherever they stand.

    `meaning` are the globs (tool, upstream, agent), the hint and its value (annotations), whether
    the name is there (labels, called), or the quantifier and the tests (input, metadata). `nodes`
    are what the file says, `asked` the operators in its order; `span` and `path` are where. What
    comes from no file has none of that.
    """

    __slots__ = ("_hash", "_named", "asked", "meaning", "nodes", "path", "span", "subject")

    def __init__(
        self,
        subject: Subject,
        meaning: tuple[Any, ...],
        place: tuple[Span, str] = _NOWHERE,
        nodes: tuple[Node, ...] = (),
        shown: tuple[tuple[str, ...], str | None] = ((), None),
    ) -> None:
        self.subject = subject
        self.meaning = meaning
        self.nodes = nodes
        self.span, self.path = place
        self.asked, self._named = shown
        self._hash = hash((subject, meaning))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Condition)
            and self._hash == other._hash
            and self.subject == other.subject
            and self.meaning == other.meaning
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def shown(self) -> str:
        """How messages call it."""
        asked = " and ".join(f"`{each}`" for each in self.asked)
        return asked if self._named is None else f"{asked} of {self.about}"

    @property
    def about(self) -> str:
        """The subject as messages call it, without what is asked of it."""
        return quoted(self.subject[-1] if self._named is None else self._named)

    @property
    def is_told(self) -> bool:
        """False where it holds what came from the environment, which no finding may repeat."""
        return all(map(_is_told, self.nodes))


def conditions_of(rule: Rule) -> list[Condition]:
    """All conditions, the environment excepted."""
    return [] if rule.match is None else list(_conditions(rule.match, rule.path))


def is_elsewhere(rule: Rule, environment: str | None) -> bool:
    """Whether the rule is for another environment, and so for no call here."""
    if rule.match is None or environment is None:
        return False
    wanted = rule.match.environment
    return bool(wanted) and not any(glob_matches(text.value, environment) for text in wanted)


def _conditions(match: Match, path: str) -> Iterator[Condition]:
    for subject, globs in (
        ("tool", match.tool),
        ("upstream", match.upstream),
        ("agent", match.agent),
    ):
        if globs:
            meaning = tuple(sorted({str(text.value) for text in globs}))
            nodes = tuple(text.node for text in globs)
            place = (globs[0].span, globs[0].path)
            yield Condition((subject,), meaning, place, nodes, ((subject,), None))
    for test in match.annotations:
        place = (test.span, f"{path}.match.annotations.{test.hint}")
        hint = (test.hint, test.value)
        yield Condition(("annotations",), hint, place, shown=((test.hint,), None))
    if match.labels or match.called or match.not_called:
        yield from _facts(match)
    for selection in match.input:
        yield from _selection("input", selection)
    for selection in match.metadata:
        yield from _selection("metadata", selection)


def _facts(match: Match) -> Iterator[Condition]:
    """One condition for each name."""
    for subject, key, names in (
        ("labels", "labels", match.labels),
        ("called", "called", match.called),
        ("called", "not_called", match.not_called),
    ):
        for text in names:
            about = (subject, str(text.value))
            is_there = (key != "not_called",)
            shown = ((key,), text.value)
            yield Condition(about, is_there, (text.span, text.path), (text.node,), shown)


def _selection(kind: str, selection: Selection) -> Iterator[Condition]:
    """One condition for each operator where one value at most is selected, else one for all."""
    normal = normal_path if kind == "input" else normal_metadata_path
    selector = selection.selector
    path = normal(selector.value)
    about = (kind, path)
    operations = selection.operations
    groups = [operations] if may_select_several(path) else [(each,) for each in operations]
    for group in groups:
        tests = tuple(sorted([(each.operator, operand_json(each)) for each in group]))
        nodes = (selector.node, *[each.operand for each in group])
        asked = tuple([each.operator for each in group])
        place = (group[0].operand.span, group[0].path)
        meaning = (selection.quantifier, tests)
        yield Condition(about, meaning, place, nodes, (asked, selector.value))


def _is_told(node: Node) -> bool:
    """Whether nothing in it came from the environment."""
    match node:
        case Scalar(value=value):
            return not isinstance(value, Interpolated)
        case Sequence(items=items):
            return all(_is_told(item) for item in items)
        case Mapping(entries=entries):
            return all(_is_told(entry.value) for entry in entries.values())
