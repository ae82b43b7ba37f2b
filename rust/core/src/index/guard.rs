//! A rule's guard: one condition on the arguments without which the rule is false, in a form to look up.
//!
//! Above: `index`, `layer`. Below: `thresholds`, `compare`, `graph`, `json`. Pure.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::thresholds::Limit;
use crate::compare::{Operator, Test};
use crate::graph::Condition;
use crate::json::{Kind, Value};
use crate::number;
use crate::path::Path;
use crate::truth::Truth;

/// The most operands of an `in` that are looked up one by one.
const OPERANDS: usize = 64;

/// What must hold of what a path selects. Where the path selects several values, or one of another kind
/// than the guard is about, the guard says nothing and the rule stays a candidate.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) path: Arc<Path>,
    pub(super) wanted: Wanted,
}

/// How selective guards are, the least first.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Anything at all.
    Presence,
    /// A number above this one.
    Above(Limit),
    /// A number below this one.
    Below(Limit),
    /// A number above the one and below the other.
    Between([Limit; 2]),
    /// A scalar of this kind with one of these hashes.
    Equal { kind: Kind, hashes: Vec<u64> },
}

impl Wanted {
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Presence => 0,
            Self::Above(_) | Self::Below(_) => 1,
            Self::Between(_) => 2,
            Self::Equal { .. } => 3,
        }
    }

    fn of(test: &Test) -> Self {
        let operand = test.operand().value();
        let limit = |inclusive| Limit {
            lexeme: operand.number_text().unwrap_or_default().into(),
            inclusive,
        };
        match test.operator() {
            Operator::Greater => Self::Above(limit(false)),
            Operator::GreaterOrEqual => Self::Above(limit(true)),
            Operator::Less => Self::Below(limit(false)),
            Operator::LessOrEqual => Self::Below(limit(true)),
            Operator::Equal => Self::equal(std::iter::once(operand)),
            Operator::In => Self::equal(operand.elements().take(OPERANDS + 1)),
            _ => Self::Presence,
        }
    }

    /// The more selective of two; of a number above one and below another, both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Above(low), Self::Below(high)) | (Self::Below(high), Self::Above(low)) => {
                Self::Between([low, high])
            }
            (one, other) if one.rank() > other.rank() => one,
            (_, other) => other,
        }
    }

    /// Scalars of one kind can be looked up; among several kinds a value is never surely different.
    fn equal<'a>(operands: impl Iterator<Item = Value<'a>>) -> Self {
        let mut kinds = Vec::new();
        let mut hashes = Vec::new();
        for operand in operands {
            let Some(hash) = scalar_hash(operand) else {
                return Self::Presence;
            };
            kinds.push(operand.kind());
            hashes.push(hash);
        }
        hashes.sort_unstable();
        hashes.dedup();
        match kinds.first() {
            Some(kind) if kinds.len() <= OPERANDS && kinds.iter().all(|each| each == kind) => {
                Self::Equal {
                    kind: *kind,
                    hashes,
                }
            }
            _ => Self::Presence,
        }
    }
}

impl Guard {
    /// The guard that a condition makes, if it makes one. All its tests must hold, so that any of them guards.
    pub(super) fn of(condition: &Condition) -> Option<Self> {
        match condition {
            // Only where nothing selected is surely false may the rule be left out.
            Condition::Input(selection) if selection.absence == Truth::False => {
                let wanted = selection.tests.iter().map(Wanted::of).reduce(Wanted::and);
                Some(Self {
                    path: selection.path.clone(),
                    wanted: wanted.unwrap_or(Wanted::Presence),
                })
            }
            _ => None,
        }
    }
}

/// A hash by value of a scalar; none for arrays and objects. Equal values of one kind have equal hashes.
pub(super) fn scalar_hash(value: Value<'_>) -> Option<u64> {
    let mut hasher = FxHasher::default();
    match value.kind() {
        Kind::String => value.as_str()?.hash(&mut hasher),
        Kind::Number => number::canonical(value.number_text()?).hash(&mut hasher),
        Kind::Null | Kind::Bool => value.raw().hash(&mut hasher),
        Kind::Array | Kind::Object => return None,
    }
    Some(hasher.finish())
}
