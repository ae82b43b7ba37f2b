"""YAML into values with places: what is read, what is refused, and that caps are met at once."""

import time

import pytest

from helio.diagnostics import Mapping, Node, Number, Scalar, Sequence, Span, parse_yaml
from helio.diagnostics.yaml_document import MAXIMUM_BYTES, MAXIMUM_DEPTH, MAXIMUM_EXPANSION


def values(node: Node | None) -> object:
    """The tree as plain values; numbers as their texts in a tuple."""
    match node:
        case Mapping():
            return {key: values(entry.value) for key, entry in node.entries.items()}
        case Sequence():
            return [values(item) for item in node.items]
        case Scalar(value=Number(text=text)):
            return (text,)
        case Scalar():
            return node.value
    return None


def read(text: str) -> object:
    document = parse_yaml(text, "a.yaml")
    assert not document.diagnostics.has_errors, [each.message for each in document.diagnostics]
    return values(document.root)


def codes(text: str) -> list[str]:
    document = parse_yaml(text, "a.yaml")
    return [each.code for each in document.diagnostics]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", "Null"),
        ("'true'", "true"),
        ('"null"', "null"),
        ("10", ("10",)),
        ("-0", ("-0",)),
        ("0.10", ("0.10",)),
        ("1e5", ("1e5",)),
        ("-1.50E-07", ("-1.50E-07",)),
        ("12345678901234567890123456789.5", ("12345678901234567890123456789.5",)),
        ("'10'", "10"),
        ("2026-01-02", "2026-01-02"),
        ("12:30:45", "12:30:45"),
        ("127.0.0.1", "127.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("-", ["-"]),
        ("$.amount", "$.amount"),
        ("5m", "5m"),
        ("=", "="),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    expected = [None] if text == "-" else value
    assert read(f"a: {text}" if text != "-" else text) == (
        {"a": expected} if text != "-" else expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "0x10",
        "0o7",
        "0b1",
        "1_000",
        ".5",
        "5.",
        "+5",
        "007",
        "-01",
        "00",
        ".inf",
        "-.Inf",
        ".NaN",
        "1e",
    ],
)
def test_what_only_looks_like_a_number(text: str) -> None:
    looks = text not in ("1e",)
    assert codes(f"a: {text}") == (["HL003"] if looks else [])
    assert codes(f"a: '{text}'") == []


@pytest.mark.parametrize("text", ["1" * 401, "1e" + "9" * 19])
def test_numbers_have_a_cap(text: str) -> None:
    assert codes(f"a: {text}") == ["HL003"]
    assert codes(f"a: {text[:-1]}") == []


def test_block_and_flow_forms_are_the_same() -> None:
    block = "a:\n  - b: 1\n    c: |\n      text\n  - ~\n"
    assert read(block) == read('{"a": [{"b": 1, "c": "text\\n"}, null]}')


def test_merge_keys_give_way_to_own_keys() -> None:
    text = """
x: &x { a: 1, b: 2 }
y: &y { b: 3, c: 4 }
one: { <<: *x, a: 5 }
two: { a: 6, <<: [*x, *y] }
quoted: { '<<': 1 }
"""
    document = read(text)
    assert isinstance(document, dict)
    assert document["one"] == {"a": ("5",), "b": ("2",)}
    assert document["two"] == {"a": ("6",), "b": ("2",), "c": ("4",)}
    assert document["quoted"] == {"<<": ("1",)}


def test_places() -> None:
    document = parse_yaml("é: [ü, 'x']\nnext:\n  key: value # comment\n\n", "a.yaml")
    root = document.root
    assert isinstance(root, Mapping)
    assert root.entries["é"].key.span == Span(1, 1, 1, 2)
    listed = root.get("é")
    assert isinstance(listed, Sequence)
    assert listed.span == Span(1, 4, 1, 12)
    assert [item.span for item in listed.items] == [Span(1, 5, 1, 6), Span(1, 8, 1, 11)]
    inner = root.get("next")
    assert isinstance(inner, Mapping)
    assert inner.span == Span(3, 3, 3, 13)


def test_places_inside_a_scalar() -> None:
    document = parse_yaml(
        """{ plain: abc, quoted: 'abc', escaped: "a\\tb", folded: 'a''b' }""", "a"
    )
    root = document.root
    assert isinstance(root, Mapping)

    def column(key: str) -> tuple[int, int]:
        scalar = root.get(key)
        assert isinstance(scalar, Scalar)
        span = scalar.point(1)
        return span.column - scalar.span.column, span.end_column - span.column

    assert column("plain") == (1, 1)
    assert column("quoted") == (2, 1)
    assert column("escaped") == (0, 6)
    assert column("folded") == (0, 6)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read("\ufeffa: 1") == {"a": ("1",)}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "a:\n"])
