"""JSON with comments: every value has its place, and what is no JSON is refused where it is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.client_files.jsonc import MOST_DEPTH, NotReadable, Value, parsed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def plain(value: Value) -> object:
    if value.members is not None:
        return {name: plain(member) for name, member in value.members.items()}
    if value.items is not None:
        return [plain(item) for item in value.items]
    return value.content


@settings(deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
def test_json_says_what_it_says(value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert plain(parsed(text)) == value


@settings(deadline=None, max_examples=300)
@given(text=st.text(alphabet='{}[]",:/*\\ \n01-.ebtrufalsn', max_size=40))
def test_what_is_json_is_read_alike_and_the_rest_refused_or_beyond_it(text: str) -> None:
    try:
        expected = json.loads(text, object_pairs_hook=unique)
    except ValueError:
        expected = None
    try:
        found = plain(parsed(text))
    except NotReadable as error:
        assert expected is None
        assert 1 <= error.line <= text.count("\n") + 1
        return
    assert found == expected or any(sign in text for sign in ("//", "/*", ","))


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object without a name that stands twice."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def test_comments_and_commas_behind_the_last() -> None:
    text = """\ufeff// first
    { /* of a "string" { */ "url": "http://a//b", // not of this
      "list": [1, /* 2, */ 3,],
    } // last"""
    value = parsed(text)
    assert plain(value) == {"url": "http://a//b", "list": [1, 3]}
    url = value.member("url")
    assert url is not None
    assert text[url.start : url.end] == '"http://a//b"'


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", (1, 1), "a value"),
        ('{"a": 1', (1, 1), "never closed"),
        ('{"a": 1\n "b": 2}', (2, 2), "a `,`"),
        ("[1 2]", (1, 4), "a `,`"),
        ("{a: 1}", (1, 2), "double quotes"),
        ('{"a" 1}', (1, 6), "`:`"),
        ('{"a": 1, "a": 2}', (1, 10), "stands twice"),
        ("[1,,2]", (1, 4), "a value"),
        ("[,]", (1, 2), "a value"),
        ("[1.2.3]", (1, 2), "no value"),
        ("[NaN]", (1, 2), "a value"),
        ('["\n"]', (1, 3), "control character"),
        ("{} {}", (1, 4), "nothing may follow"),
        ("{} /* open", (1, 4), "nothing may follow"),
        ("[" * (MOST_DEPTH + 2), (1, MOST_DEPTH + 2), "levels"),
    ],
)
def test_what_is_not_readable_says_where(text: str, place: tuple[int, int], what: str) -> None:
    with pytest.raises(NotReadable) as refused:
        parsed(text)
    assert (refused.value.line, refused.value.column) == place
    assert what in str(refused.value)
