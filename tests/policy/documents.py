"""Generated configurations as plain values, and ways to write the same values as YAML."""

import json
import random
from typing import Any

import yaml
from hypothesis import strategies as st

Document = dict[str, Any]

NAMES = st.sampled_from(["pay", "send_mail", "mail_*", "orders.{get,list}", "[a-c]?", "größe", "*"])
REQUIRED = ("ops", "paid", "untrusted", "a b", "ß")
WORDS = st.sampled_from(REQUIRED)
PATHS = st.sampled_from(["amount", "$.amount", "$['order-id']", "$.items[*].price", "$..id", "ä"])
SINGLE_PATHS = st.sampled_from(["amount", "$.total", "$['order-id']", "$.items[0]"])
WINDOWS = st.sampled_from(["500ms", "30s", "60s", "1m", "1h", "24h", "90d"])
KEYS = st.lists(
    st.sampled_from(["tool", "session", "agent", "sender_id", "upstream", "global", "call"]),
    min_size=1,
    max_size=3,
    unique=True,
)
SCALARS = st.one_of(
    st.integers(-(10**12), 10**12), st.booleans(), st.none(), st.sampled_from(["GBP", "yes", "7"])
)
OPERANDS = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["x", "y", "z w"]), SCALARS, max_size=3),
)


def one_or_several(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


def some_of(parts: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({}, optional=parts)


OPERATIONS = some_of(
    {
        "eq": OPERANDS,
        "neq": OPERANDS,
        "gt": st.integers(-5, 5),
        "lte": st.integers(-5, 5),
        "in": st.lists(SCALARS, min_size=1, max_size=3),
        "not_in": st.lists(SCALARS, min_size=1, max_size=3),
        "contains": OPERANDS,
        "regex": st.sampled_from(["^a", "[0-9]{3}"]),
        "ends_with": WORDS,
        "exists": st.booleans(),
    }
).filter(bool)
TESTS = st.one_of(
    SCALARS,
    OPERATIONS,
    st.builds(lambda bare, inner: {**bare, "every": inner}, OPERATIONS, OPERATIONS),
    st.builds(lambda inner: {"some": inner}, OPERATIONS),
)
MATCHES = some_of(
    {
        "tool": one_or_several(NAMES),
        "upstream": one_or_several(NAMES),
        "agent": one_or_several(NAMES),
        "environment": one_or_several(st.sampled_from(["production", "stag*", "test"])),
        "annotations": some_of(
            {hint: st.booleans() for hint in ("readOnlyHint", "destructiveHint", "openWorldHint")}
        ),
        "input": st.dictionaries(PATHS, TESTS, max_size=3),
        "metadata": st.dictionaries(st.sampled_from(["channel_id", "$.user"]), TESTS, max_size=2),
        "session": some_of(
            {"labels": one_or_several(WORDS), "called": WORDS, "not_called": one_or_several(WORDS)}
        ),
    }
)
MAX_SPEND = st.fixed_dictionaries(
    {
        "field": SINGLE_PATHS,
        "limit": st.integers(1, 10**9),
        "currency": st.sampled_from(["GBP", "EUR"]),
        "window": WINDOWS,
    },
    optional={"key": KEYS},
)
LIMITS = st.one_of(
    st.fixed_dictionaries(
        {"max_calls": st.integers(1, 1000), "window": WINDOWS},
        optional={"key": KEYS, "max_spend": MAX_SPEND},
    ),
    st.fixed_dictionaries({"max_spend": MAX_SPEND}),
)
EVIDENCE = st.fixed_dictionaries(
    {
        "requires": st.lists(
            st.one_of(
                st.just("orders.lookup"),
                st.fixed_dictionaries(
                    {"tool": st.just("customer.get")},
                    optional={"bind": st.dictionaries(PATHS, SINGLE_PATHS, max_size=3)},
                ),
            ),
            min_size=1,
            max_size=2,
        )
    }
)
CHANNELS = st.just("dashboard")
RULES = st.fixed_dictionaries(
    {"action": st.sampled_from(["allow", "deny", "require_approval", "dry_run"])},
    optional={
        "match": MATCHES,
        "evidence": EVIDENCE,
        "requires": one_or_several(WORDS),
        "requires_success": st.booleans(),
        "limits": LIMITS,
        "labels": one_or_several(WORDS),
        "approval": some_of({"timeout": WINDOWS, "delegates": one_or_several(CHANNELS)}),
        "feedback": some_of({"message": WORDS, "suggestion": WORDS}),
        "shadow": st.booleans(),
    },
)


CONTRIBUTORS = st.builds(
    lambda match, worth: {"match": match, **worth},
    some_of(
        {
            "tool": one_or_several(NAMES),
            "input": st.dictionaries(PATHS, TESTS, min_size=1, max_size=2),
        }
    ).filter(bool),
    st.fixed_dictionaries({"field": SINGLE_PATHS})
    | st.fixed_dictionaries({"amount": st.integers(1, 10**9)}),
)
BUDGETS = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 10**9),
        "currency": st.sampled_from(["GBP", "EUR"]),
        "window": st.one_of(WINDOWS, st.just("session")),
        "contributors": st.lists(CONTRIBUTORS, min_size=1, max_size=3),
    },
    optional={
        "key": st.sampled_from(["global", "session", "agent", "sender_id"]),
        "idle_ttl": WINDOWS,
        "on_exceed": st.sampled_from(["deny", "require_approval"]),
        "approval": some_of({"timeout": WINDOWS, "delegates": st.lists(CHANNELS, min_size=1)}),
    },
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A configuration without faults; some of its rules have names."""
    # What rules require must be callable before it is required.
    free: Document = {"match": {"tool": list(REQUIRED)}, "action": "allow"}
    rules = [free, *draw(st.lists(RULES, max_size=4))]
    for index, rule in enumerate(rules):
        if draw(st.booleans()):
            rule["name"] = f"rule-{index}"
    settings = draw(
        some_of(
            {
                "default": st.sampled_from(["allow", "deny"]),
                "unknown_tools": st.sampled_from(["allow", "deny"]),
                "dry_run": st.booleans(),
            }
        )
    )
    budgets = draw(st.lists(BUDGETS, max_size=2))
    for index, budget in enumerate(budgets):
        budget["name"] = f"budget-{index}"
    return {
        "version": "1",
        "upstream": {"url": "http://127.0.0.1:8080/mcp"},
        "environment": draw(st.sampled_from(["production", "staging"])),
        "policies": {**settings, "rules": rules},
        "budgets": budgets,
    }


def as_block(document: Document) -> str:
    """Block style, as people write it."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def as_flow(document: Document) -> str:
    """Flow style, which is JSON."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with the keys of all mappings in another order."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    return value
