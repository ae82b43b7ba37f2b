"""Rules that can go: without them every call is decided as it is with them.

Above: `findings`. Below: `candidates`, `spaces`, `boxes`, `witnesses`. Pure. Looked at are rules
that only allow or only deny, and add nothing: no limits, evidence, labels or feedback. Every rule
below such a one that may be for one of its calls must decide likewise, and so must the default
about what they leave over. A rule that may only be true there, or that reports in shadow, ends the
question: then this one is needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helio.evaluator import Evaluator
from helio.policy.graph import Settings
from helio.policy.reach.boxes import Box, overlap, remainder
from helio.policy.reach.candidates import Candidates
from helio.policy.reach.effort import Effort
from helio.policy.reach.live import Live, conditions_of_all, decided_by
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Witness, judged

_STEPS_FOR_A_CALL = 20


@dataclass(frozen=True, slots=True)
class Redundant:
    """A rule that can go. `instead` are the rules that decide then, in file order; with
    `by_default` the default decides about some or all. `witness` is a call that the rule decides
    about.
    """

    live: Live
    instead: tuple[Live, ...]
    by_default: bool
    witness: Witness


class Redundancy:
    """Asks about one rule after the other, the last one first."""

    def __init__(
        self, settings: Settings, evaluator: Callable[[], Evaluator], effort: Effort
    ) -> None:
        self._settings = settings
        self._evaluator = evaluator
        self._effort = effort
        self._below = Candidates()
        self._lives: dict[int, Live] = {}

    def pass_by(self, live: Live) -> None:
        """The rules above this one must reckon with it."""
        self._lives[live.rule.index] = live
        self._below.add(live.rule.index, live.globs)

    def of(self, live: Live, reaching: Witness) -> Redundant | None:
        """What is found of a rule, given a call that it decides about. None where it is needed, and
        where that is not known. Raises `Exhausted`.
        """
        self._effort.spend(_STEPS_FOR_A_CALL)
        if not is_plain(live) or not self._is_decided_alike(live, reaching):
            return None
        below = self._below.all_of(live.globs)
        if below is None:
            return None
        found = self._instead(live, [self._lives[index] for index in below])
        if found is None:
            return None
        instead, by_default = found
        return Redundant(live, tuple(instead), by_default, reaching)

    def _is_decided_alike(self, live: Live, witness: Witness) -> bool:
        """Whether this call at least is decided likewise without the rule."""
        with_it = judged(self._evaluator(), witness)
        without_it = judged(self._evaluator(), witness, below=live.rule.index)
        if with_it is None or without_it is None or with_it.rule != live.rule.index:
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


def action_of(live: Live) -> str:
    """What a rule does with its calls."""
    return live.rule.action or "allow"
