"""Finds tools that can never be called, because each of them requires another one of them first.

Above: `compiler`. Below: `document`, `codes`. Pure. Only what is certain is an error: conditions
other than on the tool's name may or may not hold, so that a rule with such conditions is a way for
a call, and never the only one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from helio.diagnostics import Diagnostics, quoted
from helio.policy import codes
from helio.policy.by_tool import RulesByTool, asks_for_the_name_only
from helio.policy.document import Rule, Text

Way = tuple[Text, ...]
"""What one rule requires of a call that it decides about."""


def check_circles(rules: Sequence[Rule], diagnostics: Diagnostics) -> None:
    """Adds an error for each circle of `requires` that no call could ever enter."""
    required = dict.fromkeys(text.value for rule in rules for text in rule.requires)
    if not required:
        return
    by_name = RulesByTool(rules)
    ways = {tool: _ways(by_name.matching(tool)) for tool in required}
    reachable = _reachable(ways)
    followed: set[str] = set()
    for tool in required:
        if tool not in reachable:
            circle = _circle(tool, ways, reachable, followed)
            if circle:
                _report(circle, diagnostics)


def _ways(rules: Iterator[Rule]) -> list[Way]:
    """The ways of a tool's calls, up to one that asks for nothing or surely decides."""
    found: list[Way] = []
    for rule in rules:
        found.append(rule.requires)
        if not rule.requires or asks_for_the_name_only(rule.match):
            return found
    return [*found, ()]


def _reachable(ways: dict[str, list[Way]]) -> set[str]:
    """The tools of which some call can come to pass, one after the other. Each requirement is
    looked at once.
    """
    reached: set[str] = set()
    found: list[str] = []
    waiting: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for tool, each in ways.items():
        for way in each:
            missing = {text.value for text in way}
            if not missing:
                found.append(tool)
            for name in missing:
                waiting[name].append((tool, missing))
    while found:
        reached_now = found.pop()
        if reached_now in reached:
            continue
        reached.add(reached_now)
        for tool, missing in waiting.pop(reached_now, ()):
            missing.discard(reached_now)
            if not missing:
                found.append(tool)
    return reached


def _circle(
    tool: str, ways: dict[str, list[Way]], reachable: set[str], followed: set[str]
) -> list[Text]:
    """The requirements of the circle that the tool leads into, in the order in which they ask for
    each other, from the first one in the file on. Empty when the way leads to what was `followed`
    before.
    """
    trail: list[Text] = []
    places: dict[str, int] = {}
    while tool not in followed:
        followed.add(tool)
        places[tool] = len(trail)
        asked = next(text for way in ways[tool] for text in way if text.value not in reachable)
        trail.append(asked)
        tool = asked.value
    circle = trail[places[tool] :] if tool in places else []
    first = min(range(len(circle)), key=lambda place: circle[place].span, default=0)
    return circle[first:] + circle[:first]


def _report(circle: list[Text], diagnostics: Diagnostics) -> None:
    steps = " requires ".join(quoted(text.value) for text in (circle[-1], *circle))
    message = f"no call of these tools could ever pass: {steps}"
    diagnostics.add(codes.CIRCLE, message, circle[0].span, circle[0].path)
