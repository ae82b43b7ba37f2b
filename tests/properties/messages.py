"""Strategies for the bytes of messages: valid, nearly valid, mutated.

Above it the properties; below it `vocabulary`.
"""

import json
import random

from hypothesis import strategies as st

from oracle.strict_json import Json
from oracle.text import write
from properties import vocabulary as words

KEYS = ["jsonrpc", "id", "method", "params", "result", "error"]
METHODS = ["tools/call", "tools/list", "ping", "notifications/initialized"]
WRONG = ["null", "true", "1.0", "1e2", "[]", "{}", '""', '"x"', "-0", "7", "[1]"]
NAMES = [
    "pay",
    "a" * 256,
    "a" * 257,
    "é" * 128,
    "é" * 129,
    "a\u202eb",
    "a\u200b",
    "\u2028",
    "x\u0000",
]
FRAGMENTS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b" ", b"\n", b"\x00", b"\xff", b"\xc3", b"e",
    b"-", b".", b"0", b"1", b"null", b"true", b'"id":1,', b'"ID":1,', b'"name":"x",', b"\\u0061",
    b"\\ud800", b"\\ud83d\\ude00", b"\xef\xbb\xbf", b"\xe2\x84\xaa", b'"k":1,', b"1e999", b"NaN",
    b"9" * 401, b"1e" + b"9" * 19, b"[" * 130, b"/**/",
]  # fmt: skip


@st.composite
def spellings(draw: st.DrawFn, text: str) -> str:
    """Draw another JSON spelling of a text: some characters as escapes."""
    written = [
        json.dumps(c)[1:-1] if c in '"\\' or c < " " or not draw(st.booleans()) else escaped(c)
        for c in text
    ]
    return f'"{"".join(written)}"'


def escaped(character: str) -> str:
    """Return a character as one or two `\\uXXXX`."""
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


@st.composite
def members(draw: st.DrawFn) -> dict[str, str]:
    """Draw the members of a message, each as JSON text, most of them right."""
    found = {"jsonrpc": '"2.0"'}
    shape = draw(st.sampled_from(["call", "call", "call", "request", "notification", "response"]))
    if shape != "notification":
        found["id"] = draw(st.sampled_from(["1", "-7", '"a"', '"\\u0061"', '""', "1" * 30]))
    if shape == "response":
        found[draw(st.sampled_from(["result", "error"]))] = write(draw(words.json_values()))
        return found
    if shape == "call":
        name = draw(st.sampled_from(words.TOOLS + NAMES) | words.assigned_text(3))
        params = {"name": draw(spellings(name))}
        if draw(st.booleans()):
            params["arguments"] = write(draw(words.arguments()))
        if draw(st.sampled_from([False, False, True])):
            params[draw(st.sampled_from(["name", "arguments"]))] = draw(st.sampled_from(WRONG))
        found["method"] = draw(spellings("tools/call"))
        found["params"] = joined(params)
    else:
        found["method"] = draw(st.sampled_from(METHODS).map(write))
        if draw(st.booleans()):
            found["params"] = write(draw(words.arguments() | st.lists(words.json_values())))
    return found


def joined(found: dict[str, str]) -> str:
    return "{" + ",".join(f"{write(key)}:{value}" for key, value in found.items()) + "}"


@st.composite
def structured(draw: st.DrawFn) -> bytes:
    """Draw a message with perhaps a member removed, replaced, added or doubled."""
    found = draw(members())
    change = draw(st.sampled_from(["none", "none", "remove", "replace", "double", "fold"]))
    key = draw(st.sampled_from(KEYS))
    if change == "remove":
        found.pop(key, None)
    elif change == "replace":
        found[key] = draw(st.sampled_from(WRONG))
    text = joined(found)
    if change in ("double", "fold"):
        again = draw(spellings(key)) if change == "double" else write(key.title())
        text = f"{text[:-1]},{again}:1}}"
    return text.encode()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a message with a few bytes cut, replaced or put in."""
    body = draw(structured())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        cut = draw(st.integers(0, 3))
        fragment = draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=2) | st.just(b""))
        body = body[:at] + fragment + body[at + cut :]
    return body


def bodies() -> st.SearchStrategy[bytes]:
    """Bodies of all kinds, few of them noise."""
    return st.one_of(structured(), structured(), mutated(), mutated(), st.binary(max_size=40))


def respelled_number(text: str, chance: random.Random) -> str:
    """Return another text of the same number."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = chance.randint(-3, 3)
    fraction += "0" * chance.randint(0, 3)
    power = int(exponent or "0") - shift
    if shift > 0:
        moved = (fraction + "0" * shift)[:shift]
        whole, fraction = whole + moved, (fraction + "0" * shift)[shift:]
    elif shift < 0:
        sign, unsigned = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        padded = unsigned.rjust(1 - shift, "0")
        whole, fraction = sign + padded[:shift], padded[shift:] + fraction
    sign, unsigned = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    whole = sign + (unsigned.lstrip("0") or "0")
    return f"{whole}{'.' if fraction else ''}{fraction}e{power}"


def respelled(value: Json, chance: random.Random) -> str:
    """Return another JSON text of an equal value: keys moved, the rest spelled otherwise."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        inner = (f" {respelled(key, chance)} : {respelled(one, chance)}\n" for key, one in items)
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[\t" + ",".join(respelled(one, chance) for one in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(escaped(c) if chance.random() < 0.5 else raw(c) for c in value) + '"'
    if value is None or isinstance(value, bool):
        return write(value)
    return respelled_number(value.text, chance)


def raw(character: str) -> str:
    """Return a character as it is, or escaped where JSON demands it."""
    return json.dumps(character, ensure_ascii=False)[1:-1]
