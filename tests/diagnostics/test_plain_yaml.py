"""The native reader of plain YAML: word for word what PyYAML's events say, or nothing."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helio.diagnostics import yaml_document
from helio.diagnostics.plain_yaml import PLAIN
from helio.diagnostics.source import SourceText

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted((ROOT / "tests/policy/good").glob("*.yaml"))
FILES = [*GOOD, *sorted((ROOT / "tests/policy/cases").glob("*.yaml"))]
FILES += sorted((ROOT / "examples").rglob("*.y*ml"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = 5 * settings.default.max_examples


def agree(text: str) -> bool:
    """Whether the text was taken; then the same was read."""
    plain = PLAIN.read(text)
    if plain is None:
        return False
    root, secrets, with_hash = plain
    source = SourceText("f", text)
    document = yaml_document.parse_by_events(text, source)
    assert document.root == root
    assert repr(document.root) == repr(root)
    assert not list(document.diagnostics)
    shown = source.with_masked(secrets)
    lines = range(1, source.line_count + 1)
    assert [shown.line(each) for each in lines] == [document.source.line(each) for each in lines]
    assert yaml_document.ignores_in(text, with_hash) == document.ignores
    return True


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_of_every_file_both_read_the_same(file: Path) -> None:
    text = file.read_text("utf-8")
    assert agree(text) or file not in GOOD or "&" in text


def test_of_every_block_of_the_documentation_both_read_the_same() -> None:
    taken = [
        agree(block)
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for block in BLOCK.findall(page.read_text("utf-8"))
    ]
    assert len(taken) > 100
    assert sum(taken) > 0.8 * len(taken)


WORDS = st.sampled_from(
    [
        *("a", "b", "name", "secret", "http://u:p@h/", "true", "null", "~", "1", "-0.5e3", "0x1"),
        *(
            "1_0",
            "é",
            "\U0001f600",
            "x y",
            "a#b",
            "a #b",
            "'a'",
            "''",
            '"a\\n"',
            '"\\x41"',
            "'a''b'",
        ),
        *(
            "*",
            "[a]",
            "{a: 1}",
            "[]",
            "{}",
            "[a, b,]",
            "{a, b: }",
            "-",
            "a:b",
            "!t",
            "&x",
            "*x",
            "<<",
        ),
        *("|", ">", "|-", ">+", "|2", "?", "%", "@", "`", ":", ",", "\\", "# c", "\t", "''x", "1h"),
    ]
)
SEPARATORS = st.sampled_from(
    [
        *(": ", ":", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", " ", ", ", "\r\n", "\n\n", "? "),
        *("\n? ", "- ", "{", "}", "[", "]", '"', "'", "\n---\n", "\n...\n", "\r", "\x85"),
        " # helio: ignore[HL1]",
    ]
)


@st.composite
def woven(draw: st.DrawFn) -> str:
    """Words and what stands between them, in any order."""
    parts = draw(st.lists(st.tuples(WORDS, SEPARATORS), max_size=12))
    return "".join(map("".join, parts)) + draw(st.sampled_from(["", "\n"]))


SOURCES = [file.read_text("utf-8") for file in FILES if file.stat().st_size < 1500]


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A real policy with a few places changed."""
    text = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 6)))
        text = text[:at] + draw(st.one_of(WORDS, SEPARATORS, st.just(""))) + text[end:]
    return text


LINES = st.lists(st.sampled_from(["a", " b", "", "c #d", "é"]), max_size=4)
KEYS = st.sampled_from(["a", "token", "'b'", '"c"', "d e", "é"])


@st.composite
def block(draw: st.DrawFn, depth: int = 0) -> str:
    """A document that is in form: blocks in blocks, and scalars of every style."""
    indent = "  " * depth
    if depth == 3 or draw(st.integers(0, 3)) == 0:
        broken = f'"a\\\n{indent} b"\n'
        styles = ["plain\n", "'a ''b'\n", broken, "|\n", ">-\n", "|+\n", "\n", "{a: [b, {c: }]}\n"]
        style = draw(st.sampled_from(styles))
        if style[0] not in "|>":
            return style
        lines = draw(LINES)
        return style + "".join(f"{indent}  {line}\n" if line else "\n" for line in lines)
    count = range(draw(st.integers(1, 3)))
    if draw(st.booleans()):
        items = [f"{indent}- {draw(block(depth + 1)).lstrip()}" for _ in count]
    else:
        items = [f"{indent}{draw(KEYS)}: {draw(block(depth + 1))}" for _ in count]
    return "\n" + "".join(each if each.endswith("\n") else each + "\n" for each in items)


@settings(max_examples=EXAMPLES)
@given(st.one_of(woven(), changed(), block()))
@example("a: |\n b")
@example("[!b,]")
@example("a: 'b\n\n  c'\n")
def test_what_is_taken_is_read_as_by_the_other_reader(text: str) -> None:
    agree(text)


def test_most_documents_in_form_are_taken() -> None:
    taken = 0

    @settings(derandomize=True, database=None, max_examples=60)
    @given(changed())
    def count(text: str) -> None:
        nonlocal taken
        taken += agree(text)

    count()
    assert taken > 6
