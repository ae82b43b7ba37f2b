"""Strategies for rule graphs and for the calls and facts they are asked about.

Above it the properties; below it `vocabulary` and the oracle's graph builder.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from helio import evaluator
from oracle.build import GraphBuilder
from oracle.demands import Caller
from oracle.graph import Facts
from oracle.strict_json import Json, parse
from oracle.text import write
from properties import vocabulary as words

ACTIONS = ["allow", "deny", "require_approval", "rate_limit", "spend_limit", "dry_run"]
LIMIT_KEYS = ["tool", "session", "agent", "sender_id", "upstream", "global", "call"]
AMOUNT_PATHS = ["$.amount"] * 4 + ["$.o.x", "$.items[*].amount", "$..x", "$.tags"]
ORDERS = ["gt", "gte", "lt", "lte"]
KINDS = ["equal", "equal", "one_of", "order", "order", "contains", "text", "regex", "exists"]
CONDITIONS = ["tool"] * 2 + ["input"] * 6 + ["annotation", "agent", "agent", "session", "session"]
CONDITIONS += ["upstream", "metadata", "constant"]
TEXTUAL = ["starts_with", "ends_with"]


def normalized(path: str) -> str:
    return evaluator.normalize_path(path)


@st.composite
def tests_of_values(draw: st.DrawFn) -> tuple[str, str]:
    """Draw an operator with the JSON of an operand that it takes."""
    operand: Json
    kind = draw(st.sampled_from(KINDS))
    if kind == "equal":
        operator, operand = draw(st.sampled_from(["eq", "neq"])), draw(words.json_values())
    elif kind == "one_of":
        operator = draw(st.sampled_from(["in", "not_in"]))
        operand = draw(st.lists(words.json_values(), max_size=4))
    elif kind == "order":
        operator, operand = draw(st.sampled_from(ORDERS)), draw(words.numbers())
    elif kind == "contains":
        operator, operand = "contains", draw(words.json_values())
    elif kind == "text":
        operator, operand = draw(st.sampled_from(TEXTUAL)), draw(words.texts())
    elif kind == "regex":
        operator, operand = "regex", draw(st.sampled_from(words.REGEXES))
    else:
        operator, operand = "exists", draw(st.booleans())
    return operator, write(operand)


def some_of(choices: list[str], max_size: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(choices), min_size=1, max_size=max_size, unique=True)


@st.composite
def conditions(draw: st.DrawFn, builder: GraphBuilder) -> int:
    """Draw one condition and add it to the graph."""
    kind = draw(st.sampled_from(CONDITIONS))
    match kind:
        case "tool":
            node = builder.named("tool", draw(some_of(words.TOOL_GLOBS)))
        case "upstream":
            node = builder.named("upstream", draw(some_of(["default", "str*", "we*"])))
        case "agent":
            node = builder.named("agent", draw(some_of(words.AGENT_GLOBS)))
        case "annotation":
            node = builder.annotation(draw(st.sampled_from(words.HINTS)), draw(st.booleans()))
        case "session":
            seen = draw(st.sampled_from(["labels", "called", "not_called"]))
            node = builder.names(seen, draw(some_of(words.NAMES, max_size=2)))
        case "constant":
            node = builder.add("constant", value=False, text="environment: production")
        case _:
            tests = draw(st.lists(tests_of_values(), min_size=1, max_size=2))
            path = normalized(draw(st.sampled_from(words.PATHS)))
            quantifier = draw(st.sampled_from(["some", "some", "every"]))
            node = builder.selecting(kind, path, tests, quantifier)
    return node


@st.composite
def limits(draw: st.DrawFn, builder: GraphBuilder) -> int:
    """Draw one limit; its id tells all but the maximum, as the compiler's ids do."""
    key = draw(some_of(LIMIT_KEYS, max_size=2))
    window_ms = draw(st.sampled_from([1000, 60_000, 3_600_000]))
    maximum = draw(st.sampled_from(["0", "1", "2", "5", "100.5"]))
    identity = f"{draw(st.sampled_from(['a', 'b']))}:{'+'.join(key)}:{window_ms}"
    if draw(st.booleans()):
        whole = maximum.split(".")[0]
        return builder.rate(f"rate:{identity}", whole, window_ms, key)
    path = normalized(draw(st.sampled_from(AMOUNT_PATHS)))
    currency = draw(st.sampled_from(["GBP", "EUR"]))
    identity = f"spend:{identity}:{path}:{currency}"
    return builder.spend(identity, maximum, window_ms, path, key=key, currency=currency)


