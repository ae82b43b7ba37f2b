"""`diff` finds every disagreement that random search finds, and each call that it shows is one."""

import copy
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from helio.policy.difference import Difference, differences
from oracle.graph import Graph
from policy.difference.generated import CALLS, POLICIES, Policy, fate, pairs, side_of, text_of
from properties.effort import times

CALLS_EACH = 60


def check_witnesses(found: Difference, old: Graph, new: Graph) -> None:
    for each in found.differing:
        if any(" counted together" in text for text in (*each.lost, *each.gained)):
            continue
        before, after = fate(old, each.witness), fate(new, each.witness)
        assert before[1] != after[1], each
        assert (before[0], after[0]) == (_index(each.old.index), _index(each.new.index)), each
        assert (before[1] == "deny") == (each.old.decision == "deny"), each
        assert (after[1] == "deny") == (each.new.decision == "deny"), each
        if before[1] == "deny" and after[1][0] is False:
            assert each.kind == "widened"
        if after[1] == "deny" and before[1][0] is False:
            assert each.kind == "narrowed"


def _index(index: int | None) -> int:
    return -1 if index is None else index


@times(1)
@given(pair=pairs(), data=st.data())
def test_every_disagreement_is_found(pair: tuple[Policy, Policy], data: st.DataObject) -> None:
    texts = [text_of(policy) for policy in pair]
    old, new = (side_of(text) for text in texts)
    found = differences(old, new)
    plain_old, plain_new = Graph(old.policy.graph), Graph(new.policy.graph)
    check_witnesses(found, plain_old, plain_new)
    told = {(_index(each.old.index), _index(each.new.index)) for each in found.differing}
    event(f"differing: {min(len(found.differing), 5)}")
    event(f"undecided: {bool(found.undecided)}")
    for call in data.draw(st.lists(CALLS, min_size=10, max_size=CALLS_EACH)):
        before, after = fate(plain_old, call), fate(plain_new, call)
        if before[1] != after[1] and (before[0], after[0]) not in told:
            assert found.undecided, (call, before, after)


def rewritten(draw: st.DrawFn, policy: Policy) -> Policy:
    """The same meaning, otherwise written: names, lists of globs as several rules."""
    new: Policy = copy.deepcopy(policy)
    rules: list[dict[str, Any]] = []
    for place, rule in enumerate(new["rules"]):
        globs = rule["match"].get("tool")
        parts = [globs] if not isinstance(globs, list) or rule.get("limits") else globs
        for number, part in enumerate(parts):
            match = dict(rule["match"]) if part is None else {**rule["match"], "tool": part}
            named = {"name": f"r{place}-{number}"} if draw(st.booleans()) else {}
            rules.append({**rule, "match": match, **named})
    new["rules"] = rules
    return new


@given(policy=POLICIES, data=st.data())
def test_a_rewriting_makes_no_difference(policy: Policy, data: st.DataObject) -> None:
    other = data.draw(st.composite(rewritten)(policy))
    old, new = side_of(text_of(policy)), side_of(text_of(other))
    for pair in ((old, new), (new, old), (old, old)):
        found = differences(*pair)
        assert (found.differing, found.undecided) == ([], [])


@given(
    globs=st.lists(st.sampled_from(["a*", "b*", "c", "d[ef]"]), unique=True, min_size=2),
    data=st.data(),
)
def test_the_order_of_rules_for_other_tools_does_not_matter(
    globs: list[str], data: st.DataObject
) -> None:
    actions = ["allow", "deny", "require_approval"]
    rules = [
        {"match": {"tool": glob}, "action": data.draw(st.sampled_from(actions))} for glob in globs
    ]
    other = data.draw(st.permutations(rules))
    old, new = (side_of(text_of({"settings": {}, "rules": each})) for each in (rules, other))
    found = differences(old, new)
    assert (found.differing, found.undecided) == ([], [])
