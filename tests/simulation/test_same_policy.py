"""A replay under the policy that was in force changes nothing, whatever the policy and traffic."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from properties.effort import times
from simulation.recording import Step, compiled, record, replayed, scratch

RULES = [
    "{ match: { tool: pay, input: { amount: { gt: 50 } } }, action: deny }",
    "{ match: { tool: pay }, action: rate_limit, limits: { max_calls: 2, window: 10s } }",
    "{ match: { tool: pay }, action: rate_limit,"
    " limits: { max_calls: 1, window: 3s, key: session } }",
    "{ match: { tool: '*' }, action: rate_limit, limits: { max_calls: 3, window: 5s, key: call } }",
    "{ match: { tool: pay }, action: spend_limit, limits: { max_spend:"
    " { field: amount, limit: 60, currency: GBP, window: 20s, key: session } } }",
    "{ match: { tool: pay }, evidence: { requires: [lookup] } }",
    "{ match: { tool: pay }, evidence: { requires: [{ tool: lookup, bind: { id: '$.id' } }] } }",
    "{ match: { tool: pay }, requires: [note], requires_success: true, labels: [paid] }",
    "{ match: { tool: note, session: { labels: [paid] } }, action: deny }",
    "{ match: { tool: lookup }, labels: [looked], action: allow }",
    "{ match: { session: { called: [lookup], not_called: [note] } }, action: deny }",
    "{ match: { annotations: { readOnlyHint: true } }, action: allow }",
    "{ match: { annotations: { destructiveHint: true } }, action: dry_run }",
    "{ match: { agent: ann }, action: deny, shadow: true }",
    "{ match: { tool: pay, agent: 'a*' }, action: rate_limit, shadow: true,"
    " limits: { max_calls: 1, window: 10s, key: agent } }",
    "{ match: { tool: pay, input: { id: { gt: 1 } } }, action: deny }",
]
BUDGETS = [
    "{ name: money, limit: 70, currency: GBP, window: 30s, key: global, on_exceed: deny,"
    " contributors: [{ match: { tool: pay }, field: amount }] }",
    "{ name: pot, limit: 3, currency: CALLS, window: session, idle_ttl: 8s, on_exceed: deny,"
    " contributors: [{ match: { tool: '*' }, amount: 1 }] }",
]
SWITCHES = ["", "", "", "dry_run: true, ", "shadow: true, ", "unknown_tools: deny, "]


@st.composite
def policies(draw: st.DrawFn) -> Any:
    rules = draw(st.lists(st.sampled_from(RULES), min_size=1, max_size=4, unique=True))
    budgets = draw(st.lists(st.sampled_from(BUDGETS), max_size=2, unique=True))
    default = draw(st.sampled_from(["allow", "allow", "deny"]))
    switches = draw(st.sampled_from(SWITCHES))
    text = f"{{ {switches}default: {default}, rules: [{', '.join(rules)}] }}"
    return compiled(text, f"[{', '.join(budgets)}]")


@st.composite
def steps(draw: st.DrawFn) -> Step:
    arguments: dict[str, object] = {}
    if draw(st.booleans()):
        arguments["amount"] = draw(st.sampled_from([5, 20, 40, 60, "9", -1]))
    if draw(st.booleans()):
        arguments["id"] = draw(st.sampled_from([1, 2, "2"]))
    return Step(
        tool=draw(st.sampled_from(["pay", "pay", "lookup", "note", "other"])),
        arguments=arguments,
        session=draw(st.sampled_from(["s1", "s1", "s2", None])),
        agent=draw(st.sampled_from([None, "ann"])),
        after=draw(st.sampled_from([0.0, 0.001, 0.5, 1.0, 2.9, 3.0, 5.0, 10.0, 400.0])),
        latency=draw(st.sampled_from([0.0, 0.0123456, 0.7, 4.0])),
        overlapping=draw(st.sampled_from([False, False, True])),
        result=draw(st.sampled_from(["answered", "answered", "error", "lost", "unsent"])),
    )


@times(Fraction(1, 2))
@given(policy=policies(), traffic=st.lists(steps(), min_size=1, max_size=14))
def test_the_same_policy_changes_nothing(policy: Any, traffic: list[Step]) -> None:
    with scratch() as directory:
        calls = record(directory, policy, traffic)
    found = replayed(calls, policy)
    assert len(found) == len(traffic)
    assert {judged.kind for judged in found} <= {"unchanged", "guarded"}, [
        (each.call.id, each.old, each.new, each.why)
        for each in found
        if each.kind not in ("unchanged", "guarded")
    ]
    assert [each.new for each in found] == [each.old for each in found]
