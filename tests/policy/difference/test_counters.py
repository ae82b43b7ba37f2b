"""Limits that were cut or joined: each call is decided as before, and yet more get through."""

from typing import Any

import pytest
import yaml

from helio.policy.difference import Difference, Side, differences
from policy.difference.generated import side_of

LIMIT = {"max_calls": 100, "window": "1h", "key": "agent"}
SMALL = {"amount": {"lte": 10}}
LARGE = {"amount": {"gt": 10}}


def limited(name: str, tool: Any = "pay", key: str = "agent", **match: Any) -> dict[str, Any]:
    return {"name": name, "match": {"tool": tool, **match}, "limits": {**LIMIT, "key": key}}


def side(*rules: dict[str, Any]) -> Side:
    head = {"version": "1", "upstream": {"url": "http://localhost/mcp"}}
    policies = {"policies": {"default": "deny", "rules": list(rules)}}
    return side_of(yaml.safe_dump({**head, **policies}, sort_keys=False))


def test_a_limit_that_is_cut_lets_more_through() -> None:
    old = side(limited("payments"))
    new = side(limited("small", input=SMALL), limited("payments"))
    (found,) = differences(old, new).differing
    assert (found.kind, found.region) == ("widened", ("tool matches pay",))
    assert found.lost == ("at most 100 calls in 1h by agent, counted together",)
    assert found.gained == (
        "at most 100 calls in 1h by agent, counted apart by `small` and `payments`",
    )
    assert (found.old.rule, found.new.rule) == ("payments", "small")
    (back,) = differences(new, old).differing
    assert (back.kind, back.lost, back.gained) == ("narrowed", found.gained, found.lost)


@pytest.mark.parametrize(
    ("key", "halves", "count"),
    [
        ("tool", [{"tool": "pay"}, {"tool": "fee"}], 0),
        ("agent", [{"tool": "pay"}, {"tool": "fee"}], 1),
        ("agent", [{"agent": "a*"}, {"agent": "b*"}], 0),
        ("session", [{"agent": "a*"}, {"agent": "b*"}], 1),
        ("tool", [{"input": SMALL}, {"input": LARGE}], 1),
        ("call", [{"input": SMALL}, {"input": LARGE}], 0),
    ],
)
def test_only_calls_of_one_key_count_together(
    key: str, halves: list[dict[str, Any]], count: int
) -> None:
    both = ["pay", "fee"]
    old = side(limited("all", both, key, agent="[ab]*", input={"amount": {"gte": 0}}))
    shared = {"agent": "[ab]*", "input": {"amount": {"gte": 0}}}
    new = side(
        *(
            limited(
                f"half{number}",
                half.get("tool", both),
                key,
                agent=half.get("agent", shared["agent"]),
                input={"amount": {"gte": 0, **half.get("input", {}).get("amount", {})}},
            )
            for number, half in enumerate(halves)
        )
    )
    found = [each for each in differences(old, new).differing if "counted" in each.gained[0]]
    assert len(found) == count


def test_a_rewriting_with_other_names_counts_as_before() -> None:
    old = side(limited("a"), limited("b", "fee"))
    new = side(limited("x", "fee"), limited("y"))
    assert differences(old, new) == Difference()
