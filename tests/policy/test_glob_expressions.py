"""Globs that were written as expressions are read back as globs of the same names."""

from hypothesis import example, given
from hypothesis import strategies as st

from helio.evaluator import PatternError, check_glob, glob_matches
from helio.policy.glob_expressions import globs_as_regex, globs_of_regex

PARTS = ["*", "?", "[a-c]", "[!a-c]", "[-.]", "[\\]a]", "[a\\-c]", "[\\!a]", "{a,b*}", "{,.}"]
SIGNS = [*"abc.-\\+^|()&~ é\n\x07", "$b", "\\*", "\\{", ",", "}", "\\,"]
GLOBS = st.lists(st.sampled_from([*PARTS, *SIGNS]), max_size=6).map("".join)
NAMES = st.text("abc.-\\+^$|()!&~ é\n\x07*{,}", max_size=5)


def is_glob(text: str) -> bool:
    try:
        check_glob(text)
    except PatternError:
        return False
    return True


@given(globs=st.lists(GLOBS.filter(is_glob), min_size=1, max_size=3), name=NAMES)
@example(globs=["{a\\,b,c}"], name="a,b")
def test_an_expression_is_read_back(globs: list[str], name: str) -> None:
    found = globs_of_regex(globs_as_regex(globs))
    assert len(found) == len(globs)
    for glob, read in zip(globs, found, strict=True):
        assert glob_matches(read, name) == glob_matches(glob, name)


def test_common_globs_come_back_as_they_were() -> None:
    globs = ("@acme/*", "helio-{a,b}", "sha256:[0-9]*", "https://registry.example/?", "left-pad")
    assert globs_of_regex(globs_as_regex(globs)) == globs
