"""What the proxy is loaded with: 20 rules, the upstream's tools, and the calls of each kind.

Above: `helio.bench.echo` (lists the tools), `helio.bench.load` (sends the calls),
`helio.bench.proxy` (writes the rules into helio.yaml). Below: `helio.bench.workload`. Pure: each
process makes the same from the same seed.
"""

from collections.abc import Callable
from itertools import count, cycle, islice
from typing import Literal

from helio.bench.workload import (
    CALLS,
    Call,
    Rule,
    Tool,
    call_body,
    decide_plainly,
    make_call,
    make_document,
    make_rules,
    make_tools,
    seeded,
)

SEED = 20
MIXED_RULES = 18
TOOLS = 40
ANSWER_TEXT = "The order was found: three lines, paid on delivery, sent on Tuesday. " * 3
"""The text of every answer of the echo server."""
PASSED_MARK = b"The order was found"
"""Stands in an answer of the upstream, and in none of Helio's own."""
BLOCKED_MARK = b"helio/blocked"
"""Stands in Helio's answer to a call that it blocked."""

RATED = Tool("search_orders", destructive=False)
SPENDING = Tool("create_payment", destructive=True)

Traffic = Literal["passing", "denied", "rate_limited", "spend_limited"]
TRAFFIC: tuple[Traffic, ...] = ("passing", "denied", "rate_limited", "spend_limited")
"""Kinds of calls: decided and let through; denied; let through by a limit with room."""


def proxy_rules() -> list[Rule]:
    """The rules of the mix that stand behind the two limits."""
    return make_rules(MIXED_RULES, seeded(SEED))


def proxy_policy() -> list[dict[str, object]]:
    """`policies.rules` of helio.yaml: two limits that never fill, and the mix."""
    rated: dict[str, object] = {
        "name": "rated",
        "match": {"tool": RATED.name},
        "action": "rate_limit",
        "limits": {"max_calls": 1_000_000_000, "window": "1h"},
    }
    spending: dict[str, object] = {
        "name": "spending",
        "match": {"tool": SPENDING.name},
        "action": "spend_limit",
        "limits": {
            "max_spend": {
                "field": "$.amount",
                "limit": 1_000_000_000_000,
                "currency": "GBP",
                "window": "24h",
            }
        },
    }
    return [rated, spending, *make_document(proxy_rules())]


def proxy_tools() -> list[Tool]:
    """The upstream's tools; each name once."""
    tools = make_tools(proxy_rules(), TOOLS, seeded(SEED))
    return [*{tool.name: tool for tool in tools}.values(), RATED, SPENDING]


def bodies(traffic: Traffic, number: int = CALLS) -> list[bytes]:
    """`number` distinct calls of one kind."""
    match traffic:
        case "passing":
            return _decided(lambda rule: rule is None or not rule.deny, number)
        case "denied":
            return _decided(lambda rule: rule is not None and rule.deny, number)
        case "rate_limited":
            return [call_body(each, RATED.name, _arguments(each)) for each in range(number)]
        case "spend_limited":
            return [call_body(each, SPENDING.name, _arguments(each)) for each in range(number)]


def mark(traffic: Traffic) -> bytes:
    """What stands in every right answer to this kind."""
    return BLOCKED_MARK if traffic == "denied" else PASSED_MARK


def _decided(wanted: Callable[[Rule | None], bool], number: int) -> list[bytes]:
    """Calls of the mix whose deciding rule (None: the default) is a wanted one."""
    rules = proxy_rules()
    chance = seeded(SEED + 1)
    mixed = [tool for tool in proxy_tools() if tool not in (RATED, SPENDING)]

    def decides(call: Call) -> Rule | None:
        index = decide_plainly(rules, call)
        return None if index < 0 else rules[index]

    calls = (make_call(each, tool, chance) for each, tool in zip(count(), cycle(mixed)))
    return [call.body for call in islice((c for c in calls if wanted(decides(c))), number)]


def _arguments(number: int) -> dict[str, object]:
    call = make_call(number, RATED, seeded(number))
    return {**call.arguments, "amount": number % 100 + 1}
