"""The tools that changed rules are about are told apart exactly."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from helio.evaluator import glob_matches
from helio.policy.difference import differences
from policy.difference.generated import side_of, text_of

GLOBS = st.lists(
    st.sampled_from(["a", "ab", "ba", "a*", "ab*", "*a", "*ab", "*", "b*", "*b", "[ab]", "a?*"]),
    min_size=1,
    max_size=5,
)
ACTIONS = st.sampled_from(["allow", "deny", "require_approval"])
RULES = st.lists(st.tuples(GLOBS, ACTIONS), min_size=1, max_size=4)
NAMES = ["".join(word) for size in range(1, 6) for word in product("abx", repeat=size)]


def decided(rules: list[tuple[list[str], str]], name: str) -> tuple[int, str]:
    for place, (globs, action) in enumerate(rules):
        if any(glob_matches(glob, name) for glob in globs):
            return place, action
    return -1, "allow"


@given(old=RULES, change=st.tuples(st.integers(0, 3), GLOBS, ACTIONS))
def test_what_differs_is_what_differs_by_name(
    old: list[tuple[list[str], str]], change: tuple[int, list[str], str]
) -> None:
    place, globs, action = change
    new = [*old[:place], (globs, action), *old[place + 1 :]]
    sides = [
        side_of(
            text_of(
                {
                    "settings": {},
                    "rules": [
                        {"match": {"tool": globs}, "action": action} for globs, action in rules
                    ],
                }
            )
        )
        for rules in (old, new)
    ]
    found = differences(*sides)
    assert not found.undecided
    by_rules = {(each.old.index, each.new.index) for each in found.differing}
    expected = set()
    for name in NAMES:
        before, after = decided(old, name), decided(new, name)
        if before[1] != after[1]:
            pair = (before[0] + 3, after[0] + 3)
            expected.add(tuple(None if each == 2 else each for each in pair))
    assert by_rules == expected
