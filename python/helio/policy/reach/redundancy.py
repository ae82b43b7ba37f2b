"""Rules that can go: without them every call is decided as it is with them.

Above: `findings`. Below: `candidates`, `spaces`, `boxes`, `witnesses`. Pure. Looked at are rules
that only allow or only deny, and add nothing: no limits, evidence, labels or feedback. Every rule
below such a one that may be for one of its calls must decide likewise, and so must the default
about what they leave over. A rule that may only be true there, or that reports in shadow, ends the
question: then this one is needed.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from helio.diagnostics import Diagnostics, Label, child_path
from helio.evaluator import Evaluator
from helio.policy import codes
from helio.policy.graph import Settings
from helio.policy.reach.boxes import Box, overlap, remainder
from helio.policy.reach.candidates import Candidates
from helio.policy.reach.effort import Effort, Exhausted
from helio.policy.reach.live import Live, conditions_of_all, decided_by
from helio.policy.reach.samples import samples
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Reached, Witness, judged

_STEPS_FOR_A_CALL: Final = 20
_EFFORT: Final = 300_000
_EFFORT_EACH: Final = 10_000
_MOST_NAMED: Final = 5


class Redundancy:
    """Asks about one rule after the other, the last one first. `reaching` are the rules that
    calls get to, each with such a call where one is known.
    """

    def __init__(
        self,
        settings: Settings,
        evaluator: Evaluator,
        reaching: Mapping[Live, Reached | None],
    ) -> None:
        self._settings = settings
        self._evaluator = evaluator
        self._reaching = reaching
        self._effort = Effort(_EFFORT, _EFFORT_EACH)
        self._below = Candidates()
        self._places: list[Live] = []

    def check(self, lives: Sequence[Live], diagnostics: Diagnostics) -> None:
        """Adds the rules that can go to `diagnostics`, as far as the work goes."""
        first = next((place for place, live in enumerate(lives) if self._may_go(live)), len(lives))
        for live in reversed(lives[first:]):
            # It is only a note: what was not found out is not told.
            with suppress(Exhausted):
                self._effort.begin()
                self._rule(live, diagnostics)
            self._below.add(len(self._places), live.globs)
            self._places.append(live)

    def _may_go(self, live: Live) -> bool:
        return is_plain(live) and live in self._reaching

    def _rule(self, live: Live, diagnostics: Diagnostics) -> None:
        if not self._may_go(live):
            return
        if not self._below.any_of(live.globs):
            return
        reached = self._reaching[live] or self._sample(live)
        if reached is None or not self._is_decided_alike(live, reached):
            return
        below = self._below.all_of(live.globs)
        if below is None:
            return
        found = self._instead(live, [self._places[place] for place in reversed(below)])
        if found is not None:
            self._report(live, *found, reached.witness, diagnostics)

    def _report(
        self,
        live: Live,
        instead: Sequence[Live],
        by_default: bool,
        witness: Witness,
        diagnostics: Diagnostics,
    ) -> None:
        # What the default, or a rule for every call, would decide may be said for clearness. And a
        # rule that no call gets to is reported itself: only one of the two can go.
        if all(map(is_for_all, instead)) or any(each not in self._reaching for each in instead):
            return
        deciding = [each.shown for each in instead[:_MOST_NAMED]]
        if len(instead) > _MOST_NAMED:
            deciding.append(f"{len(instead) - _MOST_NAMED} more")
        if by_default:
            deciding.append("`policies.default`")
        message = "without this rule every call is decided the same: by " + " and ".join(deciding)
        path = child_path(live.rule.path, "match") if live.rule.match else live.rule.path
        related = [Label(each.rule.place("match"), "decides then") for each in instead]
        told = all(each.is_told for each in live.conditions)
        diagnostics.add(
            codes.REDUNDANT_RULE,
            message,
            live.rule.place("match"),
            path,
            related=related[:_MOST_NAMED],
            witness=witness if told else None,
        )

    def _sample(self, live: Live) -> Reached | None:
        """Some call for which the rule is true."""
        witness = next(samples(live.conditions, self._effort), None)
        decision = None if witness is None else judged(self._evaluator, witness)
        return None if witness is None or decision is None else Reached(witness, decision)

    def _is_decided_alike(self, live: Live, reached: Reached) -> bool:
        """Whether this call at least is decided likewise without the rule."""
        with_it = reached.decision
        without_it = judged(self._evaluator, reached.witness, below=live.rule.index)
        if without_it is None or with_it.rule != live.rule.index:
            return False
        does_more = without_it.restricting or without_it.shadow or without_it.has_demands
        return with_it.action == without_it.action and not does_more

    def _instead(self, live: Live, below: Sequence[Live]) -> tuple[list[Live], bool] | None:
        """Which rules decide instead, and whether the default does; None where any decides
        otherwise, or may.
        """
        alike: list[Live] = []
        for each in below:
            space = Space(conditions_of_all([live, *alike, each]), self._effort)
            left = self._left_over(space, live, alike)
            may_be = space.box(each.conditions, possible=True)
            if not any(overlap(piece, may_be) for piece in left):
                continue
            if not is_plain(each) or action_of(each) != action_of(live):
                return None
            alike.append(each)
        space = Space(conditions_of_all([live, *alike]), self._effort)
        by_default = bool(self._left_over(space, live, alike))
        if by_default and not self._default_is(action_of(live)):
            return None
        return alike, by_default

    def _left_over(self, space: Space, live: Live, others: Sequence[Live]) -> list[Box]:
        """The calls of a rule about which the others do not decide."""
        decided = (decided_by(space, other) for other in others)
        return remainder(decided_by(space, live), decided, space.wholes, self._effort)

    def _default_is(self, action: str) -> bool:
        """Whether the default decides so. An explicit `allow` spares destructive calls a question
        that the default would ask.
        """
        asks = self._settings.flag_destructive == "require_approval"
        return self._settings.default == action and not (action == "allow" and asks)


def is_plain(live: Live) -> bool:
    """Whether a rule does nothing but allow or deny."""
    rule = live.rule
    adds = live.asks or rule.labels or rule.approval is not None or rule.feedback is not None
    return action_of(live) in ("allow", "deny") and not adds and not rule.shadow


def is_for_all(live: Live) -> bool:
    """Whether a rule is for every call, as a default is."""
    return all(each.subject == ("tool",) and "*" in each.meaning for each in live.conditions)


def action_of(live: Live) -> str:
    """What a rule does with its calls."""
    return live.rule.action or "allow"
