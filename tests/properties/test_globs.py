"""Globs: what is one, and which names it matches, as the oracle has it."""

from hypothesis import example, given
from hypothesis import strategies as st

from helio import evaluator
from oracle import globs
from oracle.build import GraphBuilder
from properties.effort import times
from properties.vocabulary import TOOL_GLOBS, TOOLS

PIECES = ["*", "?", "a", "b", "é", "_", "[ab]", "[!a]", "[a-c]", "{a,b}", "{a*,}", r"\*", "😀", "-"]
BROKEN = ["[", "]", "{", "}", ",", "\\", "!", "^", "[]", "[z-a]", "-"]


def patterns() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def names() -> st.SearchStrategy[str]:
    return st.text("ab_é😀*-c", min_size=1, max_size=8)


def oracle_takes(pattern: str) -> bool:
    try:
        globs.parse_glob(pattern)
    except globs.GlobError:
        return False
    return True


def native_takes(pattern: str) -> bool:
    try:
        evaluator.check_glob(pattern)
    except evaluator.PatternError:
        return False
    return True


@times(5)
@given(st.lists(st.sampled_from(PIECES + BROKEN), max_size=8).map("".join))
@example("")
@example("{" * 900)
@example("{a,b}" * 11)
@example("[a-]")
@example("a" * 1001)
def test_the_same_texts_are_globs(pattern: str) -> None:
    assert native_takes(pattern) == oracle_takes(pattern)


@times(5)
@given(
    st.lists(
        patterns().filter(oracle_takes) | st.sampled_from(TOOL_GLOBS), min_size=1, max_size=12
    ),
    st.lists(names() | st.sampled_from(TOOLS), min_size=1, max_size=8),
)
def test_the_same_names_match(chosen: list[str], asked: list[str]) -> None:
    builder = GraphBuilder()
    for pattern in chosen:
        # A shadow rule is reported and passed, so that one decision judges every glob.
        builder.rule([builder.named("tool", [pattern])], "deny", shadow=True)
    fast = evaluator.Evaluator(builder.text())
    for name in asked:
        decision = fast.decide(evaluator.tool_call(name, b"{}"), "default")
        matching = [i for i, pattern in enumerate(chosen) if globs.matches(pattern, name)]
        assert [rule for rule, _ in decision.shadow] == matching
