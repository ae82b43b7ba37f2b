"""Which earlier rules decide about all calls of a rule.

Above: `findings`. Below: `candidates`, `samples`, `spaces`, `boxes`, `witnesses`. Pure. Rules are
found by counterexamples: a call that the rules so far leave over is shown to the evaluator, which
names the rule that decides about it, until nothing is left over, or until the rule itself decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helio.evaluator import Decision, Evaluator
from helio.policy.reach.boxes import Box, remainder
from helio.policy.reach.candidates import Candidates
from helio.policy.reach.effort import Effort
from helio.policy.reach.live import Live, conditions_of_all, decided_by
from helio.policy.reach.samples import samples
from helio.policy.reach.spaces import Space
from helio.policy.reach.witnesses import Reached, Witness, judged, witness_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found out of a rule: the rules that cover it (none of them can be left out), or a
    call that gets to it. Neither where that is not known.
    """

    covering: tuple[Live, ...] = ()
    reaching: Reached | None = None


class Covering:
    """Asks about one rule after the other, in file order."""

    def __init__(self, lives: Sequence[Live], evaluator: Evaluator, effort: Effort) -> None:
        self._lives = lives
        self._by_index = {live.rule.index: live for live in lives}
        self._evaluator = evaluator
        self._effort = effort
        self._candidates = Candidates()

    def pass_by(self, place: int) -> None:
        """The rules after this one must reckon with it."""
        live = self._lives[place]
        if not live.rule.shadow:
            self._candidates.add(place, live.globs)

    def of(self, live: Live) -> Answer:
        """What the rules passed so far leave to this one. Raises `Exhausted`."""
        if not self._candidates.any_of(live.globs):
            return Answer()
        first: list[Live] = []
        for sample in samples(live.conditions, self._effort):
            by, reached = self._decider(live, sample)
            if reached is not None:
                return Answer(reaching=reached)
            if by is not None and by not in first:
                first.append(by)
        return self._by_counterexamples(live, first) or self._by_candidates(live)

    def covers(self, live: Live, others: Sequence[Live], *, possible: bool = False) -> bool:
        """Whether the others decide about every call for which the rule is true, or may be."""
        _, rest = self._left_over(live, others, possible=possible)
        return not rest

    def _by_counterexamples(self, live: Live, first: Sequence[Live]) -> Answer | None:
        """None when a call that is left over cannot be written, or says nothing."""
        blocking = list(first)
        while True:
            space, rest = self._left_over(live, blocking)
            if not rest:
                return Answer(self._needed(live, blocking))
            witness = first_witness(space, rest)
            by, reached = (None, None) if witness is None else self._decider(live, witness)
            if reached is not None:
                return Answer(reaching=reached)
            if by is None or by in blocking:
                return None
            blocking.append(by)

    def _by_candidates(self, live: Live) -> Answer:
        earlier = [self._lives[place] for place in self._candidates.of(live.globs)]
        return Answer(self._needed(live, earlier) if self.covers(live, earlier) else ())

    def _needed(self, live: Live, covering: Sequence[Live]) -> tuple[Live, ...]:
        """Those without which calls would be left over, in file order."""
        kept = sorted(covering, key=lambda each: each.rule.index)
        for each in tuple(kept):
            fewer = [other for other in kept if other is not each]
            if fewer and self.covers(live, fewer):
                kept = fewer
        return tuple(kept)

    def _left_over(
        self, live: Live, others: Sequence[Live], *, possible: bool = False
    ) -> tuple[Space, list[Box]]:
        space = Space(conditions_of_all([live, *others]), self._effort)
        own = space.box(live.conditions, possible=possible)
        decided = (decided_by(space, each) for each in others)
        return space, remainder(own, decided, space.wholes, self._effort)

    def _decider(self, live: Live, witness: Witness) -> tuple[Live | None, Reached | None]:
        """The earlier rule that decides about a call; or that the call gets to this one, which
        decides about it, or reports in shadow.
        """
        decision = judged(self._evaluator, witness)
        if decision is None:
            return None, None
        if gets_to(decision, live):
            return None, Reached(witness, decision)
        by = self._by_index.get(decision.rule)
        return (by if by is not None and by.rule.index < live.rule.index else None), None


def gets_to(decision: Decision, live: Live) -> bool:
    """Whether a call that a rule is true for was left to it."""
    if live.rule.shadow:
        return any(place == live.rule.index for place, _ in decision.shadow)
    return decision.rule == live.rule.index


def first_witness(space: Space, boxes: Iterable[Box]) -> Witness | None:
    """A call in one of the boxes, the first that can be written."""
    for box in boxes:
        examples = space.examples(box)
        witness = None if examples is None else witness_of(examples)
        if witness is not None:
            return witness
    return None
