"""Whether a person must be asked about a call, and what they are asked. Pure.

Above: `helio.pipeline.judgement` (whether), `deciding` (what). Below: `helio.governance.ticket`,
`helio.pipeline.budgets`.

Of several that ask (the deciding rule, rules that could not be judged, `flag_destructive`, a
drifted definition) one ticket comes: it names all reasons, goes to the channels of all, and has the
shortest of their timeouts. Over budgets a ticket of its own is raised, after the first was
approved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import orjson

from helio.evaluator import BudgetBreach, Decision
from helio.governance.catalogue import Drift, Standing
from helio.governance.ticket import ApprovalRequest, Kind, binding_of
from helio.pipeline.budgets import breached, budgets_exceeded
from helio.pipeline.events import CallReceived, Moment
from helio.pipeline.governance import ActivePolicy, Governance
from helio.policy.graph import Asking


@dataclass(frozen=True, slots=True)
class Question:
    """Why a person must be asked about a call, and how.

    `rules` are the places of the rules that ask; `meaning` says what an approval rests on: digests
    of the deciding rules and of those that ask.
    """

    kind: Kind
    rules: tuple[int, ...]
    meaning: tuple[str, ...]
    reasons: tuple[str, ...]
    ways: tuple[Asking, ...]
    drift: Drift | None

    def guarding(self) -> "Question | None":
        """What of it a policy in shadow asks, too: shadow suspends the rules, not the guards."""
        if self.drift is None:
            return None
        return replace(self, kind="drift", rules=(), reasons=(_drifted(self.drift),), ways=())


def question(
    policy: ActivePolicy, decisions: Sequence[Decision], *, destructive: bool, drift: Drift | None
) -> Question | None:
    """What a person must be asked; None when nobody must.

    `decisions` are those under every view of the tool; `destructive`: no rule decides about what it
    may destroy, and somebody must; `drift`: its definition must be accepted for this call.
    """
    asking = policy.asking
    rules = (
        tuple(
            dict.fromkeys(
                index
                for decision in decisions
                for index in (decision.rule, *decision.restricting)
                if index in asking
            )
        )
        if asking
        else ()
    )
    if not (rules or destructive or drift):
        return None
    reasons = [_asks(index, decisions, policy) for index in rules]
    meaning = {_digest(decision.rule, policy) for decision in decisions}
    meaning.update(_digest(index, policy) for index in rules)
    if destructive:
        reasons.append("The tool may do what cannot be undone, and no rule decides about it.")
        meaning.add("flag_destructive")
    if drift is not None:
        reasons.insert(0, _drifted(drift))
        meaning.add(f"drift:{drift.pinned}")
    ways = tuple(asking[index] for index in rules)
    kind: Kind = "drift" if drift else "rule" if rules else "destructive"
    return Question(kind, rules, tuple(sorted(meaning)), tuple(reasons), ways, drift)


class JudgedCall(NamedTuple):
    """What a request to a person is made of; `data` is the call's record so far, whose `tool_input`
    they see."""

    received: CallReceived
    standing: Standing
    governance: Governance
    data: Mapping[str, object]


def asked(found: Question, call: JudgedCall) -> ApprovalRequest:
    """The request to a person."""
    received, standing, governance, data = call
    session, agent = received.session, received.agent
    policy, tool = governance.policy, cast("str", received.message.tool)
    rule = found.rules[0] if found.rules else -1
    args_hash, shown = str(data["args_hash"]), data["tool_input"]
    ways = found.ways
    escalations = [way.escalation_after_ms for way in ways if way.escalation_after_ms is not None]
    return ApprovalRequest(
        call_id=received.call_id,
        kind=found.kind,
        binding=binding_of(
            kind=found.kind,
            upstream=received.upstream,
            tool=tool,
            args_hash=args_hash,
            definition=None if standing.tool is None else standing.tool.fingerprint,
            rules=found.meaning,
            session=session.key(agent),
            agent=agent,
        ),
        upstream=received.upstream,
        tool_name=tool,
        tool_input=shown if isinstance(shown, str) else orjson.dumps(shown).decode(),
        args_hash=args_hash,
        policy_digest=policy.digest,
        environment=governance.environment,
        matched_rule=policy.label(rule),
        rule_index=None if rule < 0 else rule,
        reasons=found.reasons,
        session_id=session.id,
        agent_id=agent,
        channels=channels(ways),
        delegates=_names(name for way in ways for name in way.delegates),
        timeout_ms=shortest_timeout(ways),
        escalation_after_ms=min(escalations, default=None),
        continues=received.continues,
    )


def overage(
    breaches: Sequence[BudgetBreach], decision: Decision, call: JudgedCall, now: Moment
) -> ApprovalRequest:
    """The request to a person about every budget without room."""
    policy = call.governance.policy
    found = Question(
        kind="budget",
        rules=() if decision.rule < 0 else (decision.rule,),
        meaning=(_digest(decision.rule, policy),),
        reasons=(budgets_exceeded(breaches, decision, policy, now).message,),
        ways=tuple(policy.asking_budgets[each.demand.id] for each in breaches),
        drift=None,
    )
    told = tuple(breached(each, now) for each in breaches)
    return replace(asked(found, call), breached_budgets=told)


def may_be_approved(breaches: Iterable[BudgetBreach]) -> bool:
    """Whether a person may let the call through: every one of the budgets must say so."""
    return all(each.demand.on_exceed == "require_approval" for each in breaches)


def channels(ways: Iterable[Asking]) -> tuple[str, ...]:
    """The channels that are named."""
    return _names(way.channel for way in ways)


def shortest_timeout(ways: Iterable[Asking]) -> int | None:
    """In ms; None when none is named."""
    return min((way.timeout_ms for way in ways if way.timeout_ms is not None), default=None)


def _names(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _digest(index: int, policy: ActivePolicy) -> str:
    rule = policy.rule(index)
    return f"default:{policy.settings.default}" if rule is None else rule.digest


def _asks(index: int, decisions: Sequence[Decision], policy: ActivePolicy) -> str:
    label = policy.label(index)
    if any(decision.rule == index for decision in decisions):
        return f"Rule `{label}` has a person decide about this call."
    conditions = (
        condition
        for decision in decisions
        for rule, condition, _ in decision.indeterminate
        if rule == index
    )
    return (
        f"Rule `{label}` has a person decide, because {next(conditions, 'a condition')} could not "
        "be judged."
    )


def _drifted(drift: Drift) -> str:
    return f"The tool's definition is not the one that was accepted: {', '.join(drift.aspects)}."
