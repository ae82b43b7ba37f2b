//! Rules that compare one value with a number, in sorted arrays: which come next for this value?
//!
//! Above: `layer`. Below: `number`. Pure. For `gt` and `gte` the thresholds ascend, for `lt` and `lte` they
//! descend, so that for either the rules that a value reaches are those whose key is below one bound. A tree
//! of minima over the keys in file order finds the next such rule in logarithmic time, however many match.

use std::cmp::Ordering;

use crate::number;

/// A number, with its nearest double for a quick comparison.
#[derive(Debug)]
pub(super) struct Threshold {
    nearest: f64,
    lexeme: Box<str>,
}

impl Threshold {
    pub(super) fn new(lexeme: &str) -> Self {
        Self {
            nearest: nearest(lexeme),
            lexeme: lexeme.into(),
        }
    }

    /// Rounding keeps the order, so that different doubles decide; equal ones may hide a difference.
    fn compare(&self, other: f64, lexeme: &str) -> Ordering {
        match self.nearest.partial_cmp(&other) {
            Some(Ordering::Equal) | None => number::compare(&self.lexeme, lexeme),
            Some(order) => order,
        }
    }
}

fn nearest(lexeme: &str) -> f64 {
    // Most numbers are short integers, which doubles hold exactly.
    if lexeme.len() <= 9 && lexeme.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = lexeme
            .bytes()
            .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        return f64::from(value);
    }
    // A lexeme always parses; were it not to, not-a-number leaves the comparison to the digits.
    lexeme.parse().unwrap_or(f64::NAN)
}

/// A rule's comparison.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) position: u32,
    pub(super) lexeme: Box<str>,
    /// Whether the threshold itself satisfies it.
    pub(super) inclusive: bool,
}

/// The rules that compare in one direction.
#[derive(Debug)]
pub(super) struct Thresholds {
    descending: bool,
    /// Distinct, in the order of the direction.
    sorted: Vec<Threshold>,
    positions: Box<[u32]>,
    tree: Tree,
}

impl Thresholds {
    /// Of comparisons in file order; `descending` for `lt` and `lte`.
    pub(super) fn new(comparisons: &[Comparison], descending: bool) -> Self {
        let mut sorted: Vec<Threshold> = comparisons
            .iter()
            .map(|comparison| Threshold::new(&comparison.lexeme))
            .collect();
        sorted.sort_by(|left, right| {
            directed(left.compare(right.nearest, &right.lexeme), descending)
        });
        sorted.dedup_by(|left, right| left.compare(right.nearest, &right.lexeme).is_eq());
        let mut thresholds = Self {
            descending,
            sorted,
            positions: comparisons.iter().map(|one| one.position).collect(),
            tree: Tree::default(),
        };
        let keys: Vec<u32> = comparisons
            .iter()
            .map(|comparison| {
                // The bound of the threshold itself lies above inclusive rules and below the others.
                let bound = thresholds.bound(&comparison.lexeme);
                if comparison.inclusive {
                    bound - 1
                } else {
                    bound
                }
            })
            .collect();
        thresholds.tree = Tree::new(&keys);
        thresholds
    }

    /// The bound for a value: the rules whose key is below it hold.
    pub(super) fn bound(&self, lexeme: &str) -> u32 {
        let value = nearest(lexeme);
        let order =
            |threshold: &Threshold| directed(threshold.compare(value, lexeme), self.descending);
        let passed = self
            .sorted
            .partition_point(|threshold| order(threshold).is_lt());
        let met = self
            .sorted
            .get(passed)
            .is_some_and(|threshold| order(threshold).is_eq());
        // INVARIANT: a graph has at most 100,000 rules, so that this cannot overflow.
        2 * passed as u32 + u32::from(met)
    }

    /// The first rule from `place` on whose key is below `bound`: its place and its position.
    pub(super) fn next(&self, place: usize, bound: u32) -> Option<(usize, u32)> {
        let place = self.tree.next_below(place, bound)?;
        self.positions.get(place).map(|position| (place, *position))
    }
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

/// Minima over ranges of keys: node 1 covers all, the children of `n` are `2n` and `2n + 1`.
#[derive(Debug, Default)]
struct Tree {
    leaves: usize,
    minima: Vec<u32>,
}

impl Tree {
    fn new(keys: &[u32]) -> Self {
        let leaves = keys.len().next_power_of_two();
        let mut minima = vec![u32::MAX; leaves];
        minima.extend_from_slice(keys);
        minima.resize(2 * leaves, u32::MAX);
        let mut tree = Self { leaves, minima };
        for node in (1..leaves).rev() {
            let smaller = tree.minimum(2 * node).min(tree.minimum(2 * node + 1));
            if let Some(minimum) = tree.minima.get_mut(node) {
                *minimum = smaller;
            }
        }
        tree
    }

