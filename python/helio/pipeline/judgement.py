"""How one call is judged: whether its tool is what was accepted, then the rules, then the evidence
and the earlier calls that they ask for. Pure.

Above: `helio.pipeline.machine`. Below: `helio.pipeline.verdict`, `prerequisites`,
`helio.governance.catalogue`.

Unless `on_tool_drift` is `block`, a call of a drifted tool is judged by every view of the tool (the
pinned annotations and the listed ones), and the strictest outcome is taken: what is forwarded would
have been forwarded under each view alone, and is charged whatever each would have charged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from helio.evaluator import BudgetDemand, Decision, Demand
from helio.governance.catalogue import Drift, Standing
from helio.governance.definitions import UNVERIFIED, is_destructive
from helio.governance.evidence import SessionFacts
from helio.governance.feedback import Block
from helio.pipeline import record, verdict
from helio.pipeline.asking import Question, question
from helio.pipeline.budgets import budgets_fault
from helio.pipeline.events import CallReceived, Moment
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.prerequisites import evidence_chain, unmet
from helio.pipeline.quotes import Hidden, hidden_quotes


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done with one call, as far as the decision alone says.

    `block` is why it goes no further; `guarded` a block that a policy in shadow carries out too.
    `destructive`: under some view the tool may do what cannot be undone (`flag_destructive`).
    `question` is what a person must be asked before it is forwarded, if anything. `labels` are
    those that the call puts on its session, `evidence_chain` what it rests on; `hidden` is what no
    record may quote of its arguments.
    """

    decision: Decision
    destructive: bool
    block: Block | None
    guarded: bool
    question: Question | None
    standing: Standing
    labels: tuple[str, ...]
    evidence_chain: Sequence[Mapping[str, object]]
    hidden: Hidden


def judge(
    received: CallReceived, governance: Governance, facts: SessionFacts | None = None
) -> Judgement:
    """Judges a call by its tool's standing and the rules of this moment.

    `facts` is what is known of its session; None when it is unknown, or nobody asks.
    """
    policy = governance.policy
    settings = policy.settings
    name = cast("str", received.message.tool)
    standing = governance.catalogue.standing(name)
    known, drift = standing.tool, standing.drift
    views = standing.views
    if drift is not None and settings.on_tool_drift == "block":
        views = (0 if known is None else known.hints,)
    found = [_under(hints, received, governance, facts) for hints in views]
    decision, block = found[0] if len(found) == 1 else _strictest(found)
    labels = policy.labels(decision.rule) if len(found) == 1 else _labels(found, policy)
    destructive = settings.flag_destructive != "off" and any(map(is_destructive, views))
    asks = _question(policy, views, found, drift)
    chain: Sequence[Mapping[str, object]] = ()
    hidden: Hidden = {}
    if governance.recorded:
        chain = evidence_chain(decision, received, governance, facts)
        hidden = hidden_quotes(decision, received, governance.redactor)
    guard = None
    if drift is not None and (_holds_back(drift, policy) or not _comparable(found)):
        guard = verdict.drifted(drift)
    elif governance.unserved:
        guard = verdict.unknown_tool(name, primed=True)
    elif known is None and settings.unknown_tools == "deny":
        guard = verdict.unknown_tool(name, governance.catalogue.primed)
    if guard is not None:
        return Judgement(decision, destructive, guard, True, None, standing, labels, chain, hidden)
    # Shadow suspends the rules, not the guards around them.
    guarded = block is not None and decision.panicked is not None
    return Judgement(decision, destructive, block, guarded, asks, standing, labels, chain, hidden)


def judgement_data(
    judgement: Judgement, received: CallReceived, started: Moment, governance: Governance
) -> dict[str, object]:
    """What the call's record holds once it is judged."""
    if not governance.recorded:
        return record.verdict_data(received, judgement.decision, governance)
    data = record.call_data(received, started, governance, destructive=judgement.destructive)
    data["tool_annotations"] = record.known_annotations(judgement.standing)
    data |= record.decision_data(judgement.decision, governance, judgement.hidden)
    if judgement.evidence_chain:
        data["evidence_chain"] = judgement.evidence_chain
    record.note_drift(data, judgement.standing.drift)
    return data


