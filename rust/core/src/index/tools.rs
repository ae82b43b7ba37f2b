//! Tool patterns by their literal parts: exact names by hash, others by how they start or end.
//!
//! Above: `index`. Below: `glob`. Pure. The tables give a superset: who asks checks the patterns themselves.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::glob::{Alternative, Glob};
use crate::graph::Globs;

/// Positions of rules by a text.
type Table = FxHashMap<Box<str>, Vec<u32>>;

/// The rules whose patterns may describe a name.
#[derive(Debug, Default)]
pub(super) struct Tools {
    exact: Table,
    /// By the length of the text in bytes, then by the text.
    prefixes: BTreeMap<usize, Table>,
    suffixes: BTreeMap<usize, Table>,
    /// Patterns without a literal part at either end.
    rest: Vec<(Alternative, u32)>,
}

/// Whether the patterns describe every name.
pub(super) fn is_any(globs: &Globs) -> bool {
    let any = |alternative: &Alternative| match alternative {
        Alternative::Prefix(text) | Alternative::Suffix(text) => text.is_empty(),
        _ => false,
    };
    globs
        .iter()
        .any(|(glob, _)| Glob::alternatives(glob).iter().any(any))
}

impl Tools {
    /// Adds a rule by its patterns.
    pub(super) fn add(&mut self, globs: &Globs, position: u32) {
        for alternative in globs.iter().flat_map(|(glob, _)| glob.alternatives()) {
            match alternative {
                Alternative::Exact(name) => add(&mut self.exact, name, position),
                Alternative::Prefix(head) => add_by_length(&mut self.prefixes, head, position),
                Alternative::Suffix(tail) => add_by_length(&mut self.suffixes, tail, position),
                Alternative::Other(sequence) => {
                    let (head, tail) = (sequence.head(), sequence.tail());
                    if head.is_empty() && tail.is_empty() {
                        self.rest.push((alternative.clone(), position));
                    } else if head.len() >= tail.len() {
                        add_by_length(&mut self.prefixes, &head, position);
                    } else {
                        add_by_length(&mut self.suffixes, &tail, position);
                    }
                }
            }
        }
    }

    /// The positions of the rules whose patterns may describe `name`, ascending, each once.
    pub(super) fn matching(&self, name: &str) -> Vec<u32> {
        let mut found = self.exact.get(name).cloned().unwrap_or_default();
        for (length, table) in &self.prefixes {
            // No text is there when the name is shorter or a character straddles the cut.
            if let Some(positions) = name.get(..*length).and_then(|head| table.get(head)) {
                found.extend_from_slice(positions);
            }
        }
        for (length, table) in &self.suffixes {
            let start = name.len().checked_sub(*length);
            let tail = start.and_then(|start| name.get(start..));
            if let Some(positions) = tail.and_then(|tail| table.get(tail)) {
                found.extend_from_slice(positions);
            }
        }
        let rest = self
            .rest
            .iter()
            .filter(|(alternative, _)| alternative.matches(name));
        found.extend(rest.map(|(_, position)| *position));
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn add(table: &mut Table, text: &str, position: u32) {
    table.entry(text.into()).or_default().push(position);
}

fn add_by_length(tables: &mut BTreeMap<usize, Table>, text: &str, position: u32) {
    add(tables.entry(text.len()).or_default(), text, position);
}
