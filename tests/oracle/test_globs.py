"""The oracle's globs, by hand."""

import pytest

from oracle.globs import GlobError, matches, parse_glob


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.b", ["a.b"], ["axb", "a.B", "a.bc", "xa.b"]),
        ("*", ["", "a", "a/b\n"], []),
        ("delete_*", ["delete_", "delete_x"], ["Delete_x", "delete"]),
        ("*_*_*", ["__", "a_b_c_d"], ["a_b"]),
        ("a?c", ["abc", "aéc", "a😀c"], ["ac", "abbc"]),
        ("[ab]x", ["ax", "bx"], ["cx", "x"]),
        ("[!ab]x", ["cx", "éx"], ["ax", "x"]),
        ("[a-c0-2_]", ["b", "1", "_"], ["d", "-"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[-a]", ["a", "-"], ["b"]),
        (r"[\]]", ["]"], ["\\"]),
        (r"\*", ["*"], ["a", "\\*"]),
        ("{a,bc}d", ["ad", "bcd"], ["d", "abcd"]),
        ("{a,}b", ["ab", "b"], ["a"]),
        ("{a{b,c},*z}", ["ab", "ac", "z", "xyz"], ["a", "abc"]),
        ("{a}", ["a"], ["{a}"]),
        ("a,b", ["a,b"], ["a"]),
        ("*{a*,b}?", ["xaxy", "bz"], ["b"]),
    ],
)
def test_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [name for name in yes if not matches(pattern, name)] == []
    assert [name for name in no if matches(pattern, name)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "[a",
        "[]",
        "[!]",
        "[z-a]",
        "{",
        "{a,b",
        "\\",
        "[\\",
        "{\\",
        "",
        "]",
        "}",
        "a{b}}",
        "[^a]",
        "[!^a]",
        "a" * 1001,
        "{a,b}" * 11,
    ],
)
def test_refused(pattern: str) -> None:
    with pytest.raises(GlobError):
        parse_glob(pattern)
