"""What came from environment variables, shown as the file says it: `${ACCOUNT}`, never its value.

Above: `compared`, `diff`. Below: `helio.diagnostics`, `helio.policy.difference`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from helio.diagnostics import Interpolated, Node, Scalar, Sequence
from helio.diagnostics import Mapping as MappingNode
from helio.policy.difference import Difference, Differing, Undecided, Verdict

Sources = Mapping[str, str]
"""Values from the environment, with what the file says in place of them."""

_SPECIAL = re.compile(r"[*?\[\]{},\\^$()|+]+")
_SECTIONS = ("policies", "budgets")


def sources(root: MappingNode | None) -> Sources:
    """Those of the rules and budgets of a file."""
    nodes = [root.get(name) for name in _SECTIONS] if root is not None else []
    found = (each for node in nodes if node is not None for each in _interpolated(node))
    parts: dict[str, str] = {}
    for each in found:
        # Of a pattern, calls show the literal parts.
        for part in (str(each), *(part for part in _SPECIAL.split(each) if len(part) > 1)):
            parts.setdefault(part, each.source)
    return {part: source for part, source in parts.items() if part}


def as_written(found: Difference, hidden: Sources) -> Difference:
    """The same without a value from the environment."""
    if not hidden:
        return found
    # Of two that begin alike, the longer one goes first.
    hidden = {each: hidden[each] for each in sorted(hidden, key=len, reverse=True)}
    return Difference(
        [_differing(each, hidden) for each in found.differing],
        [
            Undecided(_texts(each.region, hidden), str(_hidden(each.reason, hidden)))
            for each in found.undecided
        ],
    )


def _interpolated(node: Node) -> Iterator[Interpolated]:
    match node:
        case Scalar(value=Interpolated() as value):
            yield value
        case Sequence(items=items):
            for item in items:
                yield from _interpolated(item)
        case MappingNode(entries=entries):
            for entry in entries.values():
                yield from _interpolated(entry.value)


def _differing(each: Differing, hidden: Sources) -> Differing:
    return replace(
        each,
        witness=cast("dict[str, Any]", _hidden(each.witness, hidden)),
        old=_verdict(each.old, hidden),
        new=_verdict(each.new, hidden),
        region=_texts(each.region, hidden),
        lost=_texts(each.lost, hidden),
        gained=_texts(each.gained, hidden),
    )


def _verdict(verdict: Verdict, hidden: Sources) -> Verdict:
    rule = verdict.rule
    return replace(
        verdict,
        rule=None if rule is None else str(_hidden(rule, hidden)),
        asks=_texts(verdict.asks, hidden),
        restricting=_texts(verdict.restricting, hidden),
    )


def _texts(texts: tuple[str, ...], hidden: Sources) -> tuple[str, ...]:
    return tuple(str(_hidden(text, hidden)) for text in texts)


def _hidden(value: object, hidden: Sources) -> object:
    match value:
        case str():
            for text, source in hidden.items():
                value = value.replace(text, source)
            return value
        case list():
            return [_hidden(each, hidden) for each in value]
        case dict():
            return {_hidden(key, hidden): _hidden(each, hidden) for key, each in value.items()}
        case bool() | None:
            return value
        case _:
            told = format(value, "f") if isinstance(value, Decimal) else str(value)
            return hidden.get(told, value)
