//! Sliding windows: rooms, clocks, restores, and a plain model beside them.

use std::sync::Arc;

use helio_core::number::Amount;
use helio_core::outcome::{Demand, LimitKind};
use helio_core::window::{Breach, Charge, Reservation, WindowError, Windows};

pub(crate) const MILLISECOND: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1000 * MILLISECOND;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn demand(kind: LimitKind, key: &str, by: &str, maximum: &str) -> Demand {
    Demand {
        limit: format!("{}:limit", kind.as_str()).into(),
        rule: 0,
        kind,
        key: key.into(),
        amount: amount(by),
        maximum: amount(maximum),
        window_ms: 1000,
        currency: None,
        enforced: true,
    }
}

pub(crate) fn rate(key: &str, maximum: &str) -> Demand {
    demand(LimitKind::Rate, key, "1", maximum)
}

pub(crate) fn spend(key: &str, by: &str, maximum: &str) -> Demand {
    demand(LimitKind::Spend, key, by, maximum)
}

fn advisory(demand: Demand) -> Demand {
    Demand {
        enforced: false,
        ..demand
    }
}

/// Reserves what must have room, and commits it.
pub(crate) fn take(windows: &mut Windows, demand: &Demand, now: i64) {
    let Reservation { id, breaches } = windows.reserve(std::slice::from_ref(demand), now, true);
    assert_eq!(breaches, []);
    windows.commit(id, now).unwrap();
}

/// The only breach, which blocks.
pub(crate) fn refused(windows: &mut Windows, demand: &Demand, now: i64) -> Breach {
    let Reservation { id, mut breaches } = windows.reserve(std::slice::from_ref(demand), now, true);
    assert_eq!((id, breaches.len()), (0, 1));
    breaches.remove(0)
}

pub(crate) fn level(windows: &mut Windows, now: i64) -> Vec<(String, String, String)> {
    let levels = windows.levels(now);
    levels
        .into_iter()
        .map(|level| (level.key.to_string(), level.current, level.reserved))
        .collect()
}

pub(crate) fn entry(key: &str, current: &str, reserved: &str) -> (String, String, String) {
    (key.to_owned(), current.to_owned(), reserved.to_owned())
}

#[test]
fn a_total_equal_to_the_maximum_passes() {
    let mut windows = Windows::default();
    for _ in 0..3 {
        take(&mut windows, &rate("k", "3"), 0);
    }
    assert_eq!(refused(&mut windows, &rate("k", "3"), 0).current, "3");
    take(&mut windows, &spend("k", "4.5", "5"), 0);
    take(&mut windows, &spend("k", "0.50", "5"), 0);
    assert_eq!(
        refused(&mut windows, &spend("k", "0.01", "5"), 0).current,
        "5"
    );
}

#[test]
fn the_fullest_window_of_each_limit_is_found() {
    let mut windows = Windows::default();
    for (key, by) in [("a", "9.5"), ("b", "10"), ("c", "2")] {
        take(&mut windows, &spend(key, by, "10"), 0);
    }
    windows.reserve(&[spend("a", "0.50", "10"), rate("k", "3")], 0, true);
    windows.reserve(&[spend("c", "8", "10"), rate("k", "3")], 0, true);
    windows.reserve(&[spend("c", "0.01", "10")], 0, false);
    let found: Vec<_> = windows
        .fullest(0)
        .into_iter()
        .map(|(level, count)| {
            (
                level.limit.to_string(),
                level.current,
                level.reserved,
                count,
            )
        })
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], ("rate:limit".into(), "0".into(), "2".into(), 1));
    let (limit, current, reserved, count) = &found[1];
    assert_eq!((limit.as_str(), *count), ("spend:limit", 3));
    let taken: f64 = current.parse::<f64>().unwrap() + reserved.parse::<f64>().unwrap();
    assert!((taken - 10.0).abs() < 1e-9, "{taken}");
    assert_eq!(windows.fullest(SECOND).len(), 2);
}

