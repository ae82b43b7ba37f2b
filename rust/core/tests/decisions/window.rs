//! Sliding windows: rooms, clocks, restores, and a plain model beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use helio_core::number::Amount;
use helio_core::outcome::{Demand, LimitKind};
use helio_core::window::{Breach, Charge, Reservation, WindowError, Windows};

use crate::chance::Chance;

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;

fn amount(text: &str) -> Amount {
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

fn rate(key: &str, maximum: &str) -> Demand {
    demand(LimitKind::Rate, key, "1", maximum)
}

fn spend(key: &str, by: &str, maximum: &str) -> Demand {
    demand(LimitKind::Spend, key, by, maximum)
}

fn advisory(demand: Demand) -> Demand {
    Demand {
        enforced: false,
        ..demand
    }
}

/// Reserves what must have room, and commits it.
fn take(windows: &mut Windows, demand: &Demand, now: i64) {
    let Reservation { id, breaches } = windows.reserve(std::slice::from_ref(demand), now, true);
    assert_eq!(breaches, []);
    windows.commit(id, now).unwrap();
}

/// The only breach, which blocks.
fn refused(windows: &mut Windows, demand: &Demand, now: i64) -> Breach {
    let Reservation { id, mut breaches } = windows.reserve(std::slice::from_ref(demand), now, true);
    assert_eq!((id, breaches.len()), (0, 1));
    breaches.remove(0)
}

fn level(windows: &mut Windows, now: i64) -> Vec<(String, String, String)> {
    let levels = windows.levels(now);
    levels
        .into_iter()
        .map(|level| (level.key.to_string(), level.current, level.reserved))
        .collect()
}

fn entry(key: &str, current: &str, reserved: &str) -> (String, String, String) {
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
        windows.reserve(&[], 0, true),
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

#[test]
fn snapshots_come_back_with_their_ages() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("a|b=\"\u{e9}\"", "9"), 0);
    take(
        &mut windows,
        &rate("a|b=\"\u{e9}\"", "9"),
        300 * MILLISECOND,
    );
    take(&mut windows, &spend("s", "2.50", "9"), 600 * MILLISECOND);
    windows.reserve(&[rate("held", "9")], 600 * MILLISECOND, true);
    let snapshot = windows.snapshot(700 * MILLISECOND).unwrap();

    let mut restored = Windows::default();
    let now = -5 * SECOND;
    restored.restore(&snapshot, 200 * MILLISECOND, now).unwrap();
    let expected = [entry("a|b=\"\u{e9}\"", "2", "0"), entry("s", "2.5", "0")];
    assert_eq!(level(&mut restored, now), expected);
    // 100 ms more, and the first entry is a second old.
    let now = now + 100 * MILLISECOND;
    let expected = [entry("a|b=\"\u{e9}\"", "1", "0"), entry("s", "2.5", "0")];
    assert_eq!(level(&mut restored, now), expected);
    assert_eq!(
        restored.snapshot(now).unwrap(),
        windows.snapshot(1000 * MILLISECOND).unwrap()
    );
}

#[test]
fn an_entry_from_the_future_counts_from_now() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), 0);
    let snapshot = windows.snapshot(0).unwrap();
    let mut restored = Windows::default();
    restored.restore(&snapshot, -SECOND, 0).unwrap();
    assert_eq!(
        refused(&mut restored, &rate("k", "1"), 0).reset_ns,
        Some(SECOND)
    );
}

