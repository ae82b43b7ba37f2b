//! Pots: amounts that stay together until nothing was charged for some time, and budgets all or none.

use std::sync::Arc;

use helio_core::outcome::{BudgetDemand, LimitKind, OnExceed};
use helio_core::window::{Breach, Charge, Reservation, Windows};

use crate::window::{MILLISECOND, SECOND, amount, entry, level};

/// A demand on the pot `key`, kept for a second after its last charge.
pub(crate) fn pot(key: &str, by: &str, maximum: &str) -> BudgetDemand {
    BudgetDemand {
        budget: "b".into(),
        id: "budget:b".into(),
        contributor: 0,
        key: key.into(),
        amount: amount(by),
        maximum: amount(maximum),
        kind: LimitKind::Pot,
        window_ms: 1000,
        currency: "GBP".into(),
        on_exceed: OnExceed::Deny,
    }
}

fn sliding(key: &str, by: &str, maximum: &str) -> BudgetDemand {
    BudgetDemand {
        id: "budget:sliding".into(),
        kind: LimitKind::Spend,
        ..pot(key, by, maximum)
    }
}

fn take(windows: &mut Windows, demand: &BudgetDemand, now: i64) {
    let Reservation { id, breaches } = windows.reserve(std::slice::from_ref(demand), now, true);
    assert_eq!(breaches, []);
    windows.commit(id, now).unwrap();
}

fn refused(windows: &mut Windows, demand: &BudgetDemand, now: i64) -> Breach<BudgetDemand> {
    let mut breaches = windows.check(std::slice::from_ref(demand), now);
    assert_eq!(breaches.len(), 1);
    breaches.remove(0)
}

fn charge(by: &str, window_ms: i64) -> Charge {
    let kind = LimitKind::Pot;
    let (limit, key) = (Arc::from("budget:b"), Arc::from("k"));
    Charge {
        limit,
        key,
        kind,
        amount: amount(by),
        window_ms,
    }
}

#[test]
fn nothing_leaves_a_pot_while_it_is_used() {
    let mut windows = Windows::default();
    for step in 0..10 {
        take(&mut windows, &pot("k", "1", "10"), step * 999 * MILLISECOND);
    }
    let now = 9 * 999 * MILLISECOND;
    let breach = refused(
        &mut windows,
        &pot("k", "0.5", "10"),
        now + 400 * MILLISECOND,
    );
    assert_eq!((&*breach.current, &*breach.remaining), ("10", "0"));
    assert_eq!(breach.reset_ns, Some(600 * MILLISECOND));
    // A second after the last charge all of it is gone at once.
    assert_eq!(windows.check(&[pot("k", "10", "10")], now + SECOND), []);
    assert_eq!(level(&mut windows, now + SECOND), []);
}

#[test]
fn what_was_refused_does_not_keep_a_pot() {
    let mut windows = Windows::default();
    take(&mut windows, &pot("k", "10", "10"), 0);
    refused(&mut windows, &pot("k", "1", "10"), 999 * MILLISECOND);
    let held = windows.reserve(&[pot("k", "0", "10")], 999 * MILLISECOND, true);
    windows.release(held.id).unwrap();
    take(&mut windows, &pot("k", "10", "10"), SECOND);
}

#[test]
fn what_is_reserved_outlasts_the_pot() {
    let mut windows = Windows::default();
    take(&mut windows, &pot("k", "4", "10"), 0);
    let held = windows.reserve(&[pot("k", "6", "10")], MILLISECOND, true);
    assert_eq!(level(&mut windows, 5 * SECOND), [entry("k", "0", "6")]);
    let breach = refused(&mut windows, &pot("k", "4.1", "10"), 5 * SECOND);
    assert_eq!((&*breach.current, breach.reset_ns), ("6", Some(SECOND)));
    windows.commit(held.id, 5 * SECOND).unwrap();
    assert_eq!(level(&mut windows, 5 * SECOND), [entry("k", "6", "0")]);
}

#[test]
fn a_late_commit_does_not_bring_back_what_was_over() {
    let mut windows = Windows::default();
    take(&mut windows, &pot("k", "4", "10"), 0);
    let held = windows.reserve(&[pot("k", "6", "10")], MILLISECOND, true);
    windows.commit(held.id, 5 * SECOND).unwrap();
    assert_eq!(level(&mut windows, 5 * SECOND), [entry("k", "6", "0")]);
}

#[test]
fn all_budgets_or_none() {
    let mut windows = Windows::default();
    take(&mut windows, &sliding("s", "8", "10"), 0);
    take(&mut windows, &pot("k", "7", "10"), 0);
    let both = [
        pot("k", "3", "10"),
        sliding("s", "2.01", "10"),
        sliding("t", "11", "10"),
    ];
    let Reservation { id, breaches } = windows.reserve(&both, 1, true);
    // Every one without room is told, and the one with room is not charged.
    let told: Vec<_> = breaches
        .iter()
        .map(|breach| (&*breach.demand.key, &*breach.remaining))
        .collect();
    assert_eq!((id, told), (0, vec![("s", "2"), ("t", "10")]));
    assert_eq!(breaches[1].reset_ns, None);
    assert_eq!(
        level(&mut windows, 1),
        [entry("k", "7", "0"), entry("s", "8", "0")]
    );
    let Reservation { id, breaches } = windows.reserve(&both, 1, false);
    assert_eq!(
        (breaches.len(), windows.charges(id).unwrap()),
        (2, vec![charge("3", 1000)])
    );
    windows.release(id).unwrap();
    assert_eq!(
        level(&mut windows, 1),
        [entry("k", "7", "0"), entry("s", "8", "0")]
    );
}