#[test]
fn an_entry_leaves_at_the_age_of_its_window() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), 0);
    let breach = refused(&mut windows, &rate("k", "1"), SECOND - 1);
    assert_eq!(breach.reset_ns, Some(1));
    take(&mut windows, &rate("k", "1"), SECOND);
}

#[test]
fn an_entry_counts_from_its_commit() {
    let mut windows = Windows::default();
    let held = windows.reserve(&[rate("k", "1")], 0, true);
    assert_eq!(
        refused(&mut windows, &rate("k", "1"), 5 * SECOND).reset_ns,
        Some(SECOND)
    );
    windows.commit(held.id, 5 * SECOND).unwrap();
    assert_eq!(
        refused(&mut windows, &rate("k", "1"), 6 * SECOND - 1).reset_ns,
        Some(1)
    );
    take(&mut windows, &rate("k", "1"), 6 * SECOND);
}

#[test]
fn what_is_released_was_never_there() {
    let mut windows = Windows::default();
    let held = windows.reserve(&[rate("k", "1"), spend("k", "5", "5")], 0, true);
    assert_eq!(windows.len(), 2);
    windows.release(held.id).unwrap();
    assert!(windows.is_empty());
    assert_eq!(
        windows.release(held.id),
        Err(WindowError::UnknownReservation(held.id))
    );
    assert_eq!(
        windows.commit(held.id, 0),
        Err(WindowError::UnknownReservation(held.id))
    );
    assert_eq!(
        windows.charges(held.id),
        Err(WindowError::UnknownReservation(held.id))
    );
    take(&mut windows, &rate("k", "1"), 0);
}

#[test]
fn nothing_is_reserved_under_zero() {
    let mut windows = Windows::default();
    assert_eq!(
        windows.reserve::<Demand>(&[], 0, true),
        Reservation {
            id: 0,
            breaches: vec![]
        }
    );
    assert_eq!(windows.charges(0), Ok(vec![]));
    windows.commit(0, 0).unwrap();
    windows.release(0).unwrap();
}

#[test]
fn all_or_nothing() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("full", "1"), 0);
    let demands = [
        rate("free", "1"),
        rate("full", "1"),
        spend("free", "6", "5"),
    ];
    let Reservation { id, breaches } = windows.reserve(&demands, 0, true);
    assert_eq!(id, 0);
    let limits: Vec<&str> = breaches
        .iter()
        .map(|breach| breach.demand.limit.as_ref())
        .collect();
    assert_eq!(limits, ["rate:limit", "spend:limit"]);
    assert_eq!(level(&mut windows, 0), [entry("full", "1", "0")]);
}

#[test]
fn demands_on_one_window_add_up() {
    let mut windows = Windows::default();
    let twice = [spend("k", "3", "5"), spend("k", "3", "5")];
    let Reservation { id, breaches } = windows.reserve(&twice, 0, true);
    assert_eq!((id, breaches.len()), (0, 1));
    assert_eq!(breaches[0].current, "3");
    assert!(windows.is_empty());
    let fits = [spend("k", "3", "6"), spend("k", "3", "6")];
    let held = windows.reserve(&fits, 0, true);
    assert_eq!(level(&mut windows, 0), [entry("k", "0", "6")]);
    windows.commit(held.id, 0).unwrap();
    assert_eq!(level(&mut windows, 0), [entry("k", "6", "0")]);
}

#[test]
fn each_demand_brings_its_own_maximum() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), 0);
    refused(&mut windows, &rate("k", "1"), 0);
    take(&mut windows, &rate("k", "2"), 0);
    assert_eq!(refused(&mut windows, &rate("k", "1"), 0).current, "2");
}

#[test]
fn advice_never_blocks_and_counts_only_where_there_is_room() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("full", "1"), 0);
    let demands = [
        advisory(rate("full", "1")),
        advisory(rate("free", "1")),
        rate("must", "1"),
    ];
    let Reservation { id, breaches } = windows.reserve(&demands, 0, true);
    assert!(id > 0);
    assert_eq!(breaches.len(), 1);
    assert!(!breaches[0].demand.enforced);
    windows.commit(id, 0).unwrap();
    let expected = [
        entry("free", "1", "0"),
        entry("full", "1", "0"),
        entry("must", "1", "0"),
    ];
    assert_eq!(level(&mut windows, 0), expected);
}

