"""Which rules may decide about a tool's calls, by the tool's name alone.

Above: `circles`, `state_check`. Below: `document`, `helio.evaluator`. Pure.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from helio.evaluator import PatternError, glob_matches
from helio.policy.document import Match, Rule

_SPECIAL = re.compile(r"[*?\[{\\]")


class RulesByTool:
    """The rules by the literal beginnings of their tool patterns: few are tried for each name.
    Rules in shadow, which decide nothing, are left out."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_beginning: dict[str, set[int]] = defaultdict(set)
        for place, rule in enumerate(rules):
            if rule.shadow:
                continue
            patterns = [text.value for text in rule.match.tool] if rule.match else []
            for pattern in patterns or [""]:
                self._by_beginning[_SPECIAL.split(pattern, maxsplit=1)[0]].add(place)
        self._lengths = sorted({len(beginning) for beginning in self._by_beginning})

    def matching(self, tool: str) -> Iterator[Rule]:
        """The rules that may decide about calls of the tool, in file order."""
        places: set[int] = set()
        for length in self._lengths:
            if length <= len(tool):
                places |= self._by_beginning.get(tool[:length], set())
        for place in sorted(places):
            rule = self._rules[place]
            if _matches(rule.match, tool):
                yield rule


def _matches(match: Match | None, tool: str) -> bool:
    if match is None or not match.tool:
        return True
    try:
        return any(glob_matches(text.value, tool) for text in match.tool)
    except PatternError:
        # It is reported where it stands, and there is no graph before it is mended.
        return False


def asks_for_the_name_only(match: Match | None, *, environment: bool = True) -> bool:
    """Whether a rule is true of every call of the tools that it names. `environment`: a condition
    on the environment counts as one."""
    return match is None or not (
        match.upstream
        or match.agent
        or (environment and match.environment)
        or match.annotations
        or match.input
        or match.metadata
        or match.labels
        or match.called
        or match.not_called
    )
