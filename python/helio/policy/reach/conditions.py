"""The conditions of a rule, each about one subject.

Above: `spaces`, `findings`. Below: `helio.policy.document`. Pure. A rule is the and of its
conditions; a condition on several names of a session is one on each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from helio.diagnostics import Interpolated, Mapping, Node, Scalar, Sequence, Span, quoted
from helio.evaluator import glob_matches
from helio.policy.document import Match, Rule, Selection
from helio.policy.operands import operand_json
from helio.policy.patterns import may_select_several, normal_metadata_path, normal_path

Subject: TypeAlias = tuple[str, ...]
"""What a condition is about: `tool`, `upstream`, `agent`, `annotations`, `labels` or `called` with
a name, `input` or `metadata` with a normalised path."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. Those of one subject and meaning are equal, wherever they stand.

    `meaning` are the globs (tool, upstream, agent), the hint and its value (annotations), whether
    the name is there (labels, called), or the quantifier and the tests (input, metadata). `shown`
    is how messages call it. `is_told` is false where it holds what came from the environment, which
    no finding may repeat.
    """

    subject: Subject
    meaning: tuple[Any, ...]
    shown: str = field(compare=False)
    span: Span = field(compare=False)
    path: str = field(compare=False)
    is_told: bool = field(compare=False)


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
            told = all(_is_told(text.node) for text in globs)
            yield Condition((subject,), meaning, f"`{subject}`", globs[0].span, globs[0].path, told)
    for test in match.annotations:
        at = f"{path}.match.annotations.{test.hint}"
        shown = f"`{test.hint}`"
        hint = (test.hint, test.value)
        yield Condition(("annotations",), hint, shown, test.span, at, is_told=True)
    for subject, names, is_there in (
        ("labels", match.labels, True),
        ("called", match.called, True),
        ("called", match.not_called, False),
    ):
        for text in names:
            key = subject if is_there else "not_called"
            shown, told = f"`{key}` of {quoted(text.value)}", _is_told(text.node)
            about = (subject, str(text.value))
            yield Condition(about, (is_there,), shown, text.span, text.path, told)
    for kind, selections in (("input", match.input), ("metadata", match.metadata)):
        for selection in selections:
            yield from _selection(kind, selection)


def _selection(kind: str, selection: Selection) -> Iterator[Condition]:
    """One condition for each operator where one value at most is selected, else one for all."""
    normal = normal_path if kind == "input" else normal_metadata_path
    path = normal(selection.selector.value)
    tests = [
        (operation.operator, operand_json(operation), operation)
        for operation in selection.operations
    ]
    groups = [tests] if may_select_several(path) else [[test] for test in tests]
    for group in groups:
        meaning = (selection.quantifier, tuple(sorted(test[:2] for test in group)))
        first = group[0][2]
        operators = " and ".join(f"`{test[0]}`" for test in group)
        shown = f"{operators} of {quoted(selection.selector.value)}"
        parts = [selection.selector.node, *(test[2].operand for test in group)]
        told = all(map(_is_told, parts))
        yield Condition((kind, path), meaning, shown, first.operand.span, first.path, told)


def _is_told(node: Node) -> bool:
    """Whether nothing in it came from the environment."""
    match node:
        case Scalar(value=value):
            return not isinstance(value, Interpolated)
        case Sequence(items=items):
            return all(_is_told(item) for item in items)
        case Mapping(entries=entries):
            return all(_is_told(entry.value) for entry in entries.values())