@st.composite
def rules(draw: st.DrawFn, builder: GraphBuilder) -> None:
    """Draw one rule and add it to the graph."""
    # A rule without conditions ends every search: few of them, so that many rules are reached.
    count = draw(st.sampled_from([0, *[1] * 6, *[2] * 4, 3]))
    judged = list(dict.fromkeys(draw(conditions(builder)) for _ in range(count)))
    action = draw(st.sampled_from(ACTIONS))
    evidence: list[dict[str, Any]] = []
    requires: list[str] = []
    if draw(st.sampled_from([False, False, False, True])):
        bound = [builder.add("path", path=normalized(path)) for path in ("$.amount", "$.o.x")]
        evidence = [{"tool": "orders.lookup", "bind": draw(st.sampled_from([[], [bound]]))}]
    if draw(st.sampled_from([False, False, False, True])):
        requires = ["read_mail"]
    builder.rule(
        judged,
        action,
        name=draw(st.sampled_from([None, f"rule {len(builder.rules)}"])),
        until=action == "deny" and bool(evidence or requires),
        limits=draw(st.lists(limits(builder), max_size=2, unique=True)),
        evidence=evidence,
        requires=requires,
        requires_success=bool(requires),
        shadow=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def budgets(draw: st.DrawFn, builder: GraphBuilder) -> None:
    """Draw one budget and add it to the graph."""
    contributors = []
    for _ in range(draw(st.integers(1, 3))):
        judged = [builder.named("tool", draw(some_of(words.TOOL_GLOBS)))]
        if draw(st.booleans()):
            path = normalized(draw(st.sampled_from(words.PATHS)))
            judged.append(builder.selecting("input", path, [draw(tests_of_values())]))
        fixed = st.sampled_from(["1", "2.5", "0.1"])
        price = draw(fixed | st.sampled_from(AMOUNT_PATHS).map(normalized))
        contributors.append(builder.contributor(judged, price))
    pot = draw(st.booleans())
    builder.budget(
        f"b{len(builder.budgets)}",
        contributors,
        window_ms=None if pot else 1000,
        idle_ttl_ms=1000 if pot else None,
        key=draw(some_of(["session", "agent", "sender_id", "global"])),
        on_exceed=draw(st.sampled_from(["deny", "require_approval"])),
    )


@st.composite
def graphs(draw: st.DrawFn, max_rules: int = 8) -> bytes:
    """Draw a rule graph as canonical JSON."""
    builder = GraphBuilder(default=draw(st.sampled_from(["allow", "deny"])))
    for _ in range(draw(st.integers(0, max_rules))):
        draw(rules(builder))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        draw(budgets(builder))
    return builder.text()


@dataclass(frozen=True)
class Call:
    """A call as both sides take it: a parsed message with native facts, and the oracle's facts."""

    message: evaluator.Message
    facts: Facts
    native: dict[str, Any]
    upstream: str
    hints: int

    def __repr__(self) -> str:
        return f"Call({self.message.body!r}, {self.facts!r})"


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a call with what is known about it."""
    tool, arguments = draw(st.sampled_from(words.TOOLS)), draw(words.arguments())
    params = write({"name": tool, "arguments": arguments})
    body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
    message = evaluator.parse_message(body.encode())
    hints = draw(st.dictionaries(st.sampled_from(words.HINTS), st.booleans()))
    session = draw(st.sampled_from([None, *words.SESSIONS]))
    names = st.none() if session is None else st.lists(st.sampled_from(words.NAMES), unique=True)
    labels, called = draw(names), draw(names)
    metadata = draw(st.none() | words.arguments().map(write))
    caller = Caller(
        upstream=draw(st.sampled_from(words.UPSTREAMS)),
        tool=tool,
        call=message.arguments_hash(),
        agent=draw(st.sampled_from([None, *words.AGENTS])),
        session=session,
        session_falls_back=draw(st.booleans()),
        sender=draw(st.sampled_from([None, *words.SENDERS])),
    )
    facts = Facts(
        caller,
        arguments,
        hints,
        labels=None if labels is None else frozenset(labels),
        called=None if called is None else frozenset(called),
        metadata=None if metadata is None else parse(metadata.encode()),
        has_metadata=metadata is not None,
    )
    native = {
        "agent": caller.agent,
        "session": session,
        "session_falls_back": caller.session_falls_back,
        "labels": labels,
        "called": called,
        "sender": caller.sender,
        "metadata": None if metadata is None else metadata.encode(),
    }
    return Call(message, facts, native, caller.upstream, evaluator.pack_hints(hints))


CROWDED_PATHS = ["$['amount']", "$['amount']", "$['x']", "$['o']['x']", "$['items'][*]['amount']"]
CROWDED_TESTS = [
    *((order, number) for order in ORDERS for number in words.BOUNDS),
    *(("eq", value) for value in words.VALUES),
    *(("in", f"[{left},{right}]") for left, right in pairwise(words.VALUES)),
    *(("neq", value) for value in words.BOUNDS),
]
CROWDED_RULES = st.tuples(
    st.sampled_from([None, None, "pay", "pay*", "*a*", "{pay,read}"]),
    st.sampled_from([None, None, None, *words.HINTS]),
    st.sampled_from(CROWDED_PATHS),
    st.sampled_from(CROWDED_TESTS),
    st.sampled_from(["some", "some", "some", "every"]),
    st.sampled_from(["allow", "deny", "require_approval", "dry_run"]),
    st.sampled_from([True, True, True, False]),
)


@st.composite
def crowded_graphs(draw: st.DrawFn) -> bytes:
    """Draw many rules that compare values at few places: what an index of guards is made for.

    Most are shadow rules, so that one decision tells of each of them.
    """
    builder = GraphBuilder()
    for tool, hint, path, test, quantifier, action, shadow in draw(
        st.lists(CROWDED_RULES, max_size=40)
    ):
        judged = [builder.selecting("input", path, [test], quantifier)]
        if tool is not None:
            judged.append(builder.named("tool", [tool]))
        if hint is not None:
            judged.append(builder.annotation(hint, True))
        builder.rule(judged, action, shadow=shadow)
    return builder.text()
