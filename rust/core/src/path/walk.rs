//! Walks a document along a path's segments. Above: `path`. Pure.

use std::ops::ControlFlow;

use super::{Segment, Selector};
use crate::json::{Kind, Value};

type Visit<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> ControlFlow<()>;

/// Which values were reached, at which segment.
pub(super) struct Seen {
    first: usize,
    count: usize,
    bits: Vec<u64>,
}

impl Seen {
    /// For the values of `root` and a path of `segments` segments.
    pub(super) fn new(root: Value<'_>, segments: usize) -> Self {
        let count = root.extent();
        let words = (count * (segments + 1)).div_ceil(64);
        Self {
            first: root.id().index(),
            count,
            bits: vec![0; words],
        }
    }

    /// Notes a value at a segment; whether it was new.
    fn insert(&mut self, segment: usize, value: Value<'_>) -> bool {
        let place = segment * self.count + value.id().index() - self.first;
        let bit = 1 << (place % 64);
        self.bits.get_mut(place / 64).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }
}

/// Visits what the segments select from `root`; with `seen`, each value once.
pub(super) fn walk<'a>(
    segments: &[Segment],
    root: Value<'a>,
    seen: Option<Seen>,
    visit: Visit<'_, 'a>,
) -> ControlFlow<()> {
    Walk {
        segments,
        seen,
        visit,
    }
    .from(0, root)
}

struct Walk<'w, 'a> {
    segments: &'w [Segment],
    seen: Option<Seen>,
    visit: Visit<'w, 'a>,
}

impl<'a> Walk<'_, 'a> {
    fn is_new(&mut self, depth: usize, value: Value<'_>) -> bool {
        self.seen
            .as_mut()
            .is_none_or(|seen| seen.insert(depth, value))
    }

    /// Goes on from a value that the segments before number `depth` have selected.
    fn from(&mut self, depth: usize, value: Value<'a>) -> ControlFlow<()> {
        let segments = self.segments;
        match segments.get(depth) {
            Some(segment) if segment.descends => self.descend(depth, segment, value),
            Some(segment) if self.is_new(depth, value) => self.select(depth, segment, value),
            None if self.is_new(depth, value) => (self.visit)(value),
            _ => ControlFlow::Continue(()),
        }
    }

    fn descend(&mut self, depth: usize, segment: &Segment, value: Value<'a>) -> ControlFlow<()> {
        let mut descendants = value.descendants();
        while let Some(inner) = descendants.next() {
            if self.is_new(depth, inner) {
                self.select(depth, segment, inner)?;
            } else {
                // INVARIANT: whoever reached it here went on through everything inside it.
                descendants.skip_inside(inner);
            }
        }
        ControlFlow::Continue(())
    }

    fn select(&mut self, depth: usize, segment: &Segment, value: Value<'a>) -> ControlFlow<()> {
        for selector in &segment.selectors {
            match selector {
                Selector::Name(name) => {
                    if let Some(member) = value.get(name) {
                        self.from(depth + 1, member)?;
                    }
                }
                Selector::Wildcard => {
                    for nested in value.nested() {
                        self.from(depth + 1, nested)?;
                    }
                }
                Selector::Index(index) => {
                    if let Some(element) = element(value, *index) {
                        self.from(depth + 1, element)?;
                    }
                }
                Selector::Slice { start, end, step } => {
                    if value.kind() == Kind::Array {
                        self.slice(depth, value, (*start, *end, *step))?;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// RFC 9535, section 2.3.4.2.2.
    fn slice(
        &mut self,
        depth: usize,
        array: Value<'a>,
        (start, end, step): (Option<i64>, Option<i64>, i64),
    ) -> ControlFlow<()> {
        let elements: Vec<_> = array.elements().collect();
        let length = elements.len() as i64;
        let absolute = |bound: i64| if bound < 0 { length + bound } else { bound };
        let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
        let range = |from: i64, to: i64| {
            let [from, to] = [from, to].map(|bound| usize::try_from(bound).unwrap_or(0));
            elements.get(from..to).unwrap_or_default()
        };
        if step > 0 {
            let lower = absolute(start.unwrap_or(0)).clamp(0, length);
            let upper = absolute(end.unwrap_or(length)).clamp(0, length);
            for element in range(lower, upper).iter().step_by(stride) {
                self.from(depth + 1, *element)?;
            }
        } else if step < 0 {
            let upper = start.map_or(length - 1, absolute).clamp(-1, length - 1);
            let lower = end.map_or(-1, absolute).clamp(-1, length - 1);
            for element in range(lower + 1, upper + 1).iter().rev().step_by(stride) {
                self.from(depth + 1, *element)?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn element(array: Value<'_>, index: i64) -> Option<Value<'_>> {
    let index = if index < 0 {
        array.len() as i64 + index
    } else {
        index
    };
    if array.kind() != Kind::Array {
        return None;
    }
    array.elements().nth(usize::try_from(index).ok()?)
}
