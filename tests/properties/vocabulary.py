"""Small shared vocabularies, so that what is generated on both sides often meets.

Above it the strategies for policies, calls and messages; below it hypothesis. Pure.
"""

import json

from hypothesis import strategies as st

from oracle.numbers import Number
from oracle.strict_json import Json, parse

TOOLS = [
    "pay", "pay_out", "payments.create", "read_mail", "read", "delete_order", "orders.lookup",
    "déjà_vu", "a", "Pay", "a|b=c%", "😀",
]  # fmt: skip
TOOL_GLOBS = [
    "*", "pay", "pay*", "*_*", "read_*", "{pay,read}*", "[pr]*", "[!p]*", "?", "??*", "delete_*",
    "{delete_,pay_}{order,out}", "*.{create,lookup}", "d?j[à-ü]_vu", "a|b=c%", "*mail", "😀",
    "*a*a*", r"pa\y", "{a,b{c,d}}", "orders.lookup", "[a-z]", "*[!a-z]*",
]  # fmt: skip
UPSTREAMS = ["default", "stripe", "we|ird=%"]
AGENTS = ["support-1", "support-2", "sales", "ä|=%"]
AGENT_GLOBS = ["support-*", "sales", "{sales,support-1}", "*", "?"]
SESSIONS = ["s1", "s|2"]
SENDERS = ["u1", "u=2"]
NAMES = ["untrusted", "touched-money", "read_mail", "pay"]
HINTS = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]
KEYS = ["amount", "items", "o", "tags", "é", "b c", "0", "x"]
PATHS = [
    "$.amount", "$.amount", "amount", "$.x", "$.o",
    "$", "amount", "$.amount", "items", "items[*]", "items[0]", "items[-1]", "items[::2]",
    "items[1:]", "$.items[*].amount", "$..amount", "$..x", "$.o.x", "o['b c']", "$.*", "$.é",
    "$['0']", "$.items[0,1]", "$..*", "$.o[*]", "tags", "tags[*]", "$['amount','x']",
]  # fmt: skip

NUMBERS = [
    "0", "-0", "0.0", "1", "1.0", "1e0", "2", "10", "1000", "1e3", "1000.00", "1000.01", "999.99",
    "5000", "-5", "-1e-2", "0.1", "1e-1", "9007199254740993", "9007199254740992.0",
    "123456789012345678901234567890", "1e28", "1e27", "0.0000000000000000000000000001", "1e-29",
    "1e400", "1e999999999999999999", "-1e999999999999999999", "1E+2",
]  # fmt: skip
# Few enough that amounts often stand exactly at a bound.
BOUNDS = ["0", "1.0", "2.5", "100", "1000", "1e3", "999.99", "-5.00"]
TEXTS = ["", "a", "ab", "abc", "b", "1000", "5000", "é", "😀", "A", "GBP", "true", "null", "a\nb"]
REGEXES = [
    "a",
    "^a",
    "b$",
    "^ab?c?$",
    "[0-9]+",
    "^[^a]*$",
    "(a|é)",
    "a.c",
    "^$",
    r"\d",
    "😀",
    "(?i)A",
]


def assigned_text(max_size: int = 8) -> st.SearchStrategy[str]:
    """Texts of characters that Python's Unicode tables know: younger ones are no common ground."""
    return st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=max_size)


def digits(max_size: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=1, max_size=max_size)


@st.composite
def lexemes(draw: st.DrawFn, max_digits: int = 40, max_exponent_digits: int = 18) -> str:
    """Draw the text of any number by RFC 8259."""
    whole = draw(digits(max_digits)).lstrip("0") or "0"
    text = draw(st.sampled_from(["", "-"])) + whole
    if draw(st.booleans()):
        text += "." + draw(digits(max_digits))
    if draw(st.booleans()):
        text += draw(st.sampled_from("eE")) + draw(st.sampled_from(["", "+", "-"]))
        text += draw(digits(max_exponent_digits))
    return text


# Values as JSON texts. Drawing one costs a single choice, so that whole policies stay cheap.
VALUES = [
    *NUMBERS, *NUMBERS, *(json.dumps(text) for text in TEXTS), "null", "true", "false", "[]", "{}",
    "[1]", '[1,"a"]', '["a","b"]', "[1.0,[2,null]]", "[[1]]", '[{"amount":1},{"amount":1000.00}]',
    '[{"amount":"5000"},{"x":2}]', '[{"amount":5000,"x":1},{},[]]', '{"x":1}', '{"x":"1"}',
    '{"x":1e3,"b c":"a"}', '{"x":[1,2]}', '{"amount":10,"x":null}', '{"x":{"x":{"x":2}}}',
    '{"b c":"ab","é":[true]}', "[null,false]", '["1000",1000]',
]  # fmt: skip
AMOUNTS = ["1", "2.50", "0", "100", "1e2", "-5", '"5000"', "null", "1e400", "1000", "999.99"]
PARSED = [parse(value.encode()) for value in VALUES]
PARSED_AMOUNTS = [parse(value.encode()) for value in AMOUNTS]


def common_values() -> st.SearchStrategy[Json]:
    return st.sampled_from(PARSED)


def numbers() -> st.SearchStrategy[Number]:
    """Numbers, most of them from the vocabulary."""
    return (
        st.integers(0, 9)
        .flatmap(lambda die: st.sampled_from(NUMBERS) if die else lexemes())
        .map(Number)
    )


def texts() -> st.SearchStrategy[str]:
    """Texts, most of them from the vocabulary."""
    return st.integers(0, 9).flatmap(lambda die: st.sampled_from(TEXTS) if die else assigned_text())


def nested_values() -> st.SearchStrategy[Json]:
    """Values of a few levels."""
    return st.recursive(
        st.one_of(common_values(), numbers(), texts()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        ),
        max_leaves=6,
    )


NESTED = nested_values()


@st.composite
def json_values(draw: st.DrawFn) -> Json:
    """Draw a value, mostly from the vocabulary."""
    return draw(common_values() if draw(st.integers(0, 9)) else NESTED)


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Json]:
    """Draw the arguments of a call: keys that no folding makes equal, and often an amount."""
    found: dict[str, Json] = {}
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True)):
        found[key] = draw(json_values())
    if draw(st.booleans()):
        found["amount"] = draw(st.sampled_from(PARSED_AMOUNTS))
    return found
