"""Findings about what rules and conditions can reach.

Above: `compiler`. Below: the rest of the room. Pure. A rule is reported only when every call that
it is for is decided by earlier ones: an earlier rule decides when it is true and, if it denies or
rehearses, also when it cannot be judged. What was not decided within the bounds is told in a
note.
"""

from collections.abc import Callable, Sequence
from typing import Final

from helio.diagnostics import Diagnostics, Label, child_path
from helio.evaluator import Evaluator
from helio.policy import codes
from helio.policy.document import Rule
from helio.policy.graph import Settings
from helio.policy.lower import lower
from helio.policy.reach.boxes import intersection, is_empty, remainder
from helio.policy.reach.conditions import Condition, conditions_of, is_elsewhere
from helio.policy.reach.covering import Covering, first_witness
from helio.policy.reach.effort import TOO_MUCH, Effort, Exhausted
from helio.policy.reach.live import Live, conditions_of_all, decided_by
from helio.policy.reach.parts import check_parts
from helio.policy.reach.redundancy import Redundancy
from helio.policy.reach.scans import of_scans
from helio.policy.reach.spaces import Space
from helio.policy.reach.within import check_conditions
from helio.policy.reach.witnesses import Reached, Witness, judged

_EFFORT: Final = 1_000_000
"""Steps for a whole policy, about a microsecond each, often less."""
_EFFORT_EACH: Final = 20_000
_MOST_NAMED: Final = 5


def check_reach(
    rules: Sequence[Rule], evaluator: Evaluator, settings: Settings, diagnostics: Diagnostics
) -> None:
    """Adds what is never reached, or never true, to `diagnostics`. The rules must have been checked
    without an error; `evaluator` judges by them.
    """
    checker = _Checker(rules, conditions_of, evaluator, settings, diagnostics)
    checker.check()
    checker.check_redundancy()


def check_scans(
    rules: Sequence[Rule], evaluator: Evaluator, settings: Settings, diagnostics: Diagnostics
) -> None:
    """The same of rules about installations, redundant ones excepted."""
    _Checker(rules, _conditions_on_scans, evaluator, settings, diagnostics).check()


def _conditions_on_scans(rule: Rule) -> list[Condition]:
    return of_scans(conditions_of(rule))


class _Checker:
    """Looks at one rule after the other; the ones before it are its candidates."""

    def __init__(
        self,
        rules: Sequence[Rule],
        conditions: Callable[[Rule], list[Condition]],
        evaluator: Evaluator,
        settings: Settings,
        diagnostics: Diagnostics,
    ) -> None:
        self._lives = [
            Live(rule, tuple(dict.fromkeys(conditions(rule))))
            for rule in rules
            if not is_elsewhere(rule, settings.environment)
        ]
        self._evaluator = evaluator
        self._settings = settings
        self._diagnostics = diagnostics
        self._effort = Effort(_EFFORT, _EFFORT_EACH)
        self._covering = Covering(self._lives, evaluator, self._effort)
        self._open: dict[str, list[Live]] = {}
        self._reaching: dict[Live, Reached | None] = {}

    def check(self) -> None:
        """All rules."""
        for place, live in enumerate(self._lives):
            try:
                self._effort.begin()
                self._rule(live)
            except Exhausted:
                self._open.setdefault(TOO_MUCH, []).append(live)
            self._covering.pass_by(place)
        for why, lives in self._open.items():
            self._tell_open(why, lives)

    def check_redundancy(self) -> None:
        """Those among them that could go."""
        redundancy = Redundancy(self._settings, self._evaluator, self._reaching)
        redundancy.check(self._lives, self._diagnostics)

    def _rule(self, live: Live) -> None:
        if not check_conditions(live.conditions, self._effort, self._diagnostics):
            return
        check_parts(live.conditions, self._effort, self._diagnostics)
        answer = self._covering.of(live)
        if answer.covering:
            self._report(live, list(answer.covering))
        elif answer.reaching is None and self._effort.doubts:
            for why in self._effort.doubts:
                self._open.setdefault(why, []).append(live)
        else:
            self._reaching[live] = answer.reaching

    def _report(self, live: Live, covering: list[Live]) -> None:
        named = " and ".join(each.shown for each in covering[:_MOST_NAMED])
        if len(covering) > _MOST_NAMED:
            named += f" and {len(covering) - _MOST_NAMED} more"
        verb = "decides" if len(covering) == 1 else "together decide"
        never = self._covering.covers(live, covering, possible=True)
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

    def _hiding(self, live: Live, covering: list[Live]) -> tuple[Live, Witness] | None:
        """A permitting rule among those that hide this one, with a call that it lets through."""
        for each in covering:
            if not each.permits:
                continue
            witness = self._deciding(live, covering, each)
            if witness is not None:
                return each, witness
        return None

    def _shown(self, live: Live, covering: list[Live]) -> Witness | None:
        found = (self._deciding(live, covering, each) for each in covering)
        return next((witness for witness in found if witness is not None), None)

    def _deciding(self, live: Live, covering: list[Live], by: Live) -> Witness | None:
        """A call for which the rule is true and about which `by` decides, as the evaluator says."""
        before = covering[: covering.index(by)]
        space = Space(conditions_of_all([live, *before, by]), self._effort)
        own = space.box(live.conditions, possible=False)
        both = intersection(own, space.box(by.conditions, possible=False))
        if is_empty(both):
            return None
        decided = [decided_by(space, each) for each in before]
        pieces = remainder(both, decided, space.wholes, self._effort)
        witness = first_witness(space, pieces)
        told = all(each.is_told for each in conditions_of_all([live, *before, by]))
        if witness is None or not told:
            return None
        decision = judged(self._evaluator, witness)
        alone = judged(Evaluator(lower([live.rule], [], self._settings, "").text), witness)
        if decision is None or alone is None:
            return None
        is_true = not alone.indeterminate and (alone.rule == live.rule.index or alone.shadow)
        return witness if is_true and decision.rule == by.rule.index else None

    def _tell_open(self, why: str, lives: list[Live]) -> None:
        lines = ", ".join(str(each.rule.span.line) for each in lives[:_MOST_NAMED])
        more = len(lives) - _MOST_NAMED
        message = f"whether the rules in lines {lines}{f' and {more} more' if more > 0 else ''} "
        message += f"are reached was not found out: {why}"
        rule = lives[0].rule
        self._diagnostics.add(codes.REACH_UNKNOWN, message, rule.span, rule.path)
