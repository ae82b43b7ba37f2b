"""Numbers that meet several comparisons: those that looking at every kind of values finds first."""

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from helio.policy.reach.effort import Effort
from helio.policy.reach.values import TRUE, Test, kinds, numbers_meeting

NUMBERS = st.one_of(
    st.integers(-5, 5).map(str),
    st.decimals(-3, 3, places=1, allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["1e3", "-0", "9007199254740993", "12345678901234567890.5"]),
)
TESTS = st.lists(
    st.tuples(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS), min_size=1, max_size=5
)


@settings(deadline=None, max_examples=300)
@given(TESTS)
def test_they_are_the_first_of_all_kinds(tests: list[Test]) -> None:
    effort = Effort(10**6, 10**6)
    effort.begin()
    meeting = (kind.example for kind in kinds(tests, effort) if min(kind.truths) == TRUE)
    assert numbers_meeting(tests) == list(islice(meeting, 2))


@settings(deadline=None)
@given(TESTS, st.integers(0, 5))
def test_other_tests_are_not_its_business(tests: list[Test], place: int) -> None:
    tests.insert(place, ("eq", "1"))
    assert numbers_meeting(tests) == []
