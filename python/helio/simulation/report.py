"""What a replay found, added up: by rule, tool and agent, in money, with examples. Pure.

Above: `helio.cli`. Below: `replay`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import orjson

from helio.governance.feedback import exact, instant
from helio.simulation.money import EXACT, Money
from helio.simulation.replay import Judged

CHANGES: Final = ("narrowed", "widened", "changed")
"""Kinds of calls that go another way, in the order in which they are shown."""

Flow = dict[str, dict[str, Decimal]]
"""Amounts by currency, and by what becomes of them: `blocked`, `let_through` or `would_ask`."""


@dataclass(slots=True)
class Share:
    """The part of one rule, tool or agent: how many calls of each kind, and what they are worth."""

    kinds: Counter[str] = field(default_factory=Counter)
    money: Flow = field(default_factory=dict)

    def add(self, judged: Judged) -> None:
        """One more call."""
        self.kinds[judged.kind] += 1
        flow = flow_of(judged)
        if flow is not None:
            for currency, amount in judged.money.items():
                sums = self.money.setdefault(currency, {})
                sums[flow] = EXACT.add(sums.get(flow, Decimal(0)), amount)

    @property
    def changed(self) -> int:
        """Calls that go another way."""
        return sum(self.kinds[kind] for kind in CHANGES)

    def as_object(self) -> dict[str, object]:
        """As JSON output has it."""
        return {
            "changed": self.changed,
            "widened": self.kinds["widened"],
            "narrowed": self.kinds["narrowed"],
            "otherwise": self.kinds["changed"],
            "indeterminate": self.kinds["indeterminate"],
            "money": money_object(self.money),
        }


def flow_of(judged: Judged) -> str | None:
    """What becomes of a call's money; None when that is what became of it then."""
    new = judged.new
    if new is None or judged.kind not in ("widened", "narrowed"):
        return None
    if new.decision == "require_approval":
        return "would_ask"
    if new.passes:
        return "let_through"
    return "blocked" if judged.old.passes else None


def money_object(money: Mapping[str, Mapping[str, Decimal]]) -> dict[str, object]:
    """`{currency: {"blocked", "let_through", "would_ask"}}`, JSON numbers with all their digits."""
    flows = ("blocked", "let_through", "would_ask")
    return {
        currency: {flow: exact(f"{sums.get(flow, Decimal(0)):f}") for flow in flows}
        for currency, sums in sorted(money.items())
    }


def restricting_rule(judged: Judged) -> str | None:
    """The rule that a change is put down to: the one that lets less through, of then or now."""
    if judged.new is None or judged.kind == "widened":
        return judged.old.rule
    return judged.new.rule


class Report:
    """A replay's findings; `examples` is how many calls are shown at most."""

    def __init__(self, examples: int) -> None:
        self._most = examples
        self._groups: dict[tuple[object, ...], list[Judged]] = {}
        self._sizes: Counter[tuple[object, ...]] = Counter()
        self.whole = Share()
        self.by_rule: dict[str | None, Share] = {}
        self.by_tool: dict[str | None, Share] = {}
        self.by_agent: dict[str | None, Share] = {}
        self.reasons: Counter[str] = Counter()
        self.guards: Counter[str] = Counter()
        self.by_another_rule = 0

    @property
    def calls(self) -> int:
        """How many calls were looked at."""
        return sum(self.whole.kinds.values())

    def add(self, judged: Judged) -> None:
        """One more call."""
        self.whole.add(judged)
        if judged.kind == "guarded":
            self.guards[judged.why or ""] += 1
            return
        if judged.kind == "unchanged":
            new = judged.new
            self.by_another_rule += new is not None and new.rule != judged.old.rule
            return
        if judged.why is not None:
            self.reasons[judged.why] += 1
        call = judged.call
        for shares, key in (
            (self.by_rule, restricting_rule(judged)),
            (self.by_tool, call.tool),
            (self.by_agent, call.agent),
        ):
            shares.setdefault(key, Share()).add(judged)
        self._keep(judged)

    def examples(self) -> list[Judged]:
        """Some of the calls that go another way or cannot be judged: of each sort the first, then
        of each the second, and so on, sorts with more calls first; in the order of their times."""
        groups = [self._groups[key] for key, _ in self._sizes.most_common()]
        chosen = [
            group[turn] for turn in range(self._most) for group in groups if turn < len(group)
        ]
        return sorted(chosen[: self._most], key=lambda judged: (judged.call.at, judged.call.seq))

    def as_object(self) -> dict[str, object]:
        """As `helio replay -f json` has it; some values are `orjson.Fragment`."""
        return {
            "calls": self.calls,
            **self.whole.as_object(),
            "unchanged": self.whole.kinds["unchanged"],
            "by_another_rule": self.by_another_rule,
            "guarded": self.whole.kinds["guarded"],
            "indeterminate_reasons": dict(self.reasons.most_common()),
            "guards": dict(self.guards.most_common()),
            "by_rule": _listed("rule", self.by_rule),
            "by_tool": _listed("tool", self.by_tool),
            "by_agent": _listed("agent", self.by_agent),
            "examples": [example_object(judged) for judged in self.examples()],
        }

    def _keep(self, judged: Judged) -> None:
        old, new = judged.old, judged.new
        then = (old.decision, old.reason, old.rule)
        now = None if new is None else (new.decision, new.reason, new.rule)
        key = (judged.kind, judged.why, judged.call.tool, then, now)
        self._sizes[key] += 1
        kept = self._groups.setdefault(key, [])
        if len(kept) < self._most:
            kept.append(judged)


def ranked(shares: Mapping[str | None, Share]) -> list[tuple[str | None, Share]]:
    """Those with the most changed calls first; of equals those with more that cannot be judged,
    then by name."""
    return sorted(
        shares.items(),
        key=lambda item: (-item[1].changed, -item[1].kinds["indeterminate"], item[0] or ""),
    )


def example_object(judged: Judged) -> dict[str, object]:
    """One call as an example; its arguments with every digit as it came."""
    call = judged.call
    return {
        "id": call.id,
        "timestamp": instant(call.at),
        "change": judged.kind,
        "why": judged.why,
        "upstream": call.upstream,
        "tool": call.tool,
        "arguments": None if call.arguments is None else orjson.Fragment(call.arguments),
        "agent": call.agent,
        "session": call.session_id,
        "old": judged.old.as_object(),
        "new": None if judged.new is None else judged.new.as_object(),
        "money": _amounts(judged.money),
    }


def _amounts(money: Money) -> dict[str, object]:
    return {currency: exact(f"{amount:f}") for currency, amount in sorted(money.items())}


def _listed(name: str, shares: Mapping[str | None, Share]) -> list[dict[str, object]]:
    return [{name: key, **share.as_object()} for key, share in ranked(shares)]
