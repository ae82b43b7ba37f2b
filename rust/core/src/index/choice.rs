//! Which of a rule's guards is looked up: the one that leaves the fewest others beside the rule.
//!
//! Above: `index`. Below: `guard`, `thresholds`. Pure. A rule is one of a crowd: those about the same tools that
//! guard the same path. A currency that half of a crowd wants tells less than an amount between two others.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::guard::{Guard, Wanted};
use super::thresholds::nearest;
use crate::graph::NodeIndex;
use crate::path::Path;

/// A rule's condition on the tool, if it has one, and its guards.
pub(super) type Guarded = (Option<NodeIndex>, Vec<Guard>);

/// What the guards of a crowd want.
#[derive(Default)]
struct Crowd {
    rules: usize,
    /// How many want each scalar, by its hash.
    equal: FxHashMap<u64, usize>,
    /// The ends of the intervals, ascending.
    lows: Vec<f64>,
    highs: Vec<f64>,
}

impl Crowd {
    fn add(&mut self, wanted: &Wanted) {
        self.rules += 1;
        match wanted {
            Wanted::Between([low, high]) => {
                self.lows.push(nearest(&low.lexeme));
                self.highs.push(nearest(&high.lexeme));
            }
            Wanted::Equal { hashes, .. } => {
                for hash in hashes {
                    *self.equal.entry(*hash).or_default() += 1;
                }
            }
            Wanted::Presence | Wanted::Above(_) | Wanted::Below(_) => {}
        }
    }

    /// About how many rules are candidates where the guard's rule is one.
    fn beside(&self, wanted: &Wanted) -> usize {
        match wanted {
            Wanted::Presence => self.rules,
            Wanted::Above(_) | Wanted::Below(_) => self.rules.div_ceil(2),
            Wanted::Between([low, high]) => {
                let (low, high) = (nearest(&low.lexeme), nearest(&high.lexeme));
                let begun = self.lows.partition_point(|other| *other <= high);
                let over = self.highs.partition_point(|other| *other < low);
                begun.saturating_sub(over)
            }
            Wanted::Equal { hashes, .. } => {
                let uses = hashes.iter().filter_map(|hash| self.equal.get(hash));
                uses.max().copied().unwrap_or_default()
            }
        }
    }
}

/// The guard of each rule, in their order; none for a rule without one.
pub(super) fn choose(rules: Vec<Guarded>) -> Vec<Option<Guard>> {
    let mut crowds: FxHashMap<(Option<NodeIndex>, &Path), Crowd> = FxHashMap::default();
    for (tools, guards) in &rules {
        for guard in guards {
            let crowd = crowds.entry((*tools, &guard.path)).or_default();
            crowd.add(&guard.wanted);
        }
    }
    for crowd in crowds.values_mut() {
        crowd.lows.sort_by(f64::total_cmp);
        crowd.highs.sort_by(f64::total_cmp);
    }
    let best = |(tools, guards): &Guarded| {
        let beside = |guard: &Guard| {
            let crowd = crowds.get(&(*tools, &*guard.path));
            crowd.map_or(usize::MAX, |crowd| crowd.beside(&guard.wanted))
        };
        let ranked = guards
            .iter()
            .enumerate()
            .min_by_key(|(_, guard)| (beside(guard), Reverse(guard.wanted.rank())));
        ranked.map_or(0, |(place, _)| place)
    };
    let places: Vec<usize> = rules.iter().map(best).collect();
    rules
        .into_iter()
        .zip(places)
        .map(|((_, guards), place)| guards.into_iter().nth(place))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::thresholds::Limit;
    use super::*;
    use crate::json::Kind;

    fn guard(path: &str, wanted: Wanted) -> Guard {
        Guard {
            path: Arc::new(Path::parse(path).unwrap()),
            wanted,
        }
    }

    fn between(low: usize, high: usize) -> Wanted {
        Wanted::Between([low, high].map(|end| Limit {
            lexeme: end.to_string().into(),
            inclusive: true,
        }))
    }

    fn equal(hash: u64) -> Wanted {
        Wanted::Equal {
            kind: Kind::String,
            hashes: vec![hash],
        }
    }

    fn chosen(rules: Vec<Guarded>) -> Vec<String> {
        let guards = choose(rules).into_iter();
        let paths = guards.map(|guard| guard.map_or(String::new(), |one| one.path.to_string()));
        paths.collect()
    }

    #[test]
    fn what_few_share_is_looked_up() {
        let rule = |number: usize| {
            let amount = guard("$['amount']", between(number * 10, number * 10 + 5));
            let currency = guard("$['currency']", equal(number as u64 % 2));
            (None, vec![currency, amount])
        };
        assert_eq!(chosen((0..10).map(rule).collect()), ["$['amount']"; 10]);
    }

    #[test]
    fn intervals_that_all_meet_tell_nothing() {
        let rule = |number: usize| {
            let amount = guard("$['amount']", between(number, 1_000));
            let account = guard("$['account']", equal(number as u64 / 2));
            (None, vec![account, amount])
        };
        assert_eq!(chosen((0..10).map(rule).collect()), ["$['account']"; 10]);
    }

    #[test]
    fn only_rules_about_the_same_tools_count() {
        let rules = (0..10).map(|number| {
            let currency = guard("$['currency']", equal(7));
            (
                Some(number),
                vec![guard("$['a']", Wanted::Presence), currency],
            )
        });
        let mut rules: Vec<Guarded> = rules.collect();
        rules.push((None, Vec::new()));
        let mut wanted = vec!["$['currency']"; 10];
        wanted.push("");
        assert_eq!(chosen(rules), wanted);
    }
}
