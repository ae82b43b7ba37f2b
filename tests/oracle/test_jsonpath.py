"""The oracle's paths: what the public suite does not hold, by hand."""

import json

import pytest

from oracle.jsonpath import PathError, parse_path, select
from oracle.strict_json import parse
from oracle.text import write

DOCUMENT = parse(b'{"amount":5,"items":[{"x":1},{"x":2},{}],"o":{"id":7,"b c":8}}')


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("amount", [5]),
        ("$.amount", [5]),
        ("o.id", [7]),
        ("o['b c']", [8]),
        ("items[0].x", [1]),
        ("items[*].x", [1, 2]),
        ("$..x", [1, 2]),
        ("$.items[::-2].x", [1]),
        ("$.items[-2:].x", [2]),
        ("$.missing", []),
        ("$.items[0,0].x", [1, 1]),
        ("$['o'].*", [7, 8]),
    ],
)
def test_selected(path: str, found: list[int]) -> None:
    values = [json.loads(write(value)) for value in select(parse_path(path), DOCUMENT)]
    assert values == found


@pytest.mark.parametrize(
    "path",
    ["", ".x", "..x", "$x", "[0]", "a b", "$.a ", "$[?@.a]", "a" * 1001, "$" + ".a" * 65, "$['a'"],
)
def test_refused(path: str) -> None:
    with pytest.raises(PathError):
        parse_path(path)


def test_a_path_of_64_segments() -> None:
    assert len(parse_path("$" + ".a" * 64)) == 64