#[test]
fn a_blocked_call_counts_no_advice_either_but_reports_it() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("full", "1"), 0);
    let demands = [
        advisory(rate("full", "1")),
        advisory(rate("free", "1")),
        rate("full", "1"),
    ];
    let Reservation { id, breaches } = windows.reserve(&demands, 0, true);
    assert_eq!(id, 0);
    let enforced: Vec<bool> = breaches
        .iter()
        .map(|breach| breach.demand.enforced)
        .collect();
    assert_eq!(enforced, [true, false]);
    assert_eq!(windows.len(), 1);
}

#[test]
fn advice_never_takes_the_room_of_what_is_enforced() {
    let mut windows = Windows::default();
    let demands = [advisory(rate("k", "1")), rate("k", "1")];
    let Reservation { id, breaches } = windows.reserve(&demands, 0, true);
    assert!(id > 0);
    assert!(!breaches[0].demand.enforced);
    assert_eq!(level(&mut windows, 0), [entry("k", "0", "1")]);
}

#[test]
fn without_enforcement_all_is_advice() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("full", "1"), 0);
    let demands = [rate("full", "1"), rate("free", "1")];
    let Reservation { id, breaches } = windows.reserve(&demands, 0, false);
    assert!(id > 0);
    assert_eq!(breaches.len(), 1);
    assert_eq!(windows.charges(id).unwrap().len(), 1);
}

#[test]
fn checking_reserves_nothing() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("full", "1"), 0);
    let breaches = windows.check(&[rate("full", "1"), rate("free", "1")], 0);
    assert_eq!(breaches.len(), 1);
    assert_eq!(level(&mut windows, 0), [entry("full", "1", "0")]);
    assert_eq!(windows.len(), 1);
}

#[test]
fn charges_say_what_a_commit_counts() {
    let mut windows = Windows::default();
    let held = windows.reserve(&[rate("a", "1"), spend("b", "2.50", "5")], 0, true);
    let charge = |kind: LimitKind, key: &str, by: &str| Charge {
        limit: format!("{}:limit", kind.as_str()).into(),
        key: key.into(),
        kind,
        amount: amount(by),
        window_ms: 1000,
    };
    let expected = [
        charge(LimitKind::Rate, "a", "1"),
        charge(LimitKind::Spend, "b", "2.5"),
    ];
    assert_eq!(windows.charges(held.id).unwrap(), expected);
}

#[test]
fn reset_is_when_enough_has_left() {
    let mut windows = Windows::default();
    for (at, by) in [(0, "2"), (100, "3"), (200, "4")] {
        take(&mut windows, &spend("k", by, "9"), at * MILLISECOND);
    }
    let now = 500 * MILLISECOND;
    let reset = |windows: &mut Windows, by: &str| {
        refused(windows, &spend("k", by, "9"), now)
            .reset_ns
            .map(|ns| ns / MILLISECOND)
    };
    assert_eq!(reset(&mut windows, "1"), Some(500));
    assert_eq!(reset(&mut windows, "2"), Some(500));
    assert_eq!(reset(&mut windows, "2.01"), Some(600));
    assert_eq!(reset(&mut windows, "9"), Some(700));
    assert_eq!(reset(&mut windows, "9.01"), None);
    let mut windows = Windows::default();
    for at in 0..5 {
        take(&mut windows, &rate("k", "5"), at * MILLISECOND);
    }
    let breach = refused(&mut windows, &rate("k", "3"), 10 * MILLISECOND);
    assert_eq!(breach.reset_ns, Some(1002 * MILLISECOND - 10 * MILLISECOND));
    assert_eq!(
        refused(&mut windows, &rate("k", "0"), 10 * MILLISECOND).reset_ns,
        None
    );
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), 10 * SECOND);
    assert_eq!(
        refused(&mut windows, &rate("k", "1"), 0).reset_ns,
        Some(SECOND)
    );
    take(&mut windows, &rate("other", "1"), 0);
    assert_eq!(level(&mut windows, 11 * SECOND), []);
}

