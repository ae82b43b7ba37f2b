//! Candidates among rules that only their arguments tell apart.
//!
//! Above: `index`, `plans`. Below: `guard`, `thresholds`. Pure. A layer holds rules that upstream, tool and
//! annotations already let through. Those without a guard are always candidates; the others stand in tables
//! by path, and the tables by the argument that the path starts with.

use rustc_hash::FxHashMap;

use super::guard::{Guard, Wanted, scalar_hash};
use super::thresholds::{Comparison, Thresholds};
use super::{Selected, selected};
use crate::json::{Kind, Value, key_hash};
use crate::path::Path;

/// Fewer guarded rules are judged one by one: that is cheaper than looking them up.
const FEW: usize = 8;

/// The rules of one situation.
#[derive(Debug, Default)]
pub(super) struct Layer {
    plain: Box<[u32]>,
    /// The tables whose path starts with an argument's name, by that name's hash.
    named: FxHashMap<u32, Vec<(Box<str>, Table)>>,
    /// One bit for each of the top six bits of the hashes in `named`: most arguments are told off by it.
    filter: u64,
    /// The other tables.
    unnamed: Vec<Table>,
}

/// The rules whose guard is about one path.
#[derive(Debug)]
struct Table {
    /// From the named argument on, or the whole path of an unnamed table.
    path: Path,
    /// Those that want any value.
    present: Box<[u32]>,
    above: Option<Compared>,
    below: Option<Compared>,
    equal: Vec<Equal>,
}

/// Rules that want a number on one side of theirs.
#[derive(Debug)]
struct Compared {
    all: Box<[u32]>,
    thresholds: Thresholds,
}

/// A rule's position and the hashes of the scalars that it wants.
type Wants<'w> = (u32, &'w [u64]);

/// Rules that want one of certain scalars of one kind.
#[derive(Debug)]
struct Equal {
    kind: Kind,
    all: Box<[u32]>,
    by_hash: FxHashMap<u64, Vec<u32>>,
}

impl Layer {
    /// Of positions in file order with their guards.
    pub(super) fn new(rules: &[(u32, Option<&Guard>)]) -> Self {
        let guarded = rules.iter().filter(|(_, guard)| guard.is_some()).count();
        let mut layer = Self::default();
        let mut plain = Vec::new();
        let mut by_path: FxHashMap<&Path, Vec<(u32, &Wanted)>> = FxHashMap::default();
        for (position, guard) in rules {
            match guard {
                Some(guard) if guarded >= FEW => {
                    let rules = by_path.entry(&guard.path).or_default();
                    rules.push((*position, &guard.wanted));
                }
                _ => plain.push(*position),
            }
        }
        layer.plain = plain.into();
        for (path, rules) in by_path {
            match path.split_name() {
                Some((name, inside)) => {
                    let hash = key_hash(name);
                    let tables = layer.named.entry(hash).or_default();
                    tables.push((name.into(), Table::new(inside, &rules)));
                    layer.filter |= filter_bit(hash);
                }
                None => layer.unnamed.push(Table::new(path.clone(), &rules)),
            }
        }
        layer
    }

    /// The rules that are always candidates.
    pub(super) fn plain(&self) -> &[u32] {
        &self.plain
    }

    /// Adds the guarded rules that these arguments make candidates.
    pub(super) fn activate<'p>(&'p self, arguments: Value<'_>, streams: &mut Vec<Stream<'p>>) {
        for table in &self.unnamed {
            table.activate(arguments, streams);
        }
        if self.filter == 0 {
            return;
        }
        for (hash, place) in arguments.keys() {
            if self.filter & filter_bit(hash) == 0 {
                continue;
            }
            for (name, table) in self.named.get(&hash).into_iter().flatten() {
                // Hashes are of folded names; paths mean the exact one.
                if let Some(value) = arguments.member_at(place, name) {
                    table.activate(value, streams);
                }
            }
        }
    }
}

fn filter_bit(hash: u32) -> u64 {
    1 << (hash >> 26)
}