#[test]
fn damaged_snapshots_change_nothing() {
    let window = |rest: &str| {
        format!(r#"{{"helio_windows":1,"windows":[{{"limit":"l","key":"k",{rest}}}]}}"#)
    };
    let good = window(r#""kind":"rate","window_ms":1000,"ages":[0]"#);
    let mut windows = Windows::default();
    windows.restore(good.as_bytes(), 0, 0).unwrap();
    assert_eq!(windows.len(), 1);
    for (damaged, expected) in [
        (String::new(), "EOF"),
        (
            good.replace("windows\":1", "windows\":2"),
            "version 2, not 1",
        ),
        (good.replace("rate", "pace"), "unknown variant `pace`"),
        (good.replace("1000", "0"), "0 ms has no length"),
        (
            good.replace("[0]", "[0],\"amounts\":[\"1\"]"),
            "1 ages and 1 amounts",
        ),
        (
            window(r#""kind":"spend","window_ms":1,"ages":[0,0],"amounts":["1"]"#),
            "2 ages",
        ),
        (
            window(r#""kind":"spend","window_ms":1,"ages":[0,0],"amounts":["1","-1"]"#),
            "negative",
        ),
        (
            good.replace("]}]}", "]}],\"more\":1}"),
            "unknown field `more`",
        ),
    ] {
        let error = windows
            .restore(damaged.as_bytes(), 0, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{damaged}: {error}");
        assert_eq!(level(&mut windows, 0), [entry("k", "1", "0")]);
    }
}

/// Per key: committed (instant, amount) and reserved amounts, in tenths.
#[derive(Default)]
struct Model {
    latest: i64,
    committed: BTreeMap<String, Vec<(i64, u64)>>,
    reserved: BTreeMap<u64, (String, u64)>,
}

impl Model {
    fn advance(&mut self, now: i64) -> i64 {
        self.latest = self.latest.max(now);
        for entries in self.committed.values_mut() {
            entries.retain(|(at, _)| self.latest - at < SECOND);
        }
        self.latest
    }

    fn total(&self, key: &str) -> u64 {
        let committed = self
            .committed
            .get(key)
            .into_iter()
            .flatten()
            .map(|(_, by)| by);
        let reserved = self
            .reserved
            .values()
            .filter(|(held, _)| held == key)
            .map(|(_, by)| by);
        committed.chain(reserved).sum()
    }
}

#[test]
fn agrees_with_a_plain_model() {
    let (mut taken, mut breached) = (0, 0);
    for seed in 1..60 {
        let mut chance = Chance::new(seed);
        let mut windows = Windows::default();
        let mut model = Model::default();
        let mut clock = 0;
        for _ in 0..400 {
            clock += chance.below(300) as i64 * MILLISECOND - 60 * MILLISECOND;
            let key = chance.of(&["a", "b", "c"]);
            let held = model.reserved.keys().copied().nth(chance.below(4));
            let choice = chance.below(4);
            if let (1, Some(id)) = (choice, held) {
                // A release does not tell what time it is, so that the model must not know either.
                model.reserved.remove(&id);
                windows.release(id).unwrap();
                continue;
            }
            let now = model.advance(clock);
            match (choice, held) {
                (0, Some(id)) => {
                    let (key, by) = model.reserved.remove(&id).unwrap();
                    model.committed.entry(key).or_default().push((now, by));
                    windows.commit(id, clock).unwrap();
                }
                (2, _) if chance.one_in(5) => {
                    let snapshot = windows.snapshot(clock).unwrap();
                    windows = Windows::default();
                    windows.restore(&snapshot, 0, now).unwrap();
                    model.reserved.clear();
                }
                _ => {
                    let by = chance.below(40) as u64;
                    let by_text = format!("{}.{}", by / 10, by % 10);
                    let demand = spend(key, &by_text, "9.5");
                    let Reservation { id, breaches } = windows.reserve(&[demand], clock, true);
                    let fits = model.total(key) + by <= 95;
                    assert_eq!(breaches.is_empty(), fits, "seed {seed}, {key} at {now}");
                    if fits {
                        // Ids start anew after a restore, and so does the model.
                        model.reserved.insert(id, (key.to_owned(), by));
                        taken += 1;
                    } else {
                        assert_eq!(
                            amount(&breaches[0].current),
                            amount(&tenths(model.total(key)))
                        );
                        breached += 1;
                    }
                }
            }
        }
    }
    assert!(
        taken > 1000 && breached > 1000,
        "{taken} taken, {breached} breached"
    );
}

fn tenths(count: u64) -> String {
    format!("{}.{}", count / 10, count % 10)
}