def overtaken(judgement: Judgement, received: CallReceived, governance: Governance) -> Block | None:
    """Why a judged call must not be forwarded after all: its tool is not any more what it was
    judged by. None when it is."""
    now = governance.catalogue.standing(cast("str", received.message.tool))
    if not judgement.standing.overtaken(now):
        return None
    if now.drift is not None and governance.policy.settings.on_tool_drift != "log":
        return verdict.drifted(now.drift)
    return verdict.changed_meanwhile(cast("str", received.message.tool))


_View = tuple[Decision, Block | None]


def _under(
    hints: int, received: CallReceived, governance: Governance, facts: SessionFacts | None
) -> _View:
    """What the rules say of the call, were these the tool's annotations."""
    policy = governance.policy
    decision = policy.evaluator.decide(
        received.message,
        received.upstream,
        hints,
        agent=received.agent,
        session=received.session.key(received.agent),
        session_falls_back=governance.session_falls_back,
        labels=None if facts is None else facts.labels,
        called=None if facts is None else facts.called,
        sender=received.sender,
        metadata=received.metadata,
    )
    block = (
        verdict.decided_block(decision, governance)
        or unmet(decision, received, governance, facts)
        or verdict.limits_fault(decision, received, policy)
        or budgets_fault(decision, received, policy)
    )
    return decision, block


def _holds_back(drift: Drift, policy: ActivePolicy) -> bool:
    """Whether a drifted tool is not called at all. Nobody is asked about one that its upstream may
    list unchanged in a moment."""
    setting = policy.settings.on_tool_drift
    return setting == "block" or (setting == "require_approval" and drift.aspects == (UNVERIFIED,))


def _question(
    policy: ActivePolicy, views: Sequence[int], found: Sequence[_View], drift: Drift | None
) -> Question | None:
    """What a person must be asked under any view."""
    settings = policy.settings
    destructive = settings.flag_destructive == "require_approval" and any(
        decision.rule < 0 and is_destructive(hints)
        for hints, (decision, _) in zip(views, found, strict=True)
    )
    if settings.on_tool_drift != "require_approval":
        drift = None
    if not (policy.asking or destructive or drift):
        return None
    decisions = [decision for decision, _ in found]
    return question(policy, decisions, destructive=destructive, drift=drift)


def _labels(views: Sequence[_View], policy: ActivePolicy) -> tuple[str, ...]:
    """What the call puts on its session under any view."""
    labels = (label for decision, _ in views for label in policy.labels(decision.rule))
    return tuple(dict.fromkeys(labels))


def _strictest(views: Sequence[_View]) -> _View:
    """The view that lets least through; of equals the one that charges all that others charge."""
    return max(views, key=lambda view: (_rank(view), len(_charges(view[0]))))


def _comparable(views: Sequence[_View]) -> bool:
    """Whether the strictest view charges at least what each other one charges.

    Two views may fall under limits of which neither has the other's; no one decision then holds
    both. Where the strictest view forwards nothing, nothing is charged.
    """
    strictest = _strictest(views)
    if _rank(strictest) > 0:
        return True
    charged = _charges(strictest[0])
    return all(_charges(decision) <= charged for decision, _ in views)


def _rank(view: _View) -> int:
    decision, block = view
    if block is not None:
        return 2 if decision.panicked is None else 3
    return 1 if decision.action == "dry_run" else 0


def _charges(decision: Decision) -> set[tuple[object, ...]]:
    limits = {_charge(demand) for demand in decision.demands if demand.enforced}
    return limits | {_budget_charge(demand) for demand in decision.budgets}


def _charge(demand: Demand) -> tuple[object, ...]:
    return (demand.limit, demand.key, demand.window_ms, demand.maximum, demand.amount)


def _budget_charge(demand: BudgetDemand) -> tuple[object, ...]:
    return (demand.id, demand.key, demand.window_ms, demand.limit, demand.amount)
