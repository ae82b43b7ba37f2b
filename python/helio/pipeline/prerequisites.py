"""Evidence and earlier calls that rules ask for: whether a call has them, and what it is told if
not. Pure.

Above: `helio.pipeline.judgement`. Below: `helio.governance.evidence`, `helio.pipeline.verdict`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from helio.evaluator import Decision
from helio.governance.evidence import SessionFacts, find_call, find_evidence, single
from helio.governance.feedback import Block
from helio.pipeline import verdict
from helio.pipeline.bodies import about
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import ActivePolicy, Governance
from helio.policy.graph import Requirement, RuleSummary

Shown = Callable[[str], str]
"""`Governance.shown`."""

_NAMES: Final = re.compile(r"\['([A-Za-z_][A-Za-z0-9_]*)'\]")
"""Steps of a normalised path that people write with a dot."""


@dataclass(frozen=True, slots=True)
class Prerequisites:
    """What one rule asks for, sorted by whether it is there.

    `chain` says what the rest rests on: `[{"evidence" or "requires": name, "by": …}]`, where `by`
    is a `call_id`, `mark`, or None for a call whose success nobody asked for.
    """

    rule: RuleSummary
    missing: tuple[Requirement, ...]
    expired: tuple[Requirement, ...]
    uncalled: tuple[str, ...]
    chain: tuple[dict[str, object], ...]

    @property
    def met(self) -> bool:
        """Whether everything is there."""
        return not (self.missing or self.expired or self.uncalled)

    @property
    def details(self) -> dict[str, object]:
        """What is not there, under the names that feedback has for it."""
        lists = {
            "missing_evidence": [required.name for required in self.missing],
            "expired_evidence": [required.name for required in self.expired],
            "missing_dependencies": list(self.uncalled),
        }
        return {name: names for name, names in lists.items() if names}

    @property
    def reason(self) -> str:
        """Why a call without them is blocked."""
        if self.missing:
            return "evidence_missing"
        return "evidence_expired" if self.expired else "dependency_missing"


def asked(decision: Decision, policy: ActivePolicy) -> list[RuleSummary]:
    """The rules of a decision that ask for something, those that only restrict it first."""
    demanding = policy.demanding
    if not demanding:
        return []
    return [
        demanding[index] for index in (*decision.restricting, decision.rule) if index in demanding
    ]


def examine(rule: RuleSummary, arguments: bytes, facts: SessionFacts) -> Prerequisites:
    """What of a rule's demands a call about these `arguments` has in its session."""
    found: dict[str, list[Requirement]] = {"missing": [], "expired": []}
    uncalled: list[str] = []
    chain: list[dict[str, object]] = []
    for required in rule.evidence:
        state, by = find_evidence(facts, required.name, required.bind, arguments)
        if state == "met":
            chain.append({"evidence": required.name, "by": by})
        else:
            found[state].append(required)
    for tool in rule.requires:
        state, by = find_call(facts, tool, success=rule.requires_success)
        if state == "met":
            chain.append({"requires": tool, "by": by})
        else:
            uncalled.append(tool)
    return Prerequisites(
        rule,
        tuple(found["missing"]),
        tuple(found["expired"]),
        tuple(uncalled),
        tuple(chain),
    )


def unmet(
    decision: Decision, received: CallReceived, governance: Governance, facts: SessionFacts | None
) -> Block | None:
    """Why a call that the rules let through is blocked all the same; None when it has all it needs.

    `facts` None: the session is unknown, and nothing is proven in it.
    """
    policy = governance.policy
    rules = asked(decision, policy)
    if not rules:
        return None
    if facts is None:
        fault = ("session_unresolved", rules[0].index, "session", "")
        return verdict.faulty(fault, received, policy, decision.action)
    arguments = about(received.message, governance.redactor)
    lacking = [each for each in (examine(rule, arguments, facts) for rule in rules) if not each.met]
    return _block(lacking, arguments, governance.shown) if lacking else None


def evidence_chain(
    decision: Decision, received: CallReceived, governance: Governance, facts: SessionFacts | None
) -> list[dict[str, object]]:
    """What the call's evidence rests on, as far as it is there."""
    rules = asked(decision, governance.policy)
    if facts is None or not rules:
        return []
    arguments = about(received.message, governance.redactor)
    return [link for rule in rules for link in examine(rule, arguments, facts).chain]


def _block(lacking: Sequence[Prerequisites], arguments: bytes, shown: Shown) -> Block:
    """The block of a call that lacks all of these. The first rule is the one that is named."""
    rule = lacking[0].rule
    whole = Prerequisites(
        rule,
        _each_once(required for one in lacking for required in one.missing),
        _each_once(required for one in lacking for required in one.expired),
        tuple(dict.fromkeys(tool for one in lacking for tool in one.uncalled)),
        (),
    )
    unsent = list(_unsent((*whole.missing, *whole.expired), arguments))
    return Block(
        reason=whole.reason,
        decision="deny",
        action=rule.action,
        message=rule.message or _message(whole),
        suggestion=rule.suggestion or _suggestion(whole, unsent, shown),
        rule=rule.label,
        rule_index=rule.index,
        retry_allowed=not unsent,
        details=whole.details,
    )


def _each_once(required: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(dict.fromkeys(required))


def _unsent(required: Iterable[Requirement], arguments: bytes) -> Iterator[str]:
    """The paths of this call that must say what the evidence is about, and do not."""
    for each in required:
        for here, _ in each.bind:
            if single(here, arguments) is None:
                yield here


def _message(lacking: Prerequisites) -> str:
    details = cast("dict[str, list[str]]", lacking.details)
    done = "succeeded" if lacking.rule.requires_success else "been called"
    texts = {
        "missing_evidence": "Missing required evidence",
        "expired_evidence": "Evidence that has expired",
        "missing_dependencies": f"Tools that must have {done} in this session first",
    }
    return ". ".join(f"{texts[name]}: {', '.join(names)}" for name, names in details.items())


def _suggestion(lacking: Prerequisites, unsent: Sequence[str], shown: Shown) -> str:
    """What the agent is to do, in order, in the names that it has for tools."""
    evidence = (*lacking.missing, *lacking.expired)
    looked_up = {each.name for each in evidence}
    steps = [_repair(each, shown) for each in evidence]
    steps += [shown(tool) for tool in lacking.uncalled if tool not in looked_up]
    advice = f"Call {', then '.join(steps)} before retrying."
    if not unsent:
        return advice
    return f"Send {', '.join(map(_path, dict.fromkeys(unsent)))} in this call. {advice}"


def _repair(required: Requirement, shown: Shown) -> str:
    pairs = [f"{_path(there)} equal to this call's {_path(here)}" for here, there in required.bind]
    tool = shown(required.name)
    return f"{tool} with {' and '.join(pairs)}" if pairs else tool


def _path(path: str) -> str:
    written = _NAMES.sub(r".\1", path)
    return f"`{written}`"
