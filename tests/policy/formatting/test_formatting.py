"""Formatting: the layout that comes out, and that nothing else changes."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.policy import Compiled, compile_text
from helio.policy.formatting import Unformattable, formatted
from helio.policy.formatting.layout import comments_in

CASES = Path(__file__).resolve().parent.parent / "cases"
EXAMPLES = sorted([*CASES.glob("*.yaml"), *CASES.parents[2].glob("examples/**/*.yaml")])

MESSY = """\
# top
version: "1"   # the version


upstream:
    url: "http://localhost:8080/mcp"
    headers: {   "authorization":"Bearer ${TOKEN:-x}" ,  b: 'word' }
x-common: &common
    agent: "support-*"
policies:
  rules:
  # first
  - action: deny
    name: "deletes"   # named
    match:
        # what is deleted
        tool:  [ 'delete_*',"drop" ]
  -   match: {tool: create_payment,
              input: {'$.amount': {gt: 1000}}}  # tail
      action: require_approval
      feedback:
          message: >
              Folded text
                indented

              end
          suggestion: |-
              literal # no comment
  - action: deny # helio: ignore[HL417]
    name: ignored
    match:
      <<: *common
      tool: "it's"
    # helio: ignore[HL425]
    requires: [y]
  -
    # lonely
    match: { tool: z }
    action: allow
      # below it
  default: deny
# end
"""

TIDY = """\
# top
version: '1'  # the version

upstream:
  url: 'http://localhost:8080/mcp'
  headers: { authorization: 'Bearer ${TOKEN:-x}', b: word }
x-common: &common
  agent: 'support-*'
policies:
  rules:
    # first
    - name: deletes  # named
      match:
        # what is deleted
        tool: ['delete_*', drop]
      action: deny

    - match: {tool: create_payment,
              input: {'$.amount': {gt: 1000}}}  # tail
      action: require_approval
      feedback:
        message: >
          Folded text
            indented

          end
        suggestion: |-
          literal # no comment

    - action: deny  # helio: ignore[HL417]
      name: ignored
      match:
        <<: *common
        tool: "it's"
      # helio: ignore[HL425]
      requires: [y]

    -
      # lonely
      match: { tool: z }
      action: allow
      # below it
  default: deny
