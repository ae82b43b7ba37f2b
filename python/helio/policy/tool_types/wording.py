"""How findings about tools speak of them and of their schemas.

Above: `findings`, `arguments`, `amounts`. Below: `schemas`. Pure. What upstreams wrote is
shortened, and harmless to a terminal.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from helio.diagnostics import quoted
from helio.policy.reach.values import written
from helio.policy.tool_types.known import KnownTool
from helio.policy.tool_types.schemas import Values

_MOST: Final = 3
_WITH_AN: Final = ("array", "integer", "object")


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """The first few of some names, and how many more there are."""
    each = list(dict.fromkeys(names))
    shown = [quoted(name) for name in each[:most]]
    if len(each) > most:
        shown.append(f"{len(each) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def of_tools(tools: Sequence[KnownTool]) -> str:
    """The tools by their names."""
    return listed(tool.name for tool in tools)


def type_words(each: Iterable[Values]) -> str:
    """`a string`, `an integer or null`."""
    words = dict.fromkeys(word for values in each for word in values.words or sorted(values.types))
    return " or ".join(
        word if word == "null" else f"{'an' if word in _WITH_AN else 'a'} {word}" for word in words
    )


def members_of(each: Iterable[Values]) -> list[Any]:
    """All values that are listed."""
    found = [member for values in each for member in values.members or ()]
    return [member for place, member in enumerate(found) if member not in found[:place]]


def value_shown(value: Any) -> str:
    """A value as one writes it in a rule."""
    return quoted(value if isinstance(value, str) else written(value))


def bounds_shown(each: Iterable[Values]) -> str:
    """`at least 1 and at most 100`, of all shapes together."""
    values = list(each)
    parts = []
    lows = [one.low for one in values if one.low is not None]
    highs = [one.high for one in values if one.high is not None]
    if lows and len(lows) == len(values):
        low = min(lows)
        is_open = all(one.is_low_open for one in values if one.low == low)
        parts.append(f"{'more than' if is_open else 'at least'} {_number(low)}")
    if highs and len(highs) == len(values):
        high = max(highs)
        is_open = all(one.is_high_open for one in values if one.high == high)
        parts.append(f"{'less than' if is_open else 'at most'} {_number(high)}")
    return " and ".join(parts) or "within other bounds"


def _number(number: Decimal) -> str:
    return written(number)