def test_depth_has_a_cap(opening: str) -> None:
    if opening == "a:\n":
        text = "".join(" " * level + opening for level in range(100_000 // 50))
    else:
        text = opening * 100_000
    began = time.process_time()
    assert codes(text) == ["HL008"]
    assert time.process_time() - began < 3


def test_the_deepest_that_is_read() -> None:
    assert codes("[" * MAXIMUM_DEPTH + "]" * MAXIMUM_DEPTH) == []
    assert codes("[" * (MAXIMUM_DEPTH + 1) + "]" * (MAXIMUM_DEPTH + 1)) == ["HL008"]


def test_a_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    bomb = "\n".join(lines)
    assert len(bomb) < 400
    began = time.process_time()
    assert codes(bomb) == ["HL009"]
    assert time.process_time() - began < 1


def test_a_bomb_of_merges_is_refused_at_once() -> None:
    lines = ["a0: &a0 { a: 1, b: 2, c: 3 }"]
    lines += [
        f"a{n}: &a{n} {{ k{n}: [*a{n - 1}, *a{n - 1}, *a{n - 1}], <<: *a{n - 1} }}"
        for n in range(1, 12)
    ]
    assert codes("\n".join(lines)) == ["HL009"]


def test_expansion_counts_what_all_aliases_stand_for() -> None:
    size = 1000
    listed = "a: &a [" + ",".join(["x"] * (size - 1)) + "]\n"
    most = MAXIMUM_EXPANSION // size
    assert codes(listed + "b: [" + ",".join(["*a"] * most) + "]") == []
    assert codes(listed + "b: [" + ",".join(["*a"] * (most + 1)) + "]") == ["HL009"]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a { b: { c: *a } }", "a: &a { <<: *a }", "*a"])
def test_an_alias_cannot_stand_inside_its_anchor(text: str) -> None:
    assert codes(text) == ["HL010"]


def test_the_size_has_a_cap() -> None:
    text = "a: " + "x" * (MAXIMUM_BYTES - 3)
    assert codes(text) == []
    assert codes(text + "x") == ["HL007"]
    assert codes("a: " + "é" * (MAXIMUM_BYTES // 2)) == ["HL007"]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a: 1\nb: \x07", (2, 4)),
        ("é: é\nü: é\x01", (2, 5)),
        ("a: 1\n\tb: 2", (2, 1)),
        ("a: 'x\n\n", (1, 4)),
        ("a: [1\nb: 2", (2, 2)),
        ("a: b: c", (1, 5)),
        ("a: @x", (1, 4)),
        ('a: "\\ud800"', (1, 7)),
        ("%YAML 3.0\n---\na: 1", (1, 1)),
    ],
)
def test_syntax_errors_have_a_place(text: str, span: tuple[int, int]) -> None:
    document = parse_yaml(text, "a.yaml")
    (found,) = document.diagnostics
    assert found.code == "HL001"
    assert (found.span.line, found.span.column) == span
    assert document.root is None


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_breaks_that_only_some_readers_see_are_an_error(odd: str) -> None:
    document = parse_yaml(f"a: 1\n# a comment{odd}b: 2", "a.yaml")
    assert [(each.code, each.span) for each in document.diagnostics] == [
        ("HL001", Span(2, 12, 2, 13))
    ]
    assert read('a: "\\N\\L\\P"') == {"a": "\x85\u2028\u2029"}


@pytest.mark.parametrize("text", ["{", "[1,\n", "a: 'b\n\n", "? a\n- b\n", "a:\n  'b"])
def test_the_end_of_the_text_is_a_place_in_it(text: str) -> None:
    document = parse_yaml(text, "a.yaml")
    (found,) = document.diagnostics
    assert found.span.line <= document.source.line_count


def test_lone_surrogates_are_an_error() -> None:
    document = parse_yaml("a: 1\nb: \udcff", "a.yaml")
    assert [(each.code, each.span) for each in document.diagnostics] == [
        ("HL012", Span(2, 4, 2, 5))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "api_secret: hunter2 x: @",
        "dashboard: { api_secret: hunter2, @ }",
        "headers:\n  authorization: hunter2\n  @",
        "token: |\n  hunter2\n  hunter2\n\t@",
        "upstream: { url: 'http://hunter2@host', @ }",
    ],
)
def test_a_file_that_cannot_be_read_shows_no_secret(text: str) -> None:
    document = parse_yaml(text, "a.yaml")
    assert document.root is None
    shown = [document.source.line(number + 1) for number in range(document.source.line_count)]
    assert "hunter2" not in "\n".join(shown)


def test_secrets_are_masked_wherever_they_were_written() -> None:
    text = (
        "x: &s hunter2\ndashboard: { api_secret: *s, apiSecrett: [hunter3] }\nenv: { A: hunter4 }\n"
    )
    source = parse_yaml(text, "a.yaml").source
    shown = "\n".join(source.line(number + 1) for number in range(source.line_count))
    assert "hunter" not in shown
    assert shown.startswith("x: ")
    assert "dashboard: { api_secret: *s, apiSecrett: [" in shown