# end
"""


def test_the_layout() -> None:
    assert formatted(MESSY) == TIDY
    assert formatted(TIDY) == TIDY


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a: 'true'\nb: '10'\nc: 'on'\nd: ''\n", None),
        ("a: \"x\\ty\"\nb: '*'\nc: 'a b'\n", None),
        ("a: [b, 'c-d']\n", "a: [b, c-d]\n"),
        ("a:   {}\nb:   [ ]\n", "a: {}\nb: []\n"),
        ("- 1\n-   - 2\n    - 3\n", "- 1\n- - 2\n  - 3\n"),
        ("a: 1\r\nb:   2\r\n", "a: 1\r\nb: 2\r\n"),
        ("a:\n    # only this\nb: 1", "a:\n  # only this\nb: 1\n"),
        ("---\n# c\na:   1\n", "---\n# c\na: 1\n"),
        ("a: &x-1\n    - &y 'b'\nc: *x-1\n", "a: &x-1\n  - &y 'b'\nc: *x-1\n"),
        ("\n\n\na: 1\n\n\n\nb: 2\n\n", "a: 1\n\nb: 2\n"),
        ('a: "one\n      two"\n', 'a: "one\n  two"\n'),
        ("{ a: 1,   b: 2 }", None),
        ("# nothing else\n", None),
    ],
)
def test_parts_of_the_layout(written: str, expected: str | None) -> None:
    assert formatted(written) == (written if expected is None else expected)


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "? [a]\n: 1\n"])
def test_faults_of_form_are_left_alone(text: str) -> None:
    with pytest.raises(Unformattable, match="faults"):
        formatted(text)


def test_what_could_not_be_kept_is_left_alone() -> None:
    # The layout ends every text with a line break, and would add one to this value.
    with pytest.raises(Unformattable, match="without changing what it says"):
        formatted("a: |+\n  b")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a: |+\n    b\n\n\nc:   1\n", "a: |+\n  b\n\n\nc: 1\n"),
        ("a: >+\n    b\n\n\n", "a: >+\n  b\n\n\n"),
        ("a:\n - |+\n    b\n\n - c\n", "a:\n  - |+\n    b\n\n  - c\n"),
        ("a: |+  # why\n   b\n\n# below\n\nc: 1\n", "a: |+  # why\n  b\n\n# below\n\nc: 1\n"),
        ("a: |-\n  b +\n\n\n\nc: 1\n", "a: |-\n  b +\n\nc: 1\n"),
    ],
)
def test_the_empty_lines_of_a_value_that_keeps_them_stay(written: str, expected: str) -> None:
    assert formatted(written) == expected
    assert formatted(expected) == expected


def test_no_empty_line_between_rules_is_added_to_a_value() -> None:
    head = "policies:\n  rules:\n"
    rule = "    - name: a\n      feedback:\n        message: |+\n          b\n\n"
    other = "    - name: c\n      action: deny\n"
    mixed = "    - feedback:\n        message: |+\n            b\n\n      name: a\n"
    assert formatted(head + mixed + other) == head + rule + other


def test_ten_thousand_rules_are_formatted_in_seconds() -> None:
    rule = "  - action: deny  # {0}\n    match:\n      tool: 'tool-{0}.*'\n\n"
    text = "policies:\n  rules:\n" + "".join(map(rule.format, range(10_000)))
    begin = time.process_time()
    assert formatted(text).count("      action: deny  # ") == 10_000
    assert time.process_time() - begin < 8


def findings(compiled: Compiled) -> list[tuple[str, str, str]]:
    """What was found, whatever the place: sentences name lines of other places, too."""
    found = [
        (each.code, each.path, re.sub(r"line \d+(, column \d+)?", "", each.message))
        for each in compiled.diagnostics
    ]
    return sorted(found)


def says_the_same(old: str, new: str) -> None:
    before, after = (compile_text(text, purpose="compile") for text in (old, new))
    assert findings(before) == findings(after)
    assert (before.policy is None) == (after.policy is None)
    if before.policy is not None and after.policy is not None:
        assert before.policy.digest == after.policy.digest
    assert sorted(comments_in(old)) == sorted(comments_in(new))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_says_the_same_and_is_formatted_once(path: Path) -> None:
    text = path.read_text("utf-8")
    try:
        new = formatted(text)
    except Unformattable as error:
        assert "faults" in str(error)
        return
    assert formatted(new) == new
    says_the_same(text, new)


@st.composite
def laid_out(draw: st.DrawFn) -> str:
    """Draw one policy in some layout, with comments and empty lines anywhere between its lines."""
    step = draw(st.integers(2, 5))
    lines: list[str] = []
    literal = 0
    for number, line in enumerate(TIDY.split("\n")):
        depth = len(line) - len(line.lstrip())
        inside = literal and (depth >= literal or not line.strip())
        literal = literal if inside else 0
        if not inside and line.strip():
            if draw(st.integers(0, 5)) == 0:
                column = draw(st.integers(0, 12))
                lines.append(f"{' ' * column}# between {number}")
            lines += [""] * draw(st.sampled_from([0, 0, 0, 1, 2]))
        # What stands behind a dash is as deep as the keys below it.
        words = re.sub("^- ", "-" + " " * (step - 1), line.strip())
        lines.append(" " * (depth // 2 * step + depth % 2) + words)
        if line.rstrip().endswith((">", "|-")):
            literal = depth + 2
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@given(text=laid_out())
def test_any_layout_says_the_same(text: str) -> None:
    new = formatted(text)
    assert formatted(new) == new
    says_the_same(text.replace("\r\n", "\n"), new.replace("\r\n", "\n"))


def test_a_comment_at_the_end_of_a_section_stays_at_its_end() -> None:
    """Also where the key that it stood below moves up."""
    text = """\
version: '1'
upstream: { url: 'http://localhost:8080/mcp' }
policies:
  rules:
    - action: deny
      match:
        # how much
        input: { amount: { gt: 10 } }
        tool: pay
        # - agent: nobody yet
      # limits: to be discussed
"""
    expected = """\
    - match:
        tool: pay
        # how much
        input: { amount: { gt: 10 } }
        # - agent: nobody yet
      action: deny
      # limits: to be discussed
"""
    assert formatted(text).endswith(expected)
    assert formatted(formatted(text)) == formatted(text)
