"""The oracle's windows, by hand."""

from dataclasses import replace
from fractions import Fraction

from oracle.demands import Demand
from oracle.windows import Breach, Windows

SECOND = 1_000_000_000
RATE = Demand("rate:a:tool:1000", 0, "rate", "tool=t", "1", "2", 1000, None, True)
SPEND = Demand("spend:b:tool:2000:$.p:GBP", 1, "spend", "tool=t", "1.5", "4", 2000, "GBP", True)


def filled(*times: int) -> Windows:
    """Return windows with one committed call of `RATE` at each of the times."""
    windows = Windows()
    for reservation, now in enumerate(times, start=1):
        assert windows.reserve(reservation, [RATE], now, enforce=True) == []
        windows.commit(reservation, now)
    return windows


def test_a_total_equal_to_the_maximum_passes() -> None:
    windows = filled(0, 10)
    assert windows.check([RATE], 20) == [Breach(0, Fraction(2), SECOND - 20)]


def test_an_entry_of_full_age_has_left() -> None:
    windows = filled(0, 10)
    assert windows.check([RATE], SECOND - 1) != []
    assert windows.check([RATE], SECOND) == []


def test_what_is_reserved_takes_room_and_what_is_released_does_not() -> None:
    windows = filled(0)
    assert windows.reserve(9, [RATE], 5, enforce=True) == []
    assert windows.check([RATE], 6) == [Breach(0, Fraction(2), SECOND - 6)]
    windows.release(9)
    assert windows.check([RATE], 7) == []


def test_all_or_nothing() -> None:
    windows = filled(0, 0)
    assert [b.position for b in windows.reserve(9, [SPEND, RATE], 1, enforce=True)] == [1]
    assert windows.reserved((SPEND.limit, SPEND.key)) == 0
    assert 9 not in windows.reservations


def test_what_is_not_enforced_is_reported_only() -> None:
    windows = filled(0, 0)
    advisory = replace(RATE, enforced=False)
    assert [b.position for b in windows.reserve(9, [SPEND, advisory], 1, enforce=True)] == [1]
    windows.commit(9, 1)
    assert [len(windows.counted((d.limit, d.key), 2)) for d in (SPEND, RATE)] == [1, 2]
    assert [b.position for b in windows.reserve(10, [RATE], 1, enforce=False)] == [0]
    assert windows.reservations[10] == []


def test_one_window_asked_twice_sums() -> None:
    windows = Windows()
    assert windows.check([SPEND, SPEND], 0) == []
    twice = [SPEND, replace(SPEND, amount="2.6")]
    assert [b.position for b in windows.check(twice, 0)] == [1]
    assert windows.check([replace(SPEND, amount="5")], 0) == [Breach(0, Fraction(0), None)]


def test_the_clock_never_runs_backwards() -> None:
    windows = filled(10 * SECOND)
    assert windows.reserve(9, [RATE], 0, enforce=True) == []
    windows.commit(9, 0)
    assert windows.check([RATE], 0) == [Breach(0, Fraction(2), SECOND)]
    assert windows.check([RATE], 11 * SECOND) == []


def test_what_is_reserved_leaves_one_window_from_now() -> None:
    windows = filled(0)
    assert windows.reserve(9, [SPEND, RATE], 5, enforce=True) == []
    assert windows.check([replace(SPEND, amount="3")], 6) == [
        Breach(0, Fraction("1.5"), 2 * SECOND)
    ]


def test_what_blocks_is_judged_before_what_only_advises() -> None:
    windows = filled(0)
    advisory = replace(RATE, enforced=False)
    assert windows.check([advisory, RATE], 1) == [Breach(0, Fraction(2), SECOND - 1)]
