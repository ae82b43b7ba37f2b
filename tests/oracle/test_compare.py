"""The oracle's three values: "The three values" of docs/architecture.md, row by row."""

import pytest

from oracle.compare import Truth, every, judge, judge_selection, negation, some
from oracle.strict_json import parse

T, F, I = Truth.TRUE, Truth.FALSE, Truth.INDETERMINATE  # noqa: E741


def test_the_connectives() -> None:
    assert [every(p) for p in ((T, T), (T, I), (F, I), ())] == [T, I, F, T]
    assert [some(p) for p in ((F, F), (F, I), (T, I), ())] == [F, I, T, F]
    assert [negation(v) for v in (T, I, F)] == [F, I, T]


@pytest.mark.parametrize(
    ("operator", "operand", "value", "expected"),
    [
        ("eq", "1", "1.0", T),
        ("eq", "1", "2", F),
        ("eq", "1", '"1"', I),
        ("eq", "null", "null", T),
        ("eq", "null", "false", I),
        ("eq", "true", "1", I),
        ("eq", '"a"', '"A"', F),
        ("eq", "[1,2]", "[1,2.0]", T),
        ("eq", "[1,2]", "[1]", F),
        ("eq", '[1,"2"]', "[1,2]", I),
        ("eq", '[1,"2"]', "[3,2]", F),
        ("eq", '{"a":1,"b":2}', '{"b":2,"a":1}', T),
        ("eq", '{"a":1}', '{"b":1}', F),
        ("eq", '{"a":1,"b":"2"}', '{"a":1,"b":2}', I),
        ("neq", "1", "2", T),
        ("neq", "1", "1", F),
        ("neq", "1", '"1"', I),
        ("in", '[1,"a"]', "1", T),
        ("in", '[1,"a"]', "2", I),
        ("in", "[1,2]", "3", F),
        ("in", "[]", "3", F),
        ("not_in", '[1,"a"]', "1", F),
        ("not_in", '[1,"a"]', "2", I),
        ("not_in", "[1,2]", "3", T),
        ("gt", "1000", "1000.01", T),
        ("gt", "1000", "1000", F),
        ("gt", "1000", '"5000"', I),
        ("gte", "1000", "1e3", T),
        ("lt", "1", "-1", T),
        ("lt", "1", "null", I),
        ("lte", "1", "1.0", T),
        ("contains", '"b"', '"abc"', T),
        ("contains", '"d"', '"abc"', F),
        ("contains", "1", '"1"', I),
        ("contains", "1", "[2,1]", T),
        ("contains", "1", "[2]", F),
        ("contains", "1", '[2,"1"]', I),
        ("contains", "1", "[]", F),
        ("contains", "1", '{"a":1}', I),
        ("contains", "1", "1", I),
        ("regex", '"^a.c$"', '"abc"', T),
        ("regex", '"b"', '"abc"', T),
        ("regex", '"c$"', '"abc\\n"', F),
        ("regex", '"b"', "1", I),
        ("starts_with", '"ab"', '"abc"', T),
        ("starts_with", '"bc"', '"abc"', F),
        ("starts_with", '"bc"', "[]", I),
        ("ends_with", '"bc"', '"abc"', T),
        ("ends_with", '"ab"', '"abc"', F),
        ("ends_with", '"ab"', "null", I),
        ("exists", "true", "null", T),
        ("exists", "false", "null", F),
    ],
)
def test_operators(operator: str, operand: str, value: str, expected: Truth) -> None:
    assert judge(operator, parse(operand.encode()), parse(value.encode())) is expected


@pytest.mark.parametrize(
    ("operator", "operand", "expected"),
    [
        ("exists", "false", T),
        ("exists", "true", F),
        ("neq", "1", I),
        ("not_in", "[1]", I),
        *((operator, "1", F) for operator in ("eq", "gt", "gte", "lt", "lte", "contains")),
        ("in", "[1]", F),
        *((operator, '"a"', F) for operator in ("regex", "starts_with", "ends_with")),
    ],
)
def test_a_path_that_selects_nothing(operator: str, operand: str, expected: Truth) -> None:
    tests = [(operator, parse(operand.encode()))]
    assert judge_selection("some", tests, []) is expected
    assert judge_selection("every", tests, []) is F


@pytest.mark.parametrize(
    ("quantifier", "values", "expected"),
    [
        ("some", "[1,5]", T),
        ("some", "[1,9]", F),
        ("some", '[1,"x"]', I),
        ("some", '[5,"x"]', T),
        ("every", "[5,6]", T),
        ("every", "[5,9]", F),
        ("every", '[5,"x"]', I),
        ("every", '[9,"x"]', F),
    ],
)
def test_several_operators_judge_the_same_value(
    quantifier: str, values: str, expected: Truth
) -> None:
    tests = [("gt", parse(b"3")), ("lt", parse(b"8"))]
    selected = parse(values.encode())
    assert isinstance(selected, list)
    assert judge_selection(quantifier, tests, selected) is expected