    fn minimum(&self, node: usize) -> u32 {
        self.minima.get(node).copied().unwrap_or(u32::MAX)
    }

    /// The first leaf from `from` on whose key is below `bound`.
    fn next_below(&self, from: usize, bound: u32) -> Option<usize> {
        if from >= self.leaves {
            return None;
        }
        let mut node = self.leaves + from;
        while self.minimum(node) >= bound {
            // On to the next subtree on the right; an odd node is a right child, or the root at last.
            while node % 2 == 1 {
                node /= 2;
                if node == 0 {
                    return None;
                }
            }
            node += 1;
        }
        while node < self.leaves {
            node *= 2;
            if self.minimum(node) >= bound {
                node += 1;
            }
        }
        Some(node - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(thresholds: &Thresholds, value: &str) -> Vec<u32> {
        let bound = thresholds.bound(value);
        let mut place = 0;
        let mut found = Vec::new();
        while let Some((next, position)) = thresholds.next(place, bound) {
            found.push(position);
            place = next + 1;
        }
        found
    }

    fn comparisons(texts: &[(&str, bool)]) -> Vec<Comparison> {
        let each = texts
            .iter()
            .zip(10..)
            .map(|((lexeme, inclusive), position)| Comparison {
                position,
                lexeme: (*lexeme).into(),
                inclusive: *inclusive,
            });
        each.collect()
    }

    #[test]
    fn finds_what_a_value_exceeds() {
        let rules = [
            ("5", false),
            ("5.0", true),
            ("-1", false),
            ("100", true),
            ("1e1", false),
        ];
        let above = Thresholds::new(&comparisons(&rules), false);
        assert!(reached(&above, "-1").is_empty());
        assert_eq!(reached(&above, "0"), [12]);
        assert_eq!(reached(&above, "5"), [11, 12]);
        assert_eq!(reached(&above, "10"), [10, 11, 12]);
        assert_eq!(reached(&above, "100"), [10, 11, 12, 13, 14]);
    }

    #[test]
    fn finds_what_a_value_falls_short_of() {
        let below = Thresholds::new(
            &comparisons(&[("5", false), ("5", true), ("7", false)]),
            true,
        );
        assert!(reached(&below, "7").is_empty());
        assert_eq!(reached(&below, "6.9"), [12]);
        assert_eq!(reached(&below, "5"), [11, 12]);
        assert_eq!(reached(&below, "-3"), [10, 11, 12]);
    }

    #[test]
    fn doubles_that_coincide_are_told_apart() {
        let close = [
            ("9007199254740993", false),
            ("9007199254740992", false),
            ("1e400", false),
        ];
        let above = Thresholds::new(&comparisons(&close), false);
        assert_eq!(reached(&above, "9007199254740993"), [11]);
        assert_eq!(reached(&above, "9007199254740994"), [10, 11]);
        assert_eq!(reached(&above, "1e401"), [10, 11, 12]);
    }

    #[test]
    fn agrees_with_a_plain_scan() {
        for count in 1..40_u32 {
            let texts: Vec<String> = (0..count).map(|n| (n * 7 % 13).to_string()).collect();
            let rules: Vec<(&str, bool)> = texts
                .iter()
                .zip(0..)
                .map(|(text, n)| (text.as_str(), n % 3 == 0))
                .collect();
            let above = Thresholds::new(&comparisons(&rules), false);
            for value in 0..14_u32 {
                let holds = |(text, inclusive): &(&str, bool)| {
                    let threshold: u32 = text.parse().unwrap();
                    value > threshold || (*inclusive && value == threshold)
                };
                let wanted: Vec<u32> = rules
                    .iter()
                    .zip(10..)
                    .filter(|(rule, _)| holds(rule))
                    .map(|(_, position)| position)
                    .collect();
                assert_eq!(reached(&above, &value.to_string()), wanted);
            }
        }
    }
}
