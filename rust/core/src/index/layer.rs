//! Candidates among rules that only their arguments tell apart.
//!
//! Above: `index`, `plans`. Below: `guard`, `thresholds`. Pure. A layer holds rules that upstream, tool and
//! annotations already let through. Those without a guard are always candidates; the others stand in tables
//! by path, and the tables by the argument that the path starts with.

use rustc_hash::FxHashMap;

use super::guard::{Guard, Wanted, scalar_hash};
use super::thresholds::{Limit, Thresholds};
use super::{Selected, from_on, selected};
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
    above: Option<Thresholds<1>>,
    below: Option<Thresholds<1>>,
    between: Option<Thresholds<2>>,
    equal: Vec<Equal>,
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

    /// Adds the guarded rules, from a position on, that these arguments make candidates.
    pub(super) fn activate<'p>(
        &'p self,
        arguments: Value<'_>,
        from: u32,
        streams: &mut Vec<Stream<'p>>,
    ) {
        for table in &self.unnamed {
            table.activate(arguments, from, streams);
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
                    table.activate(value, from, streams);
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
        let mut above = Vec::new();
        let mut below = Vec::new();
        let mut between = Vec::new();
        let mut equal: Vec<(Kind, Vec<Wants<'_>>)> = Vec::new();
        for (position, wanted) in rules {
            let position = *position;
            match wanted {
                Wanted::Presence => present.push(position),
                Wanted::Above(limit) => above.push((position, [limit.clone()])),
                Wanted::Below(limit) => below.push((position, [limit.clone()])),
                Wanted::Between(limits) => between.push((position, limits.clone())),
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
            above: compared(&above, [false]),
            below: compared(&below, [true]),
            between: compared(&between, [false, true]),
            equal: equal
                .iter()
                .map(|(kind, rules)| Equal::new(*kind, rules))
                .collect(),
        }
    }

    fn activate<'p>(&'p self, root: Value<'_>, from: u32, streams: &mut Vec<Stream<'p>>) {
        let value = match selected(&self.path, root) {
            Selected::Nothing => return,
            Selected::One(value) => Some(value),
            Selected::Several => None,
        };
        let list = |positions| Stream::List(from_on(positions, from));
        let mut push = |stream: Stream<'p>| {
            if stream.head().is_some() {
                streams.push(stream);
            }
        };
        push(list(&self.present));
        let lexeme = value.and_then(|value| value.number_text());
        for one_sided in self.above.iter().chain(&self.below) {
            push(match lexeme {
                Some(lexeme) => Stream::OneSided(Reached::new(one_sided, lexeme, from)),
                None => list(one_sided.positions()),
            });
        }
        if let Some(two_sided) = &self.between {
            push(match lexeme {
                Some(lexeme) => Stream::TwoSided(Reached::new(two_sided, lexeme, from)),
                None => list(two_sided.positions()),
            });
        }
        for equal in &self.equal {
            push(
                match value
                    .filter(|value| value.kind() == equal.kind)
                    .and_then(scalar_hash)
                {
                    Some(hash) => list(equal.by_hash.get(&hash).map_or(&[], Vec::as_slice)),
                    None => list(&equal.all),
                },
            );
        }
    }
}

fn compared<const N: usize>(
    rules: &[(u32, [Limit; N])],
    descending: [bool; N],
) -> Option<Thresholds<N>> {
    (!rules.is_empty()).then(|| Thresholds::new(rules, descending))
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
    OneSided(Reached<'p, 1>),
    TwoSided(Reached<'p, 2>),
}

/// The rules that a number reaches.
#[derive(Debug)]
pub(super) struct Reached<'p, const N: usize> {
    thresholds: &'p Thresholds<N>,
    bounds: [u32; N],
    /// The next one's place among the rules and its position.
    next: Option<(usize, u32)>,
}

impl<'p, const N: usize> Reached<'p, N> {
    /// Those from a position on.
    fn new(thresholds: &'p Thresholds<N>, lexeme: &str, from: u32) -> Self {
        let bounds = thresholds.bounds(lexeme);
        let all = thresholds.positions();
        let place = all.len() - from_on(all, from).len();
        Self {
            thresholds,
            bounds,
            next: thresholds.next(place, bounds),
        }
    }

    fn head(&self) -> Option<u32> {
        self.next.map(|(_, position)| position)
    }

    fn advance(&mut self) {
        let after = self.next.map(|(place, _)| place + 1);
        self.next = after.and_then(|place| self.thresholds.next(place, self.bounds));
    }
}

impl<'p> Stream<'p> {
    pub(super) fn head(&self) -> Option<u32> {
        match self {
            Self::List(positions) => positions.first().copied(),
            Self::OneSided(reached) => reached.head(),
            Self::TwoSided(reached) => reached.head(),
        }
    }

    pub(super) fn advance(&mut self) {
        match self {
            Self::List(positions) => *positions = positions.get(1..).unwrap_or_default(),
            Self::OneSided(reached) => reached.advance(),
            Self::TwoSided(reached) => reached.advance(),
        }
    }
}
