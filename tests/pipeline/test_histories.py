"""What a change of the policy does to the history of limits and budgets."""

import pytest

from helio.pipeline.histories import histories, identities
from helio.policy import CompiledPolicy, compile_text

HEAD = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\npolicies:\n  rules:\n"
RATE = "{ name: 'a:b', action: rate_limit, limits: { max_calls: 5, window: 1m, key: tool } }"
SPEND = (
    "{ name: pay, match: { tool: pay }, limits: "
    "{ max_spend: { field: \"$['a:1']\", limit: 5, currency: GBP, window: 24h } } }"
)


def policy(*rules: str) -> CompiledPolicy:
    compiled = compile_text(HEAD + "".join(f"    - {rule}\n" for rule in rules))
    assert compiled.policy is not None, [str(each) for each in compiled.diagnostics]
    return compiled.policy


def change(old: str, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Histories under `new` where `old` ran, without what they share."""
    return histories(policy(new), identities(policy(old)))


def test_a_summary_of_each_limit() -> None:
    rate, spend = policy(RATE, SPEND).limits
    assert (rate.id, rate.stem) == ("rate:a:b:tool:60000", "rate:a:b:")
    assert (rate.rule, rate.kind, rate.maximum, rate.key) == ("a:b", "rate", "5", ("tool",))
    assert (rate.path, rate.currency, rate.window_ms) == (None, None, 60_000)
    assert spend.id == "spend:pay:tool:86400000:$['a:1']:GBP"
    assert (spend.stem, spend.rule_index, spend.path) == ("spend:pay:", 1, "$['a:1']")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("max_calls: 5", "max_calls: 9", RATE),
        ("limit: 5,", "limit: 0.5,", SPEND),
        ("tool: pay", "tool: 'pay*'", SPEND),
    ],
)
def test_what_is_counted_alike_keeps_its_history(old: str, new: str, rule: str) -> None:
    assert change(rule, rule.replace(old, new)) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "anew", "rule"),
    [
        ("key: tool", "key: [agent, tool]", "rate:a:b:agent+tool:60000", RATE),
        ("window: 1m", "window: 2m", "rate:a:b:tool:120000", RATE),
        ("a:1", "a", "spend:pay:tool:86400000:$['a']:GBP", SPEND),
        ("GBP", "EUR", "spend:pay:tool:86400000:$['a:1']:EUR", SPEND),
        ("24h", "1h", "spend:pay:tool:3600000:$['a:1']:GBP", SPEND),
    ],
)
def test_what_is_counted_otherwise_starts_anew(old: str, new: str, anew: str, rule: str) -> None:
    was = policy(rule).limits[0].id
    assert change(rule, rule.replace(old, new)) == ((anew,), (was,))


def test_another_name_leaves_the_history_behind() -> None:
    assert change(RATE, RATE.replace("a:b", "c")) == ((), ("rate:a:b:tool:60000",))
    # `a` is not `a:b`, whatever their identities begin with.
    assert change(RATE, RATE.replace("a:b", "a")) == ((), ("rate:a:b:tool:60000",))


def test_a_new_limit_starts_and_ends_nothing() -> None:
    assert histories(policy(RATE, SPEND), identities(policy(RATE))) == ((), ())


def test_what_comes_back_while_it_counts_goes_on() -> None:
    anew = policy(RATE.replace("1m", "2m"))
    known = identities(policy(RATE)) | identities(anew)
    assert histories(policy(RATE), known).starts_anew == ()


def test_only_what_there_is_is_told() -> None:
    changed = histories(policy(RATE.replace("1m", "2m")), identities(policy(RATE)))
    assert changed.told() == {
        "starts_anew": ["rate:a:b:tool:120000"],
        "left_behind": ["rate:a:b:tool:60000"],
    }
    assert histories(policy(RATE), ()).told() == {}
