"""The lock file: whole or not taken, stable, and readable."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.governance.lock import Locked, LockError, ToolLock, accepted, parse_lock, pretty, visible

PAY: dict[str, Any] = {"name": "pay", "description": "Pays.", "inputSchema": {"type": "object"}}


def locked(definition: object) -> Locked:
    raw = definition if isinstance(definition, bytes) else json.dumps(definition).encode()
    found = accepted(raw)
    assert found is not None
    return found


def lock_of(*definitions: dict[str, Any], upstream: str = "default") -> ToolLock:
    return ToolLock({upstream: {each["name"]: locked(each) for each in definitions}})


def refusal(text: bytes) -> str:
    with pytest.raises(LockError) as refused:
        parse_lock(text)
    return str(refused.value)


def changed(path: list[str], value: object) -> bytes:
    """The lock of `PAY` with another value at a path."""
    whole = json.loads(lock_of(PAY).encode())
    node = whole
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return json.dumps(whole).encode()


def test_what_is_written_is_read() -> None:
    lock = lock_of(PAY, {"name": "b", "title": "é \u202e"})
    assert parse_lock(lock.encode()) == lock
    assert parse_lock(ToolLock().encode()) == ToolLock()
    assert lock.pins("default")["pay"] == locked(PAY).tool.identity
    assert lock.pins("other") == {}


def test_one_text_for_one_meaning() -> None:
    first = lock_of(PAY, {"name": "a"}).encode()
    assert lock_of({"name": "a"}, dict(reversed(PAY.items()))).encode() == first
    assert first.endswith(b"}\n")
    assert first.isascii()
    lines = set(first.splitlines())
    other = lock_of(PAY | {"description": "Pays more."}, {"name": "a"}).encode()
    assert len(set(other.splitlines()) - lines) == 2  # its description and its fingerprint


def test_digits_stay() -> None:
    raw = b'{"name":"a","n":[123456789012345678901,0.10000000000000000000001]}'
    text = ToolLock({"u": {"a": locked(raw)}}).encode()
    assert b"123456789012345678901,\n" in text
    assert b"0.10000000000000000000001\n" in text
    assert parse_lock(text).upstreams["u"]["a"] == locked(raw)


def test_what_nobody_sees_is_shown() -> None:
    hidden = "a\u200bb\u202ec\U000e0041d\u0007"
    text = ToolLock({"u": {"a": locked({"name": "a", "description": hidden})}}).encode().decode()
    assert "a\\u200bb\\u202ec\\udb40\\udc41d\\u0007" in text
    assert parse_lock(text.encode()).upstreams["u"]["a"].tool.fault is None
    assert "\\u202e" in pretty(json.dumps({"x": "\u202e"}, ensure_ascii=False).encode())
    assert visible("plain\nlines é") == "plain\nlines é"
    assert visible("\x1b[31m") == "\\u001b[31m"


@pytest.mark.parametrize("raw", [b'{"name":"a","x":1,"x":1}', b'{"x":1}', b'{"name":""}'])
def test_what_cannot_be_accepted(raw: bytes) -> None:
    assert accepted(raw) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "line 1"),
        (b"{\n<<<<<<< HEAD", "line 2"),
        (b"\xff", "utf-8"),
        (b"[]", "not an object"),
        (b"{}", "must hold"),
        (b'{"helio_tools_lock":2,"upstreams":{}}', "another version"),
        (b'{"helio_tools_lock":1,"upstreams":{},"x":1}', "nothing else"),
        (b'{"helio_tools_lock":1,"upstreams":{},"upstreams":{}}', "twice"),
        (b'{"helio_tools_lock":NaN,"upstreams":{}}', "NaN"),
        (b'{"helio_tools_lock":1,"upstreams":[]}', "`upstreams` is not"),
        (b"[" * 100_000, "recursion"),
        (changed(["upstreams", "default"], 5), "not an object"),
        (changed(["upstreams", "default", "pay"], {"definition": {}}), "must hold"),
        (changed(["upstreams", "default", "pay", "definition", "title"], "x"), "fingerprint"),
        (changed(["upstreams", "default", "pay", "fingerprint"], "sha256:0"), "fingerprint"),
        (changed(["upstreams", "default", "pay", "fingerprint"], 5), "fingerprint"),
        (changed(["upstreams", "default", "pay", "definition", "name"], "x"), "no definition"),
        (changed(["upstreams", "default", "pay", "definition"], "x"), "not an object"),
        (changed(["upstreams", "default", "pay", "definition", "d"], "\ud800"), "definition"),
    ],
)
def test_what_cannot_be_trusted(text: bytes, says: str) -> None:
    assert says in refusal(text)


def test_a_file_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helio.governance.lock.MAX_BYTES", 100)
    assert "100 bytes" in refusal(lock_of(PAY).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), JSON))
def test_any_definition_comes_back(definitions: dict[str, Any]) -> None:
    lock = lock_of(*({"name": name, "x": value} for name, value in definitions.items()))
    assert parse_lock(lock.encode()) == lock