#[test]
fn instants_at_the_ends_of_time() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), i64::MIN);
    refused(&mut windows, &rate("k", "1"), i64::MIN);
    take(&mut windows, &rate("k", "1"), 0);
    take(&mut windows, &rate("k", "1"), i64::MAX);
    let breach = refused(&mut windows, &rate("k", "1"), i64::MAX);
    assert!(breach.reset_ns.is_some());
    windows.sweep(i64::MAX);
    assert_eq!(windows.len(), 1);
}

#[test]
fn sums_are_exact_at_the_boundary() {
    let largest = "9999999999999999999999999999";
    let mut windows = Windows::default();
    take(&mut windows, &spend("k", largest, largest), 0);
    let smallest = "0.0000000000000000000000000001";
    refused(&mut windows, &spend("k", smallest, largest), 0);
    for tenth in 0..10 {
        take(&mut windows, &spend("t", "0.1", "1"), tenth);
    }
    refused(&mut windows, &spend("t", smallest, "1"), 10);
}

#[test]
fn nothing_weighs_nothing() {
    let mut windows = Windows::default();
    for _ in 0..100 {
        take(&mut windows, &spend("k", "0", "0"), 0);
    }
    assert_eq!(level(&mut windows, 0), []);
    windows.sweep(0);
    assert!(windows.is_empty());
}

#[test]
fn a_charge_counts_room_or_not() {
    let mut windows = Windows::default();
    let charge = Charge {
        limit: "spend:limit".into(),
        key: "k".into(),
        kind: LimitKind::Spend,
        amount: amount("7"),
        window_ms: 1000,
    };
    windows.charge(&charge, -SECOND / 2, 0).unwrap();
    windows.charge(&charge, 5 * SECOND, 0).unwrap();
    windows.charge(&charge, -SECOND, 0).unwrap();
    assert_eq!(
        refused(&mut windows, &spend("k", "1", "5"), 0).current,
        "14"
    );
    assert_eq!(level(&mut windows, SECOND / 2), [entry("k", "7", "0")]);
    assert_eq!(level(&mut windows, SECOND), []);

    let wrong = Charge {
        kind: LimitKind::Rate,
        ..charge.clone()
    };
    assert_eq!(
        windows.charge(&wrong, 0, 0),
        Err(WindowError::RateAmount(amount("7")))
    );
    let wrong = Charge {
        window_ms: 0,
        ..charge
    };
    assert_eq!(
        windows.charge(&wrong, 0, 0),
        Err(WindowError::WindowLength(0))
    );
}

#[test]
fn another_kind_or_length_is_another_window() {
    let mut windows = Windows::default();
    let one = rate("k", "1");
    let longer = Demand {
        window_ms: 2000,
        ..one.clone()
    };
    let other = Demand {
        limit: one.limit.clone(),
        ..spend("k", "1", "1")
    };
    for demand in [&one, &longer, &other] {
        take(&mut windows, demand, 0);
        refused(&mut windows, demand, 0);
    }
    assert_eq!(windows.len(), 3);
    assert_eq!(windows.sweep(SECOND), 2);
    refused(&mut windows, &longer, SECOND);
}

#[test]
fn idle_windows_go_away_while_others_are_used() {
    let mut windows = Windows::default();
    for number in 0..10_000 {
        let key: Arc<str> = format!("call={number}").into();
        let demand = Demand {
            key,
            ..rate("", "1")
        };
        take(&mut windows, &demand, number * 10 * MILLISECOND);
    }
    // 100 calls fit a window; twice as many slots are looked at as are filled.
    assert!(windows.len() < 400, "{} windows are kept", windows.len());
    let kept = windows.len();
    assert_eq!(windows.sweep(1000 * SECOND), kept);
    assert!(windows.is_empty());
}
