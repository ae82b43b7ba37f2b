"""What `session.on_unresolved` changes: unknown sessions under what is counted by session.

Above: `finding`. Below: `calls`, `trying`, `verdicts`, `report`. Pure. A call of such a session is
blocked, or counted by its agent instead. Evidence and `requires` block it either way.
"""

from collections.abc import Iterator
from itertools import chain, product
from typing import Any, Final

from helio.policy.difference.calls import plain_names
from helio.policy.difference.reading import BudgetEntry, Entry, Side
from helio.policy.difference.report import Differing, Undecided, Verdict
from helio.policy.difference.trying import calls_of, way_of
from helio.policy.difference.verdicts import verdict
from helio.policy.reach.witnesses import Witness, judged

_REGION: Final = ("an unknown session, with what is counted by session",)
_AGENT: Final = "any_agent"
_UNRESOLVED: Final = "session_unresolved"


def unknown_sessions(old: Side, new: Side) -> Iterator[Differing | Undecided]:
    """One difference at most; none where nothing is counted by session."""
    settings = tuple(side.conduct.on_unresolved for side in (old, new))
    counted = any(_rules(side) or _budgets(side) for side in (old, new))
    if settings[0] == settings[1] or not counted:
        return
    told = [f"session.on_unresolved: {setting}" for setting in settings]
    widened = settings[1] == "anonymous"
    witness = next(_witnesses(new if widened else old), None)
    if witness is None:
        reason = f"{told[0]} became {settings[1]}; no call was found that shows it"
        yield Undecided(_REGION, reason)
        return
    yield Differing(
        "widened" if widened else "narrowed",
        witness,
        _said(witness, old),
        _said(witness, new),
        _REGION,
        (told[0],),
        (told[1],),
    )


def _rules(side: Side) -> list[Entry]:
    return [
        rule for rule in side.rules if any("session" in limit.key for limit in rule.effect.limits)
    ]


def _budgets(side: Side) -> list[BudgetEntry]:
    return [
        budget
        for budget in side.budgets
        if "session" in budget.fed.key or budget.fed.window_ms is None
    ]


def _witnesses(side: Side) -> Iterator[Witness]:
    """Calls that get through only where their agent may stand for their session."""
    rules, budgets = _rules(side), _budgets(side)
    contributors = list(chain.from_iterable(budget.contributors for budget in budgets))
    paths = {limit.path for rule in rules for limit in rule.effect.limits if limit.path}
    paths |= {each.price for each in contributors}
    amounts: dict[str, Any] = dict.fromkeys(sorted(plain_names(paths)), 1)
    calls = (call for call, _ in calls_of(chain(rules, contributors)))
    for call, more in product(calls, ({}, amounts)):
        witness = {
            **call,
            "arguments": {**more, **call["arguments"]},
            "agent": call.get("agent") or _AGENT,
            "session": None,
        }
        if (
            _reason(witness, side) == _UNRESOLVED
            and _reason(witness, side, falls_back=True) is None
        ):
            yield witness


def _reason(witness: Witness, side: Side, *, falls_back: bool = False) -> str | None:
    """Why a call is blocked; None where it is not."""
    decision = judged(side.evaluator, witness, session_falls_back=falls_back)
    if decision is None or decision.action in ("deny", "dry_run"):
        return "policy_denied"
    fault = decision.fault or decision.budget_fault
    return None if fault is None else fault[0]


def _said(witness: Witness, side: Side) -> Verdict:
    falls_back = side.conduct.on_unresolved == "anonymous"
    way = way_of(witness, side)
    if way is None or _reason(witness, side, falls_back=falls_back) is not None:
        rule = None if way is None or way.rule is None else side.by_index[way.rule]
        if rule is None:
            return Verdict("deny", None, None, None, ())
        return Verdict("deny", rule.label, rule.index, rule.line, ())
    return verdict(way, side)