impl Table {
    fn new(path: Path, rules: &[(u32, &Wanted)]) -> Self {
        let mut present = Vec::new();
        let mut sides: [Vec<Comparison>; 2] = [Vec::new(), Vec::new()];
        let mut equal: Vec<(Kind, Vec<Wants<'_>>)> = Vec::new();
        let [above, below] = &mut sides;
        for (position, wanted) in rules {
            let position = *position;
            let comparison = |lexeme: &str, inclusive: &bool| Comparison {
                position,
                lexeme: lexeme.into(),
                inclusive: *inclusive,
            };
            match wanted {
                Wanted::Presence => present.push(position),
                Wanted::Above { lexeme, inclusive } => above.push(comparison(lexeme, inclusive)),
                Wanted::Below { lexeme, inclusive } => below.push(comparison(lexeme, inclusive)),
                Wanted::Equal { kind, hashes } => {
                    match equal.iter_mut().find(|(known, _)| known == kind) {
                        Some((_, rules)) => rules.push((position, hashes)),
                        None => equal.push((*kind, vec![(position, hashes)])),
                    }
                }
            }
        }
        Self {
            path,
            present: present.into(),
            above: Compared::new(above, false),
            below: Compared::new(below, true),
            equal: equal
                .iter()
                .map(|(kind, rules)| Equal::new(*kind, rules))
                .collect(),
        }
    }

    fn activate<'p>(&'p self, root: Value<'_>, streams: &mut Vec<Stream<'p>>) {
        let value = match selected(&self.path, root) {
            Selected::Nothing => return,
            Selected::One(value) => Some(value),
            Selected::Several => None,
        };
        let mut push = |stream: Stream<'p>| {
            if stream.head().is_some() {
                streams.push(stream);
            }
        };
        push(Stream::list(&self.present));
        for compared in self.above.iter().chain(&self.below) {
            push(match value.and_then(|value| value.number_text()) {
                Some(lexeme) => Stream::reached(&compared.thresholds, lexeme),
                None => Stream::list(&compared.all),
            });
        }
        for equal in &self.equal {
            push(
                match value
                    .filter(|value| value.kind() == equal.kind)
                    .and_then(scalar_hash)
                {
                    Some(hash) => Stream::list(equal.by_hash.get(&hash).map_or(&[], Vec::as_slice)),
                    None => Stream::list(&equal.all),
                },
            );
        }
    }
}

impl Compared {
    fn new(comparisons: &[Comparison], descending: bool) -> Option<Self> {
        (!comparisons.is_empty()).then(|| Self {
            all: comparisons
                .iter()
                .map(|comparison| comparison.position)
                .collect(),
            thresholds: Thresholds::new(comparisons, descending),
        })
    }
}

impl Equal {
    fn new(kind: Kind, rules: &[Wants<'_>]) -> Self {
        let mut by_hash: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        for (position, hashes) in rules {
            for hash in *hashes {
                by_hash.entry(*hash).or_default().push(*position);
            }
        }
        let all = rules.iter().map(|(position, _)| *position).collect();
        Self { kind, all, by_hash }
    }
}

/// Positions in file order, found one at a time.
#[derive(Debug)]
pub(super) enum Stream<'p> {
    List(&'p [u32]),
    Reached {
        thresholds: &'p Thresholds,
        bound: u32,
        /// The next one's place among the comparisons and its position.
        next: Option<(usize, u32)>,
    },
}

impl<'p> Stream<'p> {
    fn list(positions: &'p [u32]) -> Self {
        Self::List(positions)
    }

    fn reached(thresholds: &'p Thresholds, lexeme: &str) -> Self {
        let bound = thresholds.bound(lexeme);
        let next = thresholds.next(0, bound);
        Self::Reached {
            thresholds,
            bound,
            next,
        }
    }

    pub(super) fn head(&self) -> Option<u32> {
        match self {
            Self::List(positions) => positions.first().copied(),
            Self::Reached { next, .. } => next.map(|(_, position)| position),
        }
    }

    pub(super) fn advance(&mut self) {
        match self {
            Self::List(positions) => *positions = positions.get(1..).unwrap_or_default(),
            Self::Reached {
                thresholds,
                bound,
                next,
            } => {
                *next = next.and_then(|(place, _)| thresholds.next(place + 1, *bound));
            }
        }
    }
}