#[test]
fn a_pot_and_a_window_of_one_id_are_strangers() {
    let mut windows = Windows::default();
    let window = BudgetDemand {
        kind: LimitKind::Spend,
        ..pot("k", "10", "10")
    };
    take(&mut windows, &pot("k", "10", "10"), 0);
    take(&mut windows, &window, 0);
    assert_eq!(windows.len(), 2);
}

#[test]
fn a_changed_idle_time_keeps_what_is_there() {
    let kept_for = |window_ms| BudgetDemand {
        window_ms,
        ..pot("k", "1", "10")
    };
    let mut windows = Windows::default();
    take(&mut windows, &kept_for(1000), 0);
    take(&mut windows, &kept_for(5000), 900 * MILLISECOND);
    assert_eq!(level(&mut windows, 3 * SECOND), [entry("k", "2", "0")]);
    // A shorter one holds for what was charged before, too.
    take(&mut windows, &kept_for(1000), 3 * SECOND);
    assert_eq!(level(&mut windows, 3 * SECOND), [entry("k", "1", "0")]);
    // What was gone stays gone.
    take(&mut windows, &kept_for(60_000), 5 * SECOND);
    assert_eq!(level(&mut windows, 5 * SECOND), [entry("k", "1", "0")]);
}

#[test]
fn a_shorter_idle_time_makes_room_at_once() {
    let kept_for = |window_ms| BudgetDemand {
        window_ms,
        ..pot("k", "10", "10")
    };
    let mut windows = Windows::default();
    take(&mut windows, &kept_for(5000), 0);
    refused(&mut windows, &kept_for(5000), 3 * SECOND);
    assert_eq!(windows.check(&[kept_for(1000)], 3 * SECOND), []);
}

#[test]
fn a_lower_limit_leaves_nothing_and_no_debt() {
    let mut windows = Windows::default();
    take(&mut windows, &pot("k", "10", "10"), 0);
    let breach = refused(&mut windows, &pot("k", "1", "4"), 0);
    assert_eq!((&*breach.current, &*breach.remaining), ("10", "0"));
}

#[test]
fn an_older_charge_does_not_make_a_pot_older() {
    let mut windows = Windows::default();
    for at in [900, 100] {
        let at = at * MILLISECOND;
        windows.charge(&charge("1", 1000), at, SECOND).unwrap();
    }
    assert_eq!(
        level(&mut windows, 1899 * MILLISECOND),
        [entry("k", "2", "0")]
    );
    assert_eq!(level(&mut windows, 1900 * MILLISECOND), []);
}

#[test]
fn snapshots_keep_pots_whole() {
    let mut windows = Windows::default();
    let largest = "9999999999999999999999999999";
    let smallest = "0.0000000000000000000000000001";
    take(&mut windows, &pot("k", smallest, largest), 0);
    // More than fits one amount: a journal may tell of it.
    for _ in 0..3 {
        windows.charge(&charge(largest, 1000), 0, 0).unwrap();
    }
    take(&mut windows, &pot("other", "2.50", "9"), 800 * MILLISECOND);
    let snapshot = windows.snapshot(900 * MILLISECOND).unwrap();
    let mut restored = Windows::default();
    restored.restore(&snapshot, 50 * MILLISECOND, 0).unwrap();
    let sum = "29999999999999999999999999997.0000000000000000000000000001";
    assert_eq!(
        level(&mut restored, 0),
        [entry("k", sum, "0"), entry("other", "2.5", "0")]
    );
    assert_eq!(
        level(&mut restored, 50 * MILLISECOND),
        [entry("other", "2.5", "0")]
    );
}

#[test]
fn charges_of_the_past_are_judged_by_their_own_times() {
    let mut windows = Windows::default();
    let now = 100 * SECOND;
    // Given up between the first two; the others kept each other, though the first of them is old now.
    for (by, at) in [("1", 0), ("2", 90_000), ("4", 90_900), ("8", 91_800)] {
        windows
            .charge(&charge(by, 1000), at * MILLISECOND, now)
            .unwrap();
    }
    windows
        .charge(&charge("16", 9000), 92_700 * MILLISECOND, now)
        .unwrap();
    assert_eq!(level(&mut windows, now), [entry("k", "30", "0")]);
    // 9 s after the last one.
    assert_eq!(level(&mut windows, now + 1700 * MILLISECOND), []);
    assert_eq!((windows.sweep(now + 2 * SECOND), windows.len()), (1, 0));
}

#[test]
fn pots_that_are_over_are_swept() {
    let mut windows = Windows::default();
    windows.charge(&charge("1", 1000), 0, 60 * SECOND).unwrap();
    assert_eq!(windows.len(), 1);
    assert_eq!(windows.sweep(60 * SECOND), 1);
    assert!(windows.is_empty());
}
