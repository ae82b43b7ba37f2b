"""What a decision leaves to be met, and what becomes of the call by it. Pure.

Above: `explainer`. Below: `helio.pipeline.prerequisites`, which judges evidence for real calls,
too. What is counted (limits, budgets) only a running Helio knows.
"""

from collections.abc import Iterator

from helio.config.scalars import duration
from helio.evaluator import Decision
from helio.governance.definitions import is_destructive
from helio.pipeline.explaining.explanation import Asked
from helio.pipeline.explaining.stated import StatedCall
from helio.pipeline.governance import ActivePolicy
from helio.pipeline.prerequisites import Prerequisites, examine
from helio.policy.described import readable_path
from helio.policy.graph import Asking, RuleSummary


def asks(decision: Decision, call: StatedCall, policy: ActivePolicy) -> tuple[Asked, ...]:
    """All that must be met before the call goes through: evidence, requires, limits, budgets,
    people."""
    if _denied(decision, policy):
        return ()
    found = [
        *(each for rule in _taking_part(decision, policy) for each in _prerequisites(rule, call)),
        *_limits(decision, policy),
        *_budgets(decision),
        *_people(decision, call, policy),
    ]
    return tuple(found)


def outcome(
    decision: Decision, call: StatedCall, policy: ActivePolicy, asked: tuple[Asked, ...]
) -> tuple[str, str | None]:
    """What becomes of the call, and why it is blocked: the order of one call in the product
    reference. Limits and budgets are taken to have room."""
    reason = _reason(decision, call, policy)
    if policy.settings.dry_run or (reason is None and decision.action == "dry_run"):
        return "dry_run", reason
    if reason is not None:
        return ("allow", None) if policy.settings.shadow else ("deny", reason)
    if any(each.kind == "approval" for each in asked) and not policy.settings.shadow:
        return "require_approval", None
    return "allow", None


def notes(decision: Decision, call: StatedCall, policy: ActivePolicy) -> tuple[str, ...]:
    """What else people should know of the decision."""
    told: list[str] = []
    if decision.fault is not None:
        told.append(_fault("a limit", decision.fault[0], decision.fault[2], decision.fault[3]))
    if decision.budget_fault is not None:
        reason, budget, what, there = decision.budget_fault
        told.append(_fault(f"the budget `{budget}`", reason, what, there))
    told += [
        f"the decision rests on MCP's default of {hint}, which the call does not state"
        for hint in decision.assumed_hints
    ]
    settings = policy.settings
    if settings.dry_run:
        told.append("`policies.dry_run` is true: nothing is forwarded, whatever is decided")
    elif settings.shadow:
        told.append("`policies.shadow` is true: the call is forwarded, and the record says this")
    if settings.unknown_tools == "deny":
        told.append("`policies.unknown_tools` is deny: a tool that is not listed is denied first")
    if settings.flag_destructive != "off" and is_destructive(call.hints):
        told.append("the audit marks the call as destructive (`policies.flag_destructive`)")
    return tuple(told)


def _denied(decision: Decision, policy: ActivePolicy) -> bool:
    """Whether the rules deny whatever is met. A rule that denies until something is met, and could
    not be judged, denies for good."""
    rule = policy.rule(decision.rule)
    unjudged = any(index == decision.rule for index, _, _ in decision.indeterminate)
    lifted = rule is not None and rule.until and not unjudged
    return decision.panicked is not None or (decision.action == "deny" and not lifted)


def _reason(decision: Decision, call: StatedCall, policy: ActivePolicy) -> str | None:
    """Why the call is blocked before anybody is asked; None when it is not."""
    if _denied(decision, policy):
        return "policy_denied"
    demanding = [rule for rule in _taking_part(decision, policy) if rule.evidence or rule.requires]
    if demanding and call.session is None:
        return "session_unresolved"
    lacking = [each for rule in demanding if not (each := _examined(rule, call)).met]
    if lacking:
        return _first_reason(lacking)
    if decision.fault is not None:
        return decision.fault[0]
    return None if decision.budget_fault is None else decision.budget_fault[0]


