"""Budgets through the native door: what a call takes, and pots that fill, empty and come back."""

from typing import Any

import pytest

from helio.evaluator import Evaluator, GraphError, Windows

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


@pytest.fixture
def payments(policy: Any) -> Any:
    """`pay` by `amount`; `refund` for 2.50, in two budgets."""
    pay, refund = policy.tool("pay"), policy.tool("refund")
    paid, refunded = policy.contributor("$.amount", pay), policy.contributor("2.50", refund)
    policy.budget("money", paid, refunded, maximum="10")
    policy.budget("refunds", refunded, maximum="4", on_exceed="require_approval")
    return policy


def test_a_policy_without_budgets_asks_for_nothing(policy: Any) -> None:
    decision = policy.decide()
    assert (decision.budgets, decision.has_budgets, decision.budget_fault) == ([], False, None)
    assert not policy.evaluator().has_budgets


def test_a_demand_says_what_is_taken_from_where(payments: Any) -> None:
    assert payments.evaluator().has_budgets
    decision = payments.decide("refund")
    assert decision.has_budgets
    money, refunds = decision.budgets
    assert (money.budget, money.id, money.contributor) == ("money", "budget:money", 1)
    assert (money.key, money.amount, money.limit) == ("global=", "2.5", "10")
    assert (money.kind, money.window_ms, money.currency) == ("spend", 1000, "GBP")
    assert (money.on_exceed, refunds.on_exceed) == ("deny", "require_approval")
    assert repr(money) == '<BudgetDemand 2.5 of 10 in "budget:money" at "global=">'


def test_a_fault_names_the_budget(payments: Any) -> None:
    decision = payments.decide("pay", {"amount": "ten"})
    assert decision.budget_fault == ("invalid_amount", "money", "$.amount", 'string "ten"')
    assert not decision.has_budgets


def test_a_pot_wants_its_session(policy: Any) -> None:
    one = policy.contributor("1", policy.tool("*"))
    policy.budget("pot", one, window_ms=None, idle_ttl_ms=1000, key=["session"])
    assert policy.decide().budget_fault == ("session_unresolved", "pot", "session", "")
    (demand,) = policy.decide(session="a s1").budgets
    assert (demand.kind, demand.window_ms, demand.key) == ("pot", None, "session=a s1")


def test_all_budgets_or_none(payments: Any) -> None:
    windows = Windows()
    refund = payments.decide("refund")
    reservation, breaches = windows.reserve_budgets(refund, 0)
    assert breaches == []
    windows.commit(reservation, 0)
    assert [breach.demand.budget for breach in windows.check_budgets(refund, 5)] == ["refunds"]
    reservation, (breach,) = windows.reserve_budgets(refund, 5)
    assert reservation == 0
    assert (breach.current, breach.remaining, breach.reset_ns) == ("2.5", "1.5", SECOND - 5)
    assert repr(breach) == '<BudgetBreach of "budget:refunds" at "global=": 2.5 of 4>'
    levels = {level.limit: (level.current, level.reserved) for level in windows.levels(5)}
    assert levels == {"budget:money": ("2.5", "0"), "budget:refunds": ("2.5", "0")}


def test_what_is_not_enforced_takes_what_has_room(payments: Any) -> None:
    windows = Windows()
    refund = payments.decide("refund")
    for _ in range(2):
        reservation, breaches = windows.reserve_budgets(refund, 0, enforce=False)
        windows.commit(reservation, 0)
    assert [breach.demand.budget for breach in breaches] == ["refunds"]
    assert [level.current for level in windows.levels(0)] == ["5", "2.5"]


def test_charges_come_back_one_by_one_and_as_a_snapshot(policy: Any) -> None:
    one = policy.contributor("1.25", policy.tool("*"))
    policy.budget("pot", one, window_ms=None, idle_ttl_ms=1000, key=["session"])
    decision = policy.decide(session="s")
    windows = Windows()
    reservation, _ = windows.reserve_budgets(decision, 0)
    charges = windows.charges(reservation)
    assert charges == [("budget:pot", "session=s", "pot", "1.25", 1000)]
    windows.commit(reservation, 0)
    replayed, restored = Windows(), Windows()
    for at in (0, 900 * MILLISECOND):
        replayed.charge(*charges[0], at, 1500 * MILLISECOND)
    assert [level.current for level in replayed.levels(1500 * MILLISECOND)] == ["2.5"]
    restored.restore(windows.snapshot(400 * MILLISECOND), 500 * MILLISECOND, 0)
    assert [level.kind for level in restored.levels(99 * MILLISECOND)] == ["pot"]
    assert restored.levels(100 * MILLISECOND) == []


def test_limits_and_budgets_share_no_window(policy: Any) -> None:
    policy.rule("allow", limits=[policy.rate("budget:money", 1)])
    one = policy.contributor("1", policy.tool("*"))
    policy.budget("money", one, maximum="1")
    decision, windows = policy.decide(), Windows()
    for reserve in (windows.reserve, windows.reserve_budgets):
        reservation, breaches = reserve(decision, 0)
        assert (reservation > 0, breaches) == (True, [])


def test_the_listing_shows_budgets(payments: Any) -> None:
    assert "budget `money`: at most 10 GBP in 1000 ms by global" in payments.evaluator().listing()


def test_a_broken_budget_is_refused(payments: Any) -> None:
    payments.nodes[payments.budgets[0]]["currency"] = 5
    with pytest.raises(GraphError, match="invalid type"):
        Evaluator(payments.text())
