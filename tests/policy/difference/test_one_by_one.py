"""Where there is too much to tell all regions, changes are told one by one, and none is missed."""

import random
from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from helio.bench.workload import Rule, make_rules
from helio.policy.difference import Difference, Side, differences
from helio.policy.difference.clusters import clusters
from helio.policy.difference.one_by_one import one_by_one
from oracle.graph import Graph
from policy.difference.generated import CALLS, Policy, fate, pairs, side_of, text_of
from policy.difference.test_properties import check_witnesses
from policy.difference.test_speed import HEAD, written

MANY = 900


@given(pair=pairs(), data=st.data())
def test_what_is_told_one_by_one_leaves_nothing_out(
    pair: tuple[Policy, Policy], data: st.DataObject
) -> None:
    old, new = (side_of(text_of(policy)) for policy in pair)
    told = [one_by_one(cluster) for cluster in clusters(old, new)]
    known = [each for each in told if each is not None]
    event(f"told: {len(known)} of {len(told)}")
    plain_old, plain_new = Graph(old.policy.graph), Graph(new.policy.graph)
    found = Difference([each for part in known for each in part])
    check_witnesses(found, plain_old, plain_new)
    if len(known) < len(told) or old.settings != replace(
        new.settings, default=old.settings.default
    ):
        return
    kinds = {each.kind for each in found.differing}
    for call in data.draw(st.lists(CALLS, min_size=10, max_size=40)):
        before, after = fate(plain_old, call)[1], fate(plain_new, call)[1]
        if before != after:
            assert kinds, (call, before, after)
        if before == "deny" and after[0] is False:
            assert "widened" in kinds, (call, after)
        if after == "deny" and before[0] is False:
            assert "narrowed" in kinds, (call, before)


def many(change: Any = None, more: str = "", default: str = "allow") -> Side:
    rules: list[Rule] = list(make_rules(MANY, random.Random(3)))
    if change is not None:
        change(rules)
    head = HEAD.replace("  rules:", f"  default: {default}\n  rules:")
    return side_of(head + "".join(map(written, rules)) + more)


def told(old: Side, new: Side) -> list[tuple[str, tuple[str, ...]]]:
    found = differences(old, new)
    assert not found.undecided
    return [(each.kind, each.region) for each in found.differing]


def test_another_default_of_many_rules() -> None:
    expected = [("narrowed", ("calls that no rule decides",))]
    assert told(many(), many(default="deny")) == expected


def test_a_rule_for_every_tool_behind_many_rules() -> None:
    last = "    - { name: last, match: { input: { total: { gt: 5 } } }, action: deny }\n"
    region = "(total > 5 or cannot be judged by “> 5”), unless a rule above decides"
    assert told(many(), many(more=last)) == [("narrowed", (region,))]


def test_a_rule_for_every_tool_among_many_rules_that_does_the_opposite() -> None:
    """The lowest threshold of its field, so that calls get to it."""
    base: list[Rule] = list(make_rules(MANY, random.Random(3)))
    thresholds = [rule for rule in base if rule.field is not None]
    lowest = min(thresholds, key=lambda rule: rule.above)

    def turned(rules: list[Rule]) -> None:
        place = rules.index(lowest)
        rules[place] = replace(lowest, deny=not lowest.deny)

    ((kind, _),) = told(many(), many(turned))
    assert kind == ("widened" if lowest.deny else "narrowed")
