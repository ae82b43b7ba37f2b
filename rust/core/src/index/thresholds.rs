//! Rules that compare one value with numbers, in sorted arrays: which come next for this value?
//!
//! Above: `layer`. Below: `number`. Pure. For `gt` and `gte` the thresholds ascend, for `lt` and `lte` they
//! descend, so that for either the rules that a value reaches are those whose key is below one bound. A tree
//! of minima over the keys in file order finds the next such rule. On one side that takes logarithmic time,
//! however many match. On two sides (an interval) a part of the tree may look promising and hold no such rule:
//! intervals that ascend or descend in the file cost little more, and others at most a look at each node.

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

/// The double nearest to a number.
pub(super) fn nearest(lexeme: &str) -> f64 {
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

/// One side of what a rule wants a number to be.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) lexeme: Box<str>,
    /// Whether the threshold itself satisfies it.
    pub(super) inclusive: bool,
}

/// The rules that compare on `N` sides.
#[derive(Debug)]
pub(super) struct Thresholds<const N: usize> {
    sides: [Side; N],
    positions: Box<[u32]>,
    tree: Tree<N>,
}

impl<const N: usize> Thresholds<N> {
    /// Of rules' positions, in file order, with what each wants on each side. A side descends for `lt` and `lte`.
    pub(super) fn new(rules: &[(u32, [Limit; N])], descending: [bool; N]) -> Self {
        let mut nth = 0..N;
        let sides = descending.map(|descending| {
            let nth = nth.next().unwrap_or_default();
            let limits = rules.iter().filter_map(|(_, limits)| limits.get(nth));
            Side::new(limits, descending)
        });
        let keys = rules.iter().map(|(_, limits)| {
            let mut limits = limits.iter();
            sides
                .each_ref()
                .map(|side| limits.next().map_or(0, |limit| side.key(limit)))
        });
        Self {
            tree: Tree::new(keys.collect()),
            positions: rules.iter().map(|(position, _)| *position).collect(),
            sides,
        }
    }

    /// The rules' positions, in file order.
    pub(super) fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The bounds for a value: the rules hold whose keys are all below them.
    pub(super) fn bounds(&self, lexeme: &str) -> [u32; N] {
        let value = nearest(lexeme);
        self.sides.each_ref().map(|side| side.bound(value, lexeme))
    }

    /// The first rule from `place` on whose keys are below `bounds`: its place and its position.
    pub(super) fn next(&self, place: usize, bounds: [u32; N]) -> Option<(usize, u32)> {
        let place = self.tree.next_below(place, bounds)?;
        self.positions.get(place).map(|position| (place, *position))
    }
}

/// The thresholds of one side.
#[derive(Debug)]
struct Side {
    descending: bool,
    /// Distinct, in the order of the direction.
    sorted: Vec<Threshold>,
}

