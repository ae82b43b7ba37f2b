"""The store: what a restart gives back of windows and pots."""

from helio.governance.store import Charge, LocalStore

MINUTE = 60_000_000_000
POT = Charge("budget:pot:session:session:GBP", "session=s", "pot", "1.50", 600_000)
WINDOW = Charge("rate:slow:tool:600000", "tool=default/pay", "rate", "1", 600_000)


def restarted(charge: Charge, after: int, later: int | None) -> list[str]:
    """What counts, so long `after` a checkpoint with a charge, of it and of one made `later`."""
    before, now = LocalStore(), 1000 * MINUTE
    before.charge(charge, 0, 0)
    store = LocalStore()
    store.restore(before.snapshot(0), after, now)
    if later is not None:
        store.charge(charge, now - after + later, now)
    return [level.current for level in store.levels(now)]


def test_a_pot_that_was_kept_by_a_later_charge_is_whole() -> None:
    assert restarted(POT, 15 * MINUTE, 9 * MINUTE) == ["3"]
    assert restarted(POT, 15 * MINUTE, None) == []
    # It was over before the later one came.
    assert restarted(POT, 15 * MINUTE, 10 * MINUTE) == ["1.5"]


def test_a_window_lets_go_of_what_is_over() -> None:
    assert restarted(WINDOW, 15 * MINUTE, 9 * MINUTE) == ["1"]
    assert restarted(WINDOW, 9 * MINUTE, None) == ["1"]
    assert restarted(WINDOW, 10 * MINUTE, None) == []


def test_the_fullest_window_of_each_limit_is_told_with_their_number() -> None:
    store = LocalStore()
    for key, amount in (("session=a", "2"), ("session=b", "10.5"), ("session=c", "9")):
        store.charge(POT._replace(key=key, amount=amount), 0, 0)
    store.charge(WINDOW, 0, 0)
    assert [
        (level.limit, level.key, level.current, count) for level, count in store.fullest(1)
    ] == [
        (POT.limit, "session=b", "10.5", 3),
        (WINDOW.limit, WINDOW.key, "1", 1),
    ]
    assert store.fullest(11 * MINUTE) == []
