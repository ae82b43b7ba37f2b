"""Findings about what rules and conditions can reach.

Above: `compiler`. Below: the rest of the room. Pure. A rule is reported only when every call that
it is for is decided by earlier ones: an earlier rule decides when it is true and, if it denies or
rehearses, also when it cannot be judged. What was not decided within the bounds is told in a
note.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from helio.diagnostics import Diagnostics, Label, child_path, quoted
from helio.evaluator import Evaluator
from helio.policy import codes
from helio.policy.document import Rule
from helio.policy.graph import Settings
from helio.policy.lower import lower
from helio.policy.reach.boxes import Box, intersection, is_empty, remainder
from helio.policy.reach.candidates import Candidates
from helio.policy.reach.conditions import Condition, conditions_of, is_elsewhere
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.spaces import Space
from helio.policy.reach.within import check_conditions
from helio.policy.reach.witnesses import Witness, judged, witness_of

_EFFORT: Final = 500_000
"""Steps for a whole policy, about a microsecond each."""
_EFFORT_EACH: Final = 20_000
_MOST_NAMED: Final = 5


def check_reach(
    rules: Sequence[Rule], graph: bytes, settings: Settings, diagnostics: Diagnostics
) -> None:
    """Adds what is never reached, or never true, to `diagnostics`. The rules must have been checked
    without an error; `graph` is theirs.
    """
    _Checker(rules, graph, settings, diagnostics).check()


@dataclass(frozen=True, slots=True)
class _Live:
    """A rule of this environment with its conditions."""

    rule: Rule
    conditions: tuple[Condition, ...]

    @property
    def globs(self) -> tuple[str, ...]:
        texts = () if self.rule.match is None else self.rule.match.tool
        return tuple(str(text.value) for text in texts) or ("*",)

    @property
    def decides_in_doubt(self) -> bool:
        return self.rule.action in ("deny", "dry_run")

    @property
    def permits(self) -> bool:
        rule = self.rule
        asks = rule.evidence or rule.requires or rule.limits is not None
        return rule.action in ("allow", None) and not asks

    @property
    def shown(self) -> str:
        name = "" if self.rule.name is None else f" ({quoted(self.rule.name.value)})"
        return f"the rule in line {self.rule.span.line}{name}"


class _Checker:
    """Looks at one rule after the other; the ones before it are its candidates."""

    def __init__(
        self, rules: Sequence[Rule], graph: bytes, settings: Settings, diagnostics: Diagnostics
    ) -> None:
        self._live = [
            _Live(rule, tuple(dict.fromkeys(conditions_of(rule))))
            for rule in rules
            if not is_elsewhere(rule, settings.environment)
        ]
        self._graph = graph
        self._settings = settings
        self._diagnostics = diagnostics
        self._effort = Effort(_EFFORT, _EFFORT_EACH)
        self._open: list[_Live] = []

    @cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self._graph)

    def check(self) -> None:
        """All rules."""
        candidates = Candidates()
        for place, live in enumerate(self._live):
            try:
                self._effort.begin()
                if check_conditions(live.conditions, self._effort, self._diagnostics):
                    earlier = candidates.of(live.globs)
                    self._rule(live, [self._live[each] for each in earlier])
            except Exhausted:
                self._open.append(live)
            if not live.rule.shadow:
                candidates.add(place, live.globs)
        if self._open:
            self._tell_open()

    def _rule(self, live: _Live, earlier: list[_Live]) -> None:
        if not earlier:
            return
        first = self._sampled(live)
        if first is live:
            return
        if first is not None and self._covers(live, [first]):
            self._report(live, [first])
            return
        covering = self._covering(live, earlier)
        if covering:
            self._report(live, covering)

    def _sampled(self, live: _Live) -> _Live | None:
        """The rule that decides about some call which this one is for."""
        space = Space(live.conditions, self._effort)
        witness = _first(space, [space.box(live.conditions, possible=False)])
        decision = None if witness is None else judged(self._evaluator, witness)
        if decision is None:
            return None
        index = live.rule.index
        if live.rule.shadow and index in (place for place, _ in decision.shadow):
            return live
        return next((each for each in self._live if each.rule.index == decision.rule), None)

    def _covering(self, live: _Live, earlier: list[_Live]) -> list[_Live]:
        """Earlier rules that decide about all calls for which this one is true; else none. None of
        them can be left out.
        """
        kept = list(earlier)
        if not self._covers(live, kept):
            return []
        for each in earlier:
            fewer = [other for other in kept if other is not each]
            if fewer and self._covers(live, fewer):
                kept = fewer
        return kept

    def _covers(self, live: _Live, others: list[_Live], *, possible: bool = False) -> bool:
        """Whether the others decide about every call for which the rule is true, or may be."""
        space = Space(_conditions([live, *others]), self._effort)
        own = space.box(live.conditions, possible=possible)
        decided = (_decided(space, each) for each in others)
        return not remainder(own, decided, space.wholes, self._effort)

    def _report(self, live: _Live, covering: list[_Live]) -> None:
        named = " and ".join(each.shown for each in covering[:_MOST_NAMED])
        if len(covering) > _MOST_NAMED:
            named += f" and {len(covering) - _MOST_NAMED} more"
        verb = "decides" if len(covering) == 1 else "together decide"
        never = self._covers(live, covering, possible=True)
        hiding = None if live.permits or live.rule.shadow else self._hiding(live, covering)
        witness: Witness | None
        if hiding is not None:
            permitting, witness = hiding
            code = codes.HIDDEN_RESTRICTION
            message = f"this rule restricts none of the calls it is for: {named} {verb} all of them"
            if len(covering) > 1:
                message += f", and {permitting.shown} allows some"
        else:
            code, witness = codes.NEVER_REACHED, self._shown(live, covering)
            message = f"this rule is never reached: {named} {verb} all of its calls"
            if not never:
                message = f"this rule is never true: {named} {verb} all calls that it is for"
        if not never:
            message += "; only calls that it cannot judge get to it"
        path = child_path(live.rule.path, "match") if live.rule.match else live.rule.path
        related = [
            Label(each.rule.place("match"), "decides about them first")
            for each in covering[:_MOST_NAMED]
        ]
        place = live.rule.place("match")
        self._diagnostics.add(code, message, place, path, related=related, witness=witness)

    def _hiding(self, live: _Live, covering: list[_Live]) -> tuple[_Live, Witness] | None:
        """A permitting rule among those that hide this one, with a call that it lets through."""
        for each in covering:
            if not each.permits:
                continue
            witness = self._deciding(live, covering, each)
            if witness is not None:
                return each, witness
        return None

    def _shown(self, live: _Live, covering: list[_Live]) -> Witness | None:
        found = (self._deciding(live, covering, each) for each in covering)
        return next((witness for witness in found if witness is not None), None)

    def _deciding(self, live: _Live, covering: list[_Live], by: _Live) -> Witness | None:
        """A call for which the rule is true and about which `by` decides, as the evaluator says."""
        before = covering[: covering.index(by)]
        space = Space(_conditions([live, *before, by]), self._effort)
        own = space.box(live.conditions, possible=False)
        both = intersection(own, space.box(by.conditions, possible=False))
        if is_empty(both):
            return None
        decided = [_decided(space, each) for each in before]
        pieces = remainder(both, decided, space.wholes, self._effort)
        witness = _first(space, pieces)
        told = all(each.is_told for each in _conditions([live, *before, by]))
        if witness is None or not told:
            return None
        decision = judged(self._evaluator, witness)
        alone = judged(Evaluator(lower([live.rule], [], self._settings, "")), witness)
        if decision is None or alone is None:
            return None
        is_true = not alone.indeterminate and (alone.rule == live.rule.index or alone.shadow)
        return witness if is_true and decision.rule == by.rule.index else None

    def _tell_open(self) -> None:
        lines = ", ".join(str(each.rule.span.line) for each in self._open[:_MOST_NAMED])
        more = len(self._open) - _MOST_NAMED
        message = f"whether the rules in lines {lines}{f' and {more} more' if more > 0 else ''} "
        message += "are reached was not found out: there is too much to compare"
        rule = self._open[0].rule
        self._diagnostics.add(codes.REACH_UNKNOWN, message, rule.span, rule.path)


def _conditions(lives: Iterable[_Live]) -> list[Condition]:
    return [condition for live in lives for condition in live.conditions]


def _decided(space: Space, live: _Live) -> Box:
    """The calls about which a rule decides when they get to it."""
    return space.box(live.conditions, possible=live.decides_in_doubt)


def _first(space: Space, boxes: Iterable[Box]) -> Witness | None:
    """A call in one of the boxes, the first that can be written."""
    for box in boxes:
        examples = space.examples(box)
        witness = None if examples is None else witness_of(examples)
        if witness is not None:
            return witness
    return None
