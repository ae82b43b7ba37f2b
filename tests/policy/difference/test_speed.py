"""How long a few changes among many rules take; run with `-s` for the figures of docs/diff.md."""

import os
import random
import time
from dataclasses import replace

import pytest

from helio.bench.workload import Rule, make_rules
from helio.policy.difference import differences
from policy.difference.generated import side_of

HEAD = "version: '1'\nupstream: { url: 'http://localhost/mcp' }\npolicies:\n  rules:\n"
PROOF = os.environ.get("HELIO_PROOF") == "1"


def written(rule: Rule) -> str:
    match = []
    if rule.tool is not None:
        match.append(f"tool: '{rule.tool}'")
    if rule.destructive is not None:
        match.append(f"annotations: {{ destructiveHint: {str(rule.destructive).lower()} }}")
    if rule.field is not None:
        match.append(f"input: {{ {rule.field}: {{ gt: {rule.above} }} }}")
    action = "deny" if rule.deny else "allow"
    return f"    - {{ name: {rule.name}, match: {{ {', '.join(match)} }}, action: {action} }}\n"


def seconds_for(rules: int, changed: int, seed: int) -> float:
    """Of rules of all forms, `changed` of those for some tools do the opposite."""
    chance = random.Random(seed)
    old = make_rules(rules, chance)
    new = list(old)
    narrow = [place for place, rule in enumerate(old) if rule.tool is not None]
    for place in chance.sample(narrow, changed):
        new[place] = replace(old[place], deny=not old[place].deny)
    sides = [side_of(HEAD + "".join(map(written, each))) for each in (old, new)]
    began = time.process_time()
    found = differences(sides[0], sides[1])
    took = time.process_time() - began
    assert found.differing
    assert not found.undecided
    print(f"{rules} rules, {changed} changed: {took:.2f} s, {len(found.differing)} regions")
    return took


def test_a_few_changes_among_two_hundred_rules() -> None:
    assert min(seconds_for(200, 5, seed) for seed in (1, 2)) < 2


def test_another_default_of_three_thousand_rules() -> None:
    rules = "".join(map(written, make_rules(3_000, random.Random(1))))
    sides = [side_of(head + rules) for head in (HEAD, HEAD.replace("  r", "  default: deny\n  r"))]
    began = time.process_time()
    found = differences(sides[0], sides[1])
    took = time.process_time() - began
    assert [each.kind for each in found.differing] == ["narrowed"]
    assert not found.undecided
    print(f"another default of 3000 rules: {took:.2f} s")
    assert took < 10


@pytest.mark.slow
@pytest.mark.skipif(not PROOF, reason="takes half a minute: HELIO_PROOF=1")
def test_a_few_changes_among_ten_thousand_rules() -> None:
    assert min(seconds_for(10_000, 5, seed) for seed in (1, 2)) < 20
