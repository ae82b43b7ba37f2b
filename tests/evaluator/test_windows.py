"""Windows through the binding; rust/core/tests/decisions/window.rs has the depth."""

import json
from typing import Any

import pytest

from helio.evaluator import Windows

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


@pytest.fixture
def decision(policy: Any) -> Any:
    """A decision that demands one call of two, and 4 of 10."""
    limits = [policy.rate("r", 2), policy.spend("s", "$['amount']", "10", ["agent"])]
    policy.rule("rate_limit", limits=limits)
    return policy.decide("pay", {"amount": 4}, agent="bot")


def levels(windows: Windows, now: int) -> list[tuple[str, str, str, str]]:
    return [(one.limit, one.key, one.current, one.reserved) for one in windows.levels(now)]


def test_reserve_and_commit(decision: Any) -> None:
    windows = Windows()
    reservation, breaches = windows.reserve(decision, 0)
    assert reservation > 0
    assert breaches == []
    assert windows.charges(reservation) == [
        ("r", "tool=default/pay", "rate", "1", 60_000),
        ("s", "agent=bot", "spend", "4", 60_000),
    ]
    assert levels(windows, 0) == [
        ("r", "tool=default/pay", "0", "1"),
        ("s", "agent=bot", "0", "4"),
    ]
    windows.commit(reservation, 0)
    assert levels(windows, 0) == [
        ("r", "tool=default/pay", "1", "0"),
        ("s", "agent=bot", "4", "0"),
    ]
    [rate, spend] = windows.levels(10 * SECOND)
    assert (rate.kind, rate.window_ms, rate.reset_ns) == ("rate", 60_000, 50 * SECOND)
    assert spend.kind == "spend"
    assert len(windows) == 2
    assert windows.sweep(MINUTE) == 2
    assert len(windows) == 0


def test_release(decision: Any) -> None:
    windows = Windows()
    reservation, _ = windows.reserve(decision, 0)
    windows.release(reservation)
    assert levels(windows, 0) == []


@pytest.mark.parametrize("operation", ["commit", "release", "charges"])
def test_what_is_not_held_cannot_be_ended(decision: Any, operation: str) -> None:
    windows = Windows()
    reservation, _ = windows.reserve(decision, 0)
    windows.release(reservation)
    arguments = (reservation, 0) if operation == "commit" else (reservation,)
    with pytest.raises(LookupError, match=f"no reservation {reservation} is held"):
        getattr(windows, operation)(*arguments)


def test_a_breach(decision: Any) -> None:
    windows = Windows()
    for now in (0, SECOND):
        reservation, _ = windows.reserve(decision, now)
        windows.commit(reservation, now)
    reservation, breaches = windows.reserve(decision, 2 * SECOND)
    assert reservation == 0
    [rate, spend] = breaches
    assert (rate.demand.limit, rate.current, rate.reset_ns) == ("r", "2", 58 * SECOND)
    assert (spend.demand.limit, spend.current, spend.reset_ns) == ("s", "8", 58 * SECOND)
    assert windows.check(decision, 2 * SECOND)[0].current == "2"
    assert windows.check(decision, MINUTE) == []
    windows.commit(reservation, 2 * SECOND)
    windows.release(reservation)


def test_without_enforcement_what_has_room_is_counted(decision: Any, policy: Any) -> None:
    windows = Windows()
    big = policy.decide("pay", {"amount": 11}, agent="bot")
    reservation, breaches = windows.reserve(big, 0, enforce=False)
    assert [breach.demand.limit for breach in breaches] == ["s"]
    assert breaches[0].reset_ns is None
    assert [charge[0] for charge in windows.charges(reservation)] == ["r"]


def test_shadow_limits_are_reserved_but_never_block(policy: Any) -> None:
    policy.rule("rate_limit", limits=[policy.rate("shadow", 1)], shadow=True)
    policy.rule("rate_limit", limits=[policy.rate("enforced", 3)])
    decision = policy.decide()
    windows = Windows()
    seen = []
    for _ in range(4):
        reservation, breaches = windows.reserve(decision, 0)
        windows.commit(reservation, 0)
        seen.append((reservation > 0, [breach.demand.limit for breach in breaches]))
    assert seen == [
        (True, []),
        (True, ["shadow"]),
        (True, ["shadow"]),
        (False, ["enforced", "shadow"]),
    ]


def test_charge_and_restore(decision: Any) -> None:
    windows = Windows()
    windows.charge("s", "agent=bot", "spend", "9.5", 60_000, -10 * SECOND, 0)
    windows.charge("r", "tool=default/pay", "rate", "1", 60_000, 5 * SECOND, 0)
    snapshot = windows.snapshot(0)
    assert json.loads(snapshot)["helio_windows"] == 1

    restored = Windows()
    restored.restore(snapshot, 20 * SECOND, 1000 * SECOND)
    assert levels(restored, 1000 * SECOND) == [
        ("r", "tool=default/pay", "1", "0"),
        ("s", "agent=bot", "9.5", "0"),
    ]
    reservation, breaches = restored.reserve(decision, 1000 * SECOND)
    assert reservation == 0
    assert [breach.demand.limit for breach in breaches] == ["s"]
    assert breaches[0].reset_ns == 30 * SECOND


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "pace"}, "no kind of limit is `pace`"),
        ({"amount": "-1"}, "cannot be negative"),
        ({"amount": "ten"}, "not a number"),
        ({"amount": "2"}, "by 1, not by 2"),
        ({"window_ms": 0}, "0 ms"),
    ],
)
def test_wrong_charges(changed: dict[str, Any], message: str) -> None:
    charge: dict[str, Any] = {
        "limit": "r",
        "key": "k",
        "kind": "rate",
        "amount": "1",
        "window_ms": 1000,
        "at": 0,
        "now": 0,
    }
    windows = Windows()
    with pytest.raises(ValueError, match=message):
        windows.charge(**(charge | changed))
    assert len(windows) == 0


def test_a_damaged_snapshot() -> None:
    windows = Windows()
    with pytest.raises(ValueError, match="not a snapshot of windows"):
        windows.restore(b"{}", 0, 0)


def test_instants_beyond_64_bits_are_refused(decision: Any) -> None:
    with pytest.raises(OverflowError):
        Windows().reserve(decision, 2**63)
