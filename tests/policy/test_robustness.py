"""Whatever text comes in, what comes out is a graph or findings with places in that text."""

import random
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from helio.diagnostics.rendering import plain_text
from helio.policy import Compiled, compile_text
from policy.documents import as_block, as_flow, documents

WORDS = (
    *string.punctuation,
    *string.whitespace,
    *("&a", "*a", "<<: *a", "!!str", "${A}", "${", "$${", "0x1", ".inf", "1e999", "~", "- ", "---"),
    *("'", '"', "|\n", "\t", "\ufeff", "\u2028", "\x00", "\x1b", "ß", "\U0001f600", "null", "true"),
    *("input", "every", "eq", "max_spend", "policies:", "$..*", "[?@.a]", "(", "[", "{a,"),
)


def look_over(text: str) -> Compiled:
    """Compiles and holds what comes out against what is promised of it."""
    result = compile_text(text, environment={"A": "from outside"})
    findings = list(result.diagnostics)
    assert (result.policy is None) == result.diagnostics.has_errors
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for found in findings:
        line, column, end_line, end_column = found.span
        assert 1 <= line <= end_line <= len(lines), found
        assert 1 <= column <= len(lines[line - 1]) + 2, found
        assert (line, column) <= (end_line, end_column), found
        shown = plain_text(found, result.source)
        assert shown.endswith("\n")
        assert all(char.isprintable() for char in shown.replace("\n", "")), found
        assert "from outside" not in shown
    order = [(found.span.line, found.span.column, found.code) for found in findings]
    assert order == sorted(order)
    return result


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
@example("\x85a: 1")
@example("a: \u2028 b\n? ")
@example("\ufeff\ufeffversion: '1'")
@example("version: '1'\r\rupstream: [\r\n")
@example('version: "\\ud800"')
@example('"\\ud800": 1')
@example("version: \ud800")
def test_any_text(text: str) -> None:
    look_over(text)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join))
@settings(max_examples=100, deadline=None)
def test_texts_of_the_signs_of_yaml(text: str) -> None:
    look_over(text)


@given(documents(), st.booleans(), st.randoms(use_true_random=False), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_damaged_policies(document: dict, flow: bool, chance: random.Random, cuts: int) -> None:
    text = as_flow(document) if flow else as_block(document)
    for _ in range(cuts):
        at = chance.randrange(len(text))
        length = chance.choice((0, 0, 1, 1, 5, 40))
        text = text[:at] + chance.choice(("", *WORDS)) + text[at + length :]
    look_over(text)