def _first_reason(lacking: list[Prerequisites]) -> str:
    """The word that `helio.pipeline.prerequisites` has for several rules together."""
    reasons = {each.reason for each in lacking}
    order = ("evidence_missing", "evidence_expired", "dependency_missing")
    return next(reason for reason in order if reason in reasons)


def _taking_part(decision: Decision, policy: ActivePolicy) -> list[RuleSummary]:
    """The rules whose demands count: those that restrict, then the deciding one."""
    indices = (*decision.restricting, decision.rule)
    return [rule for index in indices if (rule := policy.rule(index)) is not None]


def _examined(rule: RuleSummary, call: StatedCall) -> Prerequisites:
    if call.session is None:
        return Prerequisites(rule, rule.evidence, (), rule.requires, ())
    return examine(rule, call.message.canonical_arguments(), call.session.facts)


def _prerequisites(rule: RuleSummary, call: StatedCall) -> Iterator[Asked]:
    examined = _examined(rule, call)
    for required in rule.evidence:
        bound = [f"{readable_path(a)} = its {readable_path(b)}" for a, b in required.bind]
        about = f", about the same thing ({', '.join(bound)})" if bound else ""
        text = f"evidence `{required.name}`{about}"
        met = required not in (*examined.missing, *examined.expired)
        bind = {readable_path(a): readable_path(b) for a, b in required.bind}
        details = (("name", required.name), ("bind", bind))
        yield Asked("evidence", text, rule.label, met, details)
    for tool in rule.requires:
        how = "have succeeded" if rule.requires_success else "have been called"
        text = f"`{tool}` must {how} in this session"
        met = tool not in examined.uncalled
        yield Asked("requires", text, rule.label, met, (("name", tool),))


def _limits(decision: Decision, policy: ActivePolicy) -> Iterator[Asked]:
    for demand in decision.demands:
        what = "calls" if demand.currency is None else demand.currency
        text = (
            f"room for {demand.amount} in at most {demand.maximum} {what}"
            f" in {duration(demand.window_ms)} at `{demand.key}`"
        )
        details = (
            ("limit", demand.limit),
            ("key", demand.key),
            ("amount", demand.amount),
            ("maximum", demand.maximum),
            ("currency", demand.currency),
            ("window_ms", demand.window_ms),
        )
        yield Asked("limit", text, policy.label(demand.rule), None, details, demand.enforced)


def _budgets(decision: Decision) -> Iterator[Asked]:
    for demand in decision.budgets:
        over = "" if demand.window_ms is None else f" in {duration(demand.window_ms)}"
        otherwise = "a person is asked" if demand.on_exceed != "deny" else "the call is denied"
        text = (
            f"room for {demand.amount} in the budget `{demand.budget}`: at most {demand.limit}"
            f" {demand.currency}{over} at `{demand.key}`, else {otherwise}"
        )
        details = (
            ("budget", demand.budget),
            ("key", demand.key),
            ("amount", demand.amount),
            ("maximum", demand.limit),
            ("currency", demand.currency),
            ("window_ms", demand.window_ms),
            ("on_exceed", demand.on_exceed),
        )
        yield Asked("budget", text, None, None, details)


def _people(decision: Decision, call: StatedCall, policy: ActivePolicy) -> Iterator[Asked]:
    for rule in _taking_part(decision, policy):
        if rule.action == "require_approval":
            yield Asked("approval", _asking(rule.approval), rule.label, None, _way(rule.approval))
    asks = policy.settings.flag_destructive == "require_approval"
    if asks and decision.rule < 0 and is_destructive(call.hints):
        text = "a person's approval: the tool may be destructive, and no rule decides about it"
        yield Asked("approval", text, None, None, _way(Asking()))


def _asking(approval: Asking) -> str:
    text = "a person's approval"
    if approval.channel is not None:
        text += f" by `{approval.channel}`"
    if approval.timeout_ms is not None:
        text += f" within {duration(approval.timeout_ms)}"
    return text


def _way(approval: Asking) -> tuple[tuple[str, object], ...]:
    return (("channel", approval.channel), ("timeout_ms", approval.timeout_ms))


def _fault(whose: str, reason: str, what: str, there: str) -> str:
    if reason == "invalid_amount":
        return f"the amount of {whose} is at {what}, where the call has {there}"
    return f"{whose} counts by `{what}`, which is not known of the call"
