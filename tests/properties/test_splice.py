"""What is spliced differs from what came at one place, and reads as if the value were changed."""

import json
import random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from helio.evaluator import Answer, inspect_answer
from helio.protocol import splice
from oracle.text import write
from properties.effort import times
from properties.messages import respelled
from properties.vocabulary import KEYS, json_values

VALUES = json_values()
CHANCES = st.randoms(use_true_random=False)


def spelled(value: Any, chance: random.Random) -> bytes:
    """One of the texts of a value that Python reads to an equal value."""
    text = respelled(value, chance).encode()
    assume(inspect_answer(b'{"result":%s}' % text) is not None)
    return text


def places(value: Any, path: splice.Path = ()) -> list[tuple[splice.Path, Any]]:
    """All values with their paths, outermost first."""
    found = [(path, value)]
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in inside:
            found += places(inner, (*path, key))
    return found


def document(data: st.DataObject) -> Answer:
    text = b' {"id" : 1 ,\n"result":%s } ' % spelled(data.draw(VALUES), data.draw(CHANCES))
    answer = inspect_answer(text)
    assert answer is not None
    return answer


def chosen(data: st.DataObject, answer: Answer, *kinds: type) -> tuple[splice.Path, Any, Any]:
    """A place in an answer: its path, its value, and the whole as Python reads it."""
    whole = json.loads(answer.body)
    found = [(path, value) for path, value in places(whole) if isinstance(value, kinds)]
    assume(found)
    path, value = data.draw(st.sampled_from(found))
    return path, value, whole


def differs_only_at(before: bytes, after: bytes, span: tuple[int, int]) -> bool:
    start, end = span
    return after.startswith(before[:start]) and after.endswith(before[end:])


def span_of(answer: Answer, path: splice.Path) -> tuple[int, int]:
    span = answer.span(*path)
    assert span is not None
    return span


@times(2)
@given(st.data())
def test_replacing(data: st.DataObject) -> None:
    answer = document(data)
    path, _, whole = chosen(data, answer, object)
    assume(path)
    text = spelled(data.draw(VALUES), data.draw(CHANCES))
    after = splice.replaced(answer, path, text)
    parent = whole
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = json.loads(text)
    assert json.loads(after) == whole
    assert differs_only_at(answer.body, after, span_of(answer, path))


@times(2)
@given(st.data())
def test_setting_a_member(data: st.DataObject) -> None:
    answer = document(data)
    path, members, whole = chosen(data, answer, dict)
    name = data.draw(st.sampled_from([*KEYS, "é\n"]))
    text = write(data.draw(VALUES)).encode()
    after = splice.with_member(answer, path, name, text)
    order = list(members) + [name] * (name not in members)
    members[name] = json.loads(text)
    assert json.loads(after) == whole
    again = inspect_answer(after)
    assert again is not None
    assert [key for key, *_ in again.members(*path)] == order
    assert differs_only_at(answer.body, after, span_of(answer, path))


@times(2)
@given(st.data())
def test_taking_a_member_out(data: st.DataObject) -> None:
    answer = document(data)
    path, members, whole = chosen(data, answer, dict)
    name = data.draw(st.sampled_from([*KEYS, *members]))
    assume(path or name != "result")
    after = splice.without_member(answer, path, name)
    assert (after == answer.body) == (name not in members)
    members.pop(name, None)
    assert json.loads(after) == whole
    assert differs_only_at(answer.body, after, span_of(answer, path))


@times(2)
@given(st.data())
def test_taking_items_out(data: st.DataObject) -> None:
    answer = document(data)
    path, items, whole = chosen(data, answer, list)
    gone = data.draw(st.sets(st.integers(0, max(0, len(items) - 1)))) if items else set()
    kept = [item for index, item in enumerate(items) if index not in gone]
    texts = [answer.body[slice(*span)] for span in answer.items(*path)]
    after = splice.without_items(answer, path, gone)
    items[:] = kept
    assert json.loads(after) == whole
    assert differs_only_at(answer.body, after, span_of(answer, path))
    again = inspect_answer(after)
    assert again is not None
    assert [after[slice(*span)] for span in again.items(*path)] == [
        text for index, text in enumerate(texts) if index not in gone
    ]


@times(2)
@given(st.data(), st.dictionaries(st.sampled_from([*KEYS, "progressToken"]), VALUES, max_size=3))
def test_setting_meta(data: st.DataObject, members: dict[str, Any]) -> None:
    params = data.draw(st.sampled_from(["absent", "empty", "there"]))
    meta: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3))
    chance = data.draw(CHANCES)
    text = {"absent": b"", "empty": b',"params":{ }'}.get(params)
    if text is None:
        text = b',"params":{"a":1,"_meta":%s,"b":2}' % spelled(meta, chance)
    asked = inspect_answer(b'{"id":1,"method":"x"%s}' % text)
    assert asked is not None
    wanted = {name: write(value).encode() for name, value in members.items()}
    after = splice.with_meta(asked, wanted)
    whole = json.loads(asked.body)
    if wanted:
        whole.setdefault("params", {}).setdefault("_meta", {}).update(
            {name: json.loads(text) for name, text in wanted.items()}
        )
    assert json.loads(after) == whole
