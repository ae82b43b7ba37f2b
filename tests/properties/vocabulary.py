"""Small shared vocabularies, so that what is generated on both sides often meets.

Above it the strategies for policies, calls and messages; below it hypothesis. Pure.
"""

from hypothesis import strategies as st

from oracle.numbers import Number
from oracle.strict_json import Json

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


def numbers() -> st.SearchStrategy[Number]:
    """Numbers, most of them from the vocabulary."""
    common = st.sampled_from(NUMBERS)
    return st.one_of(common, common, common, lexemes()).map(Number)


def texts() -> st.SearchStrategy[str]:
    """Texts, most of them from the vocabulary."""
    common = st.sampled_from(TEXTS)
    return st.one_of(common, common, common, assigned_text())


def scalars() -> st.SearchStrategy[Json]:
    return st.one_of(st.none(), st.booleans(), numbers(), texts(), numbers(), texts())


def objects(values: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Json]]:
    """Objects over the vocabulary's keys, which no folding makes equal."""
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=4)


def json_values() -> st.SearchStrategy[Json]:
    """Values of a few levels."""
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(st.lists(inner, max_size=3), objects(inner)),
        max_leaves=6,
    )


def arguments() -> st.SearchStrategy[dict[str, Json]]:
    """Arguments of a call."""
    return objects(json_values())
