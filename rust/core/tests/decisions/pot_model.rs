//! Pots and sliding budgets against a plain model, on random operations, clocks and restarts.

use std::collections::BTreeMap;

use helio_core::outcome::{BudgetDemand, LimitKind};
use helio_core::window::{Reservation, Windows};

use crate::chance::Chance;
use crate::pot::pot;
use crate::window::{MILLISECOND, SECOND, amount};

/// Of each pot (`p…`) and sliding window (`w…`): every charge ever made, and what is reserved, in tenths.
#[derive(Default)]
struct Model {
    latest: i64,
    charges: BTreeMap<String, Vec<(i64, u64)>>,
    reserved: BTreeMap<u64, Vec<(String, u64)>>,
}

impl Model {
    fn advance(&mut self, now: i64) -> i64 {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// A window counts what is younger than a second; a pot what no gap of a second separates from now.
    fn committed(&self, key: &str) -> u64 {
        let charges = self.charges.get(key).map_or(&[][..], Vec::as_slice);
        let mut counted = 0;
        let mut reference = self.latest;
        for (at, by) in charges.iter().rev() {
            if reference - at >= SECOND {
                break;
            }
            counted += by;
            if key.starts_with('p') {
                reference = *at;
            }
        }
        counted
    }

    fn total(&self, key: &str) -> u64 {
        let held = self.reserved.values().flatten();
        let reserved: u64 = held.filter(|(held, _)| held == key).map(|(_, by)| by).sum();
        self.committed(key) + reserved
    }
}

fn demand(key: &str, by: u64) -> BudgetDemand {
    let kind = if key.starts_with('p') {
        LimitKind::Pot
    } else {
        LimitKind::Spend
    };
    BudgetDemand {
        kind,
        ..pot(key, &tenths(by), "9.5")
    }
}

fn tenths(count: u64) -> String {
    format!("{}.{}", count / 10, count % 10)
}

#[test]
fn agrees_with_a_plain_model() {
    let (mut taken, mut breached) = (0, 0);
    for seed in 1..80 {
        let mut chance = Chance::new(seed);
        let (mut windows, mut model) = (Windows::default(), Model::default());
        let mut clock = 0;
        for _ in 0..300 {
            clock += chance.below(500) as i64 * MILLISECOND - 100 * MILLISECOND;
            let held = model.reserved.keys().copied().nth(chance.below(4));
            match (chance.below(5), held) {
                (0, Some(id)) => {
                    let now = model.advance(clock);
                    for (key, by) in model.reserved.remove(&id).unwrap() {
                        // Nothing weighs nothing, and keeps no pot.
                        if by > 0 {
                            model.charges.entry(key).or_default().push((now, by));
                        }
                    }
                    windows.commit(id, clock).unwrap();
                }
                (1, Some(id)) => {
                    model.reserved.remove(&id);
                    windows.release(id).unwrap();
                }
                (2, _) if chance.one_in(4) => {
                    let now = model.advance(clock);
                    let snapshot = windows.snapshot(clock).unwrap();
                    windows = Windows::default();
                    windows.restore(&snapshot, 0, now).unwrap();
                    model.reserved.clear();
                }
                (3, _) if chance.one_in(4) => {
                    // A journal replayed from its first record.
                    let now = model.advance(clock);
                    windows = replayed(&model, now);
                    model.reserved.clear();
                }
                _ => {
                    model.advance(clock);
                    let mut wanted: Vec<(String, u64)> = Vec::new();
                    for key in ["pa", "pb", "wa", "wb"] {
                        if chance.one_in(2) {
                            wanted.push((key.to_owned(), chance.below(30) as u64));
                        }
                    }
                    let demands: Vec<_> = wanted.iter().map(|(key, by)| demand(key, *by)).collect();
                    let Reservation { id, breaches } = windows.reserve(&demands, clock, true);
                    let full: Vec<_> = wanted
                        .iter()
                        .filter(|(key, by)| model.total(key) + by > 95)
                        .map(|(key, _)| (key.clone(), amount(&tenths(model.total(key)))))
                        .collect();
                    let told: Vec<_> = breaches
                        .iter()
                        .map(|breach| (breach.demand.key.to_string(), amount(&breach.current)))
                        .collect();
                    assert_eq!(told, full, "seed {seed}");
                    if full.is_empty() {
                        if id > 0 {
                            model.reserved.insert(id, wanted);
                        }
                        taken += 1;
                    } else {
                        assert_eq!(id, 0);
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

fn replayed(model: &Model, now: i64) -> Windows {
    let mut windows = Windows::default();
    for (key, charges) in &model.charges {
        for (at, by) in charges {
            let charge = helio_core::window::Charge {
                limit: "budget:b".into(),
                key: key.as_str().into(),
                kind: demand(key, 0).kind,
                amount: amount(&tenths(*by)),
                window_ms: 1000,
            };
            windows.charge(&charge, *at, now).unwrap();
        }
    }
    windows
}
