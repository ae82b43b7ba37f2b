//! A rule's guard: one condition on the arguments without which the rule is false, in a form to look up.
//!
//! Above: `index`, `layer`. Below: `compare`, `graph`, `json`. Pure.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::compare::{Operator, Test};
use crate::graph::{Condition, Selection};
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
    /// A number above this one, or equal where inclusive.
    Above { lexeme: Box<str>, inclusive: bool },
    /// A number below this one, or equal where inclusive.
    Below { lexeme: Box<str>, inclusive: bool },
    /// A scalar of this kind with one of these hashes.
    Equal { kind: Kind, hashes: Vec<u64> },
}

impl Wanted {
    fn rank(&self) -> u8 {
        match self {
            Self::Presence => 0,
            Self::Above { .. } | Self::Below { .. } => 1,
            Self::Equal { .. } => 2,
        }
    }

    fn of(test: &Test) -> Self {
        let operand = test.operand().value();
        let lexeme = || operand.number_text().unwrap_or_default().into();
        match test.operator() {
            Operator::Greater => Self::Above {
                lexeme: lexeme(),
                inclusive: false,
            },
            Operator::GreaterOrEqual => Self::Above {
                lexeme: lexeme(),
                inclusive: true,
            },
            Operator::Less => Self::Below {
                lexeme: lexeme(),
                inclusive: false,
            },
            Operator::LessOrEqual => Self::Below {
                lexeme: lexeme(),
                inclusive: true,
            },
            Operator::Equal => Self::equal(std::iter::once(operand)),
            Operator::In => Self::equal(operand.elements().take(OPERANDS + 1)),
            _ => Self::Presence,
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
    /// The most selective guard among a rule's conditions, if there is one.
    pub(super) fn best<'g>(conditions: impl Iterator<Item = &'g Condition>) -> Option<Self> {
        let selections = conditions.filter_map(|condition| match condition {
            // Only where nothing selected is surely false may the rule be left out.
            Condition::Input(selection) if selection.absence == Truth::False => Some(selection),
            _ => None,
        });
        selections
            .map(Self::of)
            .max_by_key(|guard| guard.wanted.rank())
    }

    /// All tests must hold, so that any one of them guards.
    fn of(selection: &Selection) -> Self {
        let wanted = selection
            .tests
            .iter()
            .map(Wanted::of)
            .max_by_key(Wanted::rank);
        Self {
            path: selection.path.clone(),
            wanted: wanted.unwrap_or(Wanted::Presence),
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
