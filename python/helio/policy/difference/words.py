"""Sets of calls in words: what is asked of each subject.

Above: `comparing`, `regions`. Below: `helio.policy.reach`. Pure.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from helio.policy.patterns import may_select_several
from helio.policy.reach.conditions import Condition

_NAME: Final = re.compile(r"\['([A-Za-z_][A-Za-z0-9_]*)'\]")
_AFFIRMED: Final = {
    "gt": "> {}",
    "gte": ">= {}",
    "lt": "< {}",
    "lte": "<= {}",
    "eq": "is {}",
    "neq": "is not {}",
    "in": "is one of {}",
    "not_in": "is none of {}",
    "contains": "contains {}",
    "regex": "matches {}",
    "starts_with": "starts with {}",
    "ends_with": "ends with {}",
}
_DENIED: Final = {
    "gt": "<= {}",
    "gte": "< {}",
    "lt": ">= {}",
    "lte": "> {}",
    "eq": "is not {}",
    "neq": "is {}",
    "in": "is none of {}",
    "not_in": "is one of {}",
    "contains": "does not contain {}",
    "regex": "does not match {}",
    "starts_with": "does not start with {}",
    "ends_with": "does not end with {}",
}


def shown_path(path: str) -> str:
    """A normalised path as people write it: `amount`, `order.id`, `items[*].price`."""
    shown = _NAME.sub(r".\1", path.removeprefix("$"))
    return shown.removeprefix(".") if shown.startswith(".") and shown[1:2] != "." else f"${shown}"


def shown_globs(globs: tuple[Any, ...]) -> str:
    """Globs as a list."""
    return " or ".join(map(str, globs))


def subject_of(condition: Condition) -> str:
    """What a condition is about."""
    subject = condition.subject
    match subject[0]:
        case "input":
            return shown_path(subject[1])
        case "metadata":
            return f"metadata {shown_path(subject[1])}"
        case "annotations":
            return str(condition.meaning[0])
        case "labels":
            return f"the session's label {subject[1]}"
        case "called":
            return f"a call of {subject[1]} in this session"
    return subject[0]


def holds(condition: Condition) -> str:
    """That it is true, without its subject."""
    match condition.subject[0]:
        case "input" | "metadata":
            return _tests(condition)
        case "annotations":
            return f"is {str(condition.meaning[1]).lower()}"
        case "labels" | "called":
            return "is there" if condition.meaning[0] else "is not there"
    return f"matches {shown_globs(condition.meaning)}"


def fails(condition: Condition, *, is_there: bool) -> str:
    """That it is false, without its subject. `is_there`: the path is known to select something."""
    match condition.subject[0]:
        case "input" | "metadata":
            return _no_tests(condition, is_there=is_there)
        case "annotations":
            return f"is {str(not condition.meaning[1]).lower()}"
        case "labels" | "called":
            return "is not there" if condition.meaning[0] else "is there"
    return matches_none(condition.meaning, len(condition.meaning))


def matches_none(globs: Sequence[str], most: int) -> str:
    """That a name matches none of the globs, of which so many are named."""
    distinct = list(dict.fromkeys(globs))
    if len(distinct) == 1:
        return f"does not match {distinct[0]}"
    more = len(distinct) - most
    named = [*distinct[:most], f"{more} more"] if more > 1 else distinct
    return f"matches none of {', '.join(named[:-1])} and {named[-1]}"


def in_doubt(condition: Condition) -> str:
    """That it is indeterminate, without its subject."""
    match condition.subject[0]:
        case "input" | "metadata":
            return f"cannot be judged by {_quoted(_tests(condition))}"
        case "labels" | "called":
            return "is unknown (no session)"
    return "is unknown"


def _tests(condition: Condition) -> str:
    quantifier, tests = condition.meaning
    told = _joined(tests)
    return f"has only values that meet {_quoted(told)}" if quantifier == "every" else told


def _no_tests(condition: Condition, *, is_there: bool) -> str:
    quantifier, tests = condition.meaning
    if len(tests) > 1 or quantifier == "every" or may_select_several(condition.subject[1]):
        return (
            f"has no value that {_joined(tests)}"
            if quantifier != "every"
            else (f"is absent or has a value that does not meet {_quoted(_joined(tests))}")
        )
    (operator, operand) = tests[0]
    if operator == "exists":
        return _test(_AFFIRMED, "exists", "false" if operand == "true" else "true")
    denied = _test(_DENIED, operator, operand)
    return denied if is_there else f"is absent or {denied}"


def _joined(tests: tuple[tuple[str, str], ...]) -> str:
    return " and ".join(_test(_AFFIRMED, operator, operand) for operator, operand in tests)


def _test(told: dict[str, str], operator: str, operand: str) -> str:
    if operator == "exists":
        return "is there" if operand == "true" else "is absent"
    return told[operator].format(operand)


def _quoted(text: str) -> str:
    return f"\u201c{text}\u201d"
