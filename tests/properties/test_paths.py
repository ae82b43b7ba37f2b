"""Paths: what is one, and what it selects, as the oracle has it."""

from hypothesis import example, given
from hypothesis import strategies as st

from helio import evaluator
from oracle.jsonpath import PathError, Segment, parse_path, select
from oracle.strict_json import Json, parse
from oracle.text import write
from properties.effort import times
from properties.vocabulary import PATHS, json_values

SEGMENTS = [
    ".amount", ".items", ".o", ".x", ".*", "..*", "..x", "..amount", "[0]", "[-1]", "[*]", "[1:]",
    "[::-1]", "[:2]", "[-2::2]", "[0,1]", "['b c']", '["o"]', "['é']", "['0']", "[0:3:0]", "..[0]",
    "..['x',1]", " .o", "[ 0 , 'x' ]", r"['\u006f']", "['*']", ".é", "[1:0:-1]",
]  # fmt: skip
CHARACTERS = "$.*[]'\"0123-,: aé\\u_?@\n"


def parsed(path: str) -> list[Segment] | None:
    try:
        return parse_path(path)
    except PathError:
        return None


def normalized(path: str) -> str | None:
    try:
        return evaluator.normalize_path(path)
    except evaluator.PatternError:
        return None


def paths() -> st.SearchStrategy[str]:
    segments = st.lists(st.sampled_from(SEGMENTS), max_size=4)
    return segments.map(lambda chosen: "$" + "".join(chosen)) | st.sampled_from(PATHS)


@times(5)
@given(paths(), json_values())
@example("$[0:3:0]", [True, None])
@example("$[::-2]", [True, None, False])
@example("$..[-1,0]", [[True], [None, False]])
def test_the_same_values_are_selected(path: str, document: Json) -> None:
    found = [parse(value) for value in evaluator.select(path, write(document).encode())]
    expected = parsed(path)
    assert expected is not None
    assert found == select(expected, document)


@times(5)
@given(st.text(CHARACTERS, max_size=10) | st.text(CHARACTERS, max_size=8).map("$".__add__))
@example(".*")
@example("a" * 1001)
@example("$" + ".a" * 65)
@example("$[9007199254740992]")
@example(r"$['\ud83d\ude00']")
def test_the_same_texts_are_paths(path: str) -> None:
    assert (normalized(path) is None) == (parsed(path) is None)


@times(5)
@given(paths(), paths())
def test_a_normalized_path_means_the_same(left: str, right: str) -> None:
    for path in (left, right):
        assert parsed(str(normalized(path))) == parsed(path)
    assert (normalized(left) == normalized(right)) == (parsed(left) == parsed(right))
