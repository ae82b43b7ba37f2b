//! Windows against a plain model, on random operations and clocks.

use std::collections::BTreeMap;

use helio_core::window::{Reservation, Windows};

use crate::chance::Chance;
use crate::window::{MILLISECOND, SECOND, amount, spend};

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
