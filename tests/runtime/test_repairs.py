"""The loop that an agent walks: blocked, told how to repair it, does so, and its call passes.

Every reason of stateful rules, in both forms. The agent has nothing to go by but the text.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from helio.errors import JournalUnavailable
from runtime.obedient import Agent, NoAdvice, reason, text_of, told
from runtime.simulation import DONE, SECOND, Simulation

HEADERS = {"x-helio-session-id": "s1"}
FORMS = ("tool_result", "error")


class Case(NamedTuple):
    """How a call comes to be blocked, and what the agent is expected to do about it.

    `before` are tools called first, each by its name and seconds to wait after it.
    """

    reason: str
    rule: str
    followed: tuple[str, ...]
    arguments: dict[str, object]
    before: tuple[tuple[str, dict[str, object], float], ...] = ()
    headers: dict[str, str] = HEADERS
    budgets: str = "[]"


LOOKUP = "evidence: { requires: [{ tool: lookup, bind: { order: '$.id' } }] }"
SPEND = "max_spend: { field: amount, limit: 10, currency: GBP, window: 24h }"
PAID: tuple[str, dict[str, object], float] = ("pay", {"amount": 8}, 60.0)
WINDOW = "[{ name: money, limit: 10, currency: GBP, window: 24h, contributors: [PAY] }]"
POT = (
    "[{ name: pot, limit: 10, currency: GBP, window: session, idle_ttl: 2h, contributors: [PAY] }]"
)
SEVERAL = (
    "[{ name: money, limit: 10, currency: GBP, window: 24h, contributors: [PAY] }, "
    "{ name: more, limit: 9, currency: GBP, window: 48h, contributors: [PAY] }]"
)
CASES = {
    "evidence_missing": Case("evidence_missing", LOOKUP, ("call",), {"order": 7}),
    "evidence_about_another": Case(
        "evidence_missing", LOOKUP, ("call",), {"order": 7}, (("lookup", {"id": 8}, 0),)
    ),
    "evidence_without_a_subject": Case("evidence_missing", LOOKUP, ("say", "call"), {}),
    "evidence_expired": Case(
        "evidence_expired", LOOKUP, ("call",), {"order": 7}, (("lookup", {"id": 7}, 300),)
    ),
    "evidence_and_requires": Case(
        "evidence_missing", f"{LOOKUP}, requires: [verify, ask]", ("call",), {"order": 7}
    ),
    "dependency_missing": Case("dependency_missing", "requires: [verify, ask]", ("call",), {}),
    "dependency_failed": Case(
        "dependency_missing",
        "requires: [verify], requires_success: true",
        ("call",),
        {},
        (("verify", {"fails": True}, 0),),
    ),
    "session_unresolved": Case(
        "session_unresolved",
        "limits: { max_calls: 5, window: 1h, key: session }",
        ("header",),
        {},
        headers={},
    ),
    "session_unresolved_evidence": Case(
        "session_unresolved", LOOKUP, ("header", "call"), {"order": 7}, headers={}
    ),
    "rate_limited": Case(
        "rate_limited",
        "limits: { max_calls: 2, window: 1h }",
        ("wait",),
        {},
        (("pay", {}, 60), ("pay", {}, 60)),
    ),
    "loop_breaker": Case(
        "rate_limited",
        "limits: { max_calls: 1, window: 5m, key: call }",
        ("wait",),
        {"order": 7},
        (("pay", {"order": 7}, 0), ("pay", {"order": 8}, 0)),
    ),
    "spend_limited": Case(
        "spend_limited", f"limits: {{ {SPEND} }}", ("wait",), {"amount": 3}, (PAID,)
    ),
    "spend_never": Case("spend_limited", f"limits: {{ {SPEND} }}", ("shrink",), {"amount": 11}),
    "invalid_amount": Case(
        "invalid_amount", f"limits: {{ {SPEND} }}", ("amount",), {"amount": "3"}
    ),
    "amount_below_zero": Case(
        "invalid_amount", f"limits: {{ {SPEND} }}", ("amount",), {"amount": -3}
    ),
    "amount_missing": Case("invalid_amount", f"limits: {{ {SPEND} }}", ("amount",), {}),
    "budget_exceeded": Case(
        "budget_exceeded", "", ("wait",), {"amount": 3}, (PAID,), budgets=WINDOW
    ),
    "budget_pot": Case("budget_exceeded", "", ("wait",), {"amount": 3}, (PAID,), budgets=POT),
    "budgets_exceeded": Case(
        "budget_exceeded", "", ("wait",), {"amount": 3}, (PAID,), budgets=SEVERAL
    ),
    "budget_never": Case("budget_exceeded", "", ("shrink",), {"amount": 11}, budgets=WINDOW),
    "budgets_never": Case(
        "budget_exceeded", "", ("shrink", "shrink"), {"amount": 11}, budgets=SEVERAL
    ),
    "budget_amount": Case("invalid_amount", "", ("amount",), {"amount": "3"}, budgets=WINDOW),
    "budget_session": Case(
        "session_unresolved", "", ("header",), {"amount": 3}, headers={}, budgets=POT
    ),
    "policy_denied": Case(
        "policy_denied",
        "match: { tool: pay, session: { not_called: [verify] } }, action: deny, "
        "feedback: { message: 'Nobody was verified', suggestion: 'Call verify before retrying.' }",
        ("call",),
        {},
    ),
}


def policies(case: Case, form: str = "tool_result") -> str:
    """The rule that guards the call in the case, if there is one."""
    match = "" if "match:" in case.rule else "match: { tool: pay }, "
    rules = [f"{{ name: guarded, {match}{case.rule} }}"] if case.rule else []
    return f"{{ blocked_as: {form}, rules: [{', '.join(rules)}] }}"


def budgets(case: Case) -> str:
    return case.budgets.replace("PAY", "{ match: { tool: pay }, field: amount }")


@pytest.fixture
async def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulation]:
    found = Simulation(tmp_path, monkeypatch)
    found.upstream = lambda _tool, arguments: {**DONE, "isError": bool(arguments.get("fails"))}
    yield found
    await found.stop()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
async def test_a_blocked_call_passes_once_the_agent_did_what_it_was_told(
    simulation: Simulation, name: str, form: str
) -> None:
    case = CASES[name]
    await simulation.start(policies(case, form), budgets(case))
    for tool, arguments, seconds in case.before:
        assert reason(await simulation.call(tool, arguments, case.headers)) is None
        simulation.wait(seconds)

    agent = Agent(simulation, "pay", dict(case.arguments), dict(case.headers))
    passed_before = simulation.forwarded.count(("pay", agent.arguments))
    answer = await agent.try_once()
    assert ("error" in answer) == (form == "error")
    assert reason(answer) == case.reason
    assert told(answer)["rule"] == ("guarded" if case.rule else None)
    if case.reason != "policy_denied":  # What a rule's author advises, nobody can judge.
        assert told(answer)["retry_allowed"] == (
            {"say", "shrink", "amount"}.isdisjoint(case.followed)
        )
    assert simulation.forwarded.count(("pay", agent.arguments)) == passed_before
    for _ in range(3):
        if reason(answer) is None:
            break
        await agent.obey(answer)
        answer = await agent.try_once()
    assert reason(answer) is None, text_of(answer)
    assert tuple(agent.followed) == case.followed
    assert simulation.forwarded[-1] == ("pay", agent.arguments)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].followed == ("wait",)])
async def test_a_wait_is_as_long_as_it_must_be(simulation: Simulation, name: str) -> None:
    case = CASES[name]
    await simulation.start(policies(case), budgets(case))
    for tool, arguments, seconds in case.before:
        await simulation.call(tool, arguments, case.headers)
        simulation.wait(seconds)
    agent = Agent(simulation, "pay", dict(case.arguments), dict(case.headers))
    blocked = await agent.try_once()
    block = told(blocked)
    resets = [each["reset_at"] for each in block.get("budgets", [block])]
    simulation.wait_until(max(resets))
    simulation.wait(-0.001)
    assert reason(await agent.try_once()) == case.reason
    simulation.wait(0.001)
    assert reason(await agent.try_once()) is None


async def test_a_denial_without_a_way_out_names_none(simulation: Simulation) -> None:
    await simulation.start("{ rules: [{ match: { tool: pay }, action: deny }] }")
    agent = Agent(simulation, "pay", {})
    answer = await agent.try_once()
    assert told(answer)["retry_allowed"] is False
    with pytest.raises(NoAdvice):
        await agent.obey(answer)


@pytest.mark.parametrize("form", FORMS)
async def test_an_audit_that_can_be_written_again_lets_the_call_pass(
    simulation: Simulation, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["rate_limited"]
    await simulation.start(policies(case, form))
    append = simulation.journal.append_intent

    def ailing(data: Mapping[str, object]) -> Awaitable[None]:
        if simulation.passed < 3 * SECOND:
            raise JournalUnavailable("the disk is full")
        return append(data)

    monkeypatch.setattr(simulation.journal, "append_intent", ailing)
    agent = Agent(simulation, "pay", {})
    for _ in range(5):
        answer = await agent.try_once()
        assert (reason(answer), told(answer)["retry_allowed"]) == ("audit_unavailable", True)
    assert simulation.forwarded == []
    await agent.obey(answer)
    for _ in range(2):  # What could not be recorded took nothing of the limit of two.
        assert reason(await agent.try_once()) is None
    assert reason(await agent.try_once()) == "rate_limited"
    assert agent.followed == ["pause"]