impl Side {
    fn new<'l>(limits: impl Iterator<Item = &'l Limit>, descending: bool) -> Self {
        let mut sorted: Vec<Threshold> =
            limits.map(|limit| Threshold::new(&limit.lexeme)).collect();
        sorted.sort_by(|left, right| {
            directed(left.compare(right.nearest, &right.lexeme), descending)
        });
        sorted.dedup_by(|left, right| left.compare(right.nearest, &right.lexeme).is_eq());
        Self { descending, sorted }
    }

    /// The bound of the threshold itself lies above inclusive rules and below the others.
    fn key(&self, limit: &Limit) -> u32 {
        self.bound(nearest(&limit.lexeme), &limit.lexeme) - u32::from(limit.inclusive)
    }

    fn bound(&self, value: f64, lexeme: &str) -> u32 {
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
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

/// Minima over ranges of keys, side by side: node 1 covers all, the children of `n` are `2n` and `2n + 1`.
#[derive(Debug)]
struct Tree<const N: usize> {
    leaves: usize,
    minima: Vec<[u32; N]>,
}

impl<const N: usize> Tree<N> {
    fn new(keys: Vec<[u32; N]>) -> Self {
        let leaves = keys.len().next_power_of_two();
        let mut minima = vec![[u32::MAX; N]; leaves];
        minima.extend(keys);
        minima.resize(2 * leaves, [u32::MAX; N]);
        let mut tree = Self { leaves, minima };
        for node in (1..leaves).rev() {
            let mut right = tree.minimum(2 * node + 1).into_iter();
            let smaller = tree
                .minimum(2 * node)
                .map(|left| left.min(right.next().unwrap_or(u32::MAX)));
            if let Some(minimum) = tree.minima.get_mut(node) {
                *minimum = smaller;
            }
        }
        tree
    }

    fn minimum(&self, node: usize) -> [u32; N] {
        self.minima.get(node).copied().unwrap_or([u32::MAX; N])
    }

    /// Whether on each side some key of the node is below the bound; of a leaf, whether it is a rule that holds.
    fn promises(&self, node: usize, bounds: [u32; N]) -> bool {
        let mut sides = self.minimum(node).into_iter().zip(bounds);
        sides.all(|(key, bound)| key < bound)
    }

    /// The first leaf from `from` on whose keys are below `bounds`.
    fn next_below(&self, from: usize, bounds: [u32; N]) -> Option<usize> {
        if from >= self.leaves {
            return None;
        }
        let mut node = self.leaves + from;
        loop {
            if self.promises(node, bounds) {
                if node >= self.leaves {
                    return Some(node - self.leaves);
                }
                node *= 2;
                continue;
            }
            // On to the next subtree on the right; an odd node is a right child, or the root at last.
            while node % 2 == 1 {
                node /= 2;
                if node == 0 {
                    return None;
                }
            }
            node += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached<const N: usize>(thresholds: &Thresholds<N>, value: &str) -> Vec<u32> {
        let bounds = thresholds.bounds(value);
        let mut place = 0;
        let mut found = Vec::new();
        while let Some((next, position)) = thresholds.next(place, bounds) {
            found.push(position);
            place = next + 1;
        }
        found
    }

    fn limit((lexeme, inclusive): (&str, bool)) -> Limit {
        Limit {
            lexeme: lexeme.into(),
            inclusive,
        }
    }

    fn one_sided(limits: &[(&str, bool)], descending: bool) -> Thresholds<1> {
        let limits = limits.iter().map(|each| [limit(*each)]);
        Thresholds::new(&(10..).zip(limits).collect::<Vec<_>>(), [descending])
    }

    fn intervals(limits: &[[(&str, bool); 2]]) -> Thresholds<2> {
        let limits = limits.iter().map(|sides| sides.map(limit));
        Thresholds::new(&(10..).zip(limits).collect::<Vec<_>>(), [false, true])
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
        let above = one_sided(&rules, false);
        assert!(reached(&above, "-1").is_empty());
        assert_eq!(reached(&above, "0"), [12]);
        assert_eq!(reached(&above, "5"), [11, 12]);
        assert_eq!(reached(&above, "10"), [10, 11, 12]);
        assert_eq!(reached(&above, "100"), [10, 11, 12, 13, 14]);
    }

    #[test]
    fn finds_what_a_value_falls_short_of() {
        let below = one_sided(&[("5", false), ("5", true), ("7", false)], true);
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
        let above = one_sided(&close, false);
        assert_eq!(reached(&above, "9007199254740993"), [11]);
        assert_eq!(reached(&above, "9007199254740994"), [10, 11]);
        assert_eq!(reached(&above, "1e401"), [10, 11, 12]);
    }

    #[test]
    fn finds_the_intervals_that_a_value_is_in() {
        let tiers = intervals(&[
            [("0", true), ("10", false)],
            [("10", true), ("20", false)],
            [("5", false), ("15", true)],
            [("30", false), ("1", false)],
        ]);
        assert_eq!(tiers.positions(), [10, 11, 12, 13]);
        assert_eq!(reached(&tiers, "0"), [10]);
        assert_eq!(reached(&tiers, "5"), [10]);
        assert_eq!(reached(&tiers, "5.1"), [10, 12]);
        assert_eq!(reached(&tiers, "10"), [11, 12]);
        assert_eq!(reached(&tiers, "15"), [11, 12]);
        assert!(reached(&tiers, "20").is_empty());
        assert!(reached(&tiers, "-1").is_empty());
    }

    #[test]
    fn agrees_with_a_plain_scan() {
        for count in 1..40_u32 {
            let numbers: Vec<String> = (0..14).map(|number: u32| number.to_string()).collect();
            let text = |number: u32| numbers.get(number as usize).map_or("", String::as_str);
            let low = |n: u32| (n * 7 % 13, n.is_multiple_of(3));
            let high = |n: u32| (n * 5 % 14, n.is_multiple_of(2));
            let told = |(number, inclusive)| (text(number), inclusive);
            let above: Vec<_> = (0..count).map(|n| told(low(n))).collect();
            let between: Vec<_> = (0..count).map(|n| [told(low(n)), told(high(n))]).collect();
            let (above, between) = (one_sided(&above, false), intervals(&between));
            for value in 0..14_u32 {
                let exceeds = |(number, inclusive)| value > number || inclusive && value == number;
                let falls_short =
                    |(number, inclusive)| value < number || inclusive && value == number;
                let positions = |holds: &dyn Fn(u32) -> bool| -> Vec<u32> {
                    (0..count).filter(|n| holds(*n)).map(|n| n + 10).collect()
                };
                assert_eq!(
                    reached(&above, text(value)),
                    positions(&|n| exceeds(low(n)))
                );
                assert_eq!(
                    reached(&between, text(value)),
                    positions(&|n| exceeds(low(n)) && falls_short(high(n)))
                );
            }
        }
    }
}
