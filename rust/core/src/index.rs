//! From a call to the rules that may matter for it, without looking at the others.
//!
//! Above: `evaluate`. Below: `graph`, `glob`, `number`. Pure. "The index" in docs/architecture.md. What a call's
//! upstream, tool and annotations settle is settled once and kept ([`Plans`]); what its arguments settle is
//! looked up by value ([`layer`]).
//!
//! INVARIANT: a rule is left out only when it is false. Whatever could make it indeterminate (a value of
//! another type than the guard judges, several values) makes it a candidate.

mod choice;
mod guard;
mod layer;
mod plans;
mod thresholds;
mod tools;

use std::ops::ControlFlow;
use std::sync::Arc;

use self::guard::Guard;
use self::layer::{Layer, Stream};
pub use self::plans::Plans;
use self::tools::Tools;
use crate::evaluate::{Facts, any_matches};
use crate::graph::{Condition, Graph, NodeIndex, Rule};
use crate::hint::Annotations;
use crate::json::Value;

/// A rule taken apart by what settles its conditions.
#[derive(Debug, Default)]
struct Entry {
    /// Conditions on the tool's name.
    tools: Vec<NodeIndex>,
    /// Conditions on the upstream and the annotations.
    settled: Vec<NodeIndex>,
    /// All others.
    unsettled: Box<[NodeIndex]>,
    /// What must hold among them for the rule to be anything but false.
    guard: Option<Guard>,
    /// Whether it decides when nothing is left to judge.
    decides: bool,
    /// Whether a constant makes it false.
    never: bool,
}

/// An index over a graph's rules. Rules go by their position in [`Graph::rules`].
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    /// The rules for any tool.
    free: Vec<u32>,
    tools: Tools,
}

impl Index {
    /// Indexes a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let mut index = Self {
            entries: Vec::with_capacity(graph.rules.len()),
            free: Vec::new(),
            tools: Tools::default(),
        };
        let mut guards = Vec::with_capacity(graph.rules.len());
        for (position, rule) in (0..).zip(&graph.rules) {
            let entry = Entry::of(graph, rule);
            guards.push((entry.tools.first().copied(), entry.guards(graph)));
            match entry.tools.first().and_then(|node| graph.condition(*node)) {
                _ if entry.never => {}
                Some(Condition::Tool(globs)) => index.tools.add(globs, position),
                _ => index.free.push(position),
            }
            index.entries.push(entry);
        }
        for (entry, guard) in index.entries.iter_mut().zip(choice::choose(guards)) {
            entry.guard = guard;
        }
        index
    }

    /// The conditions of a rule that its place in a plan does not settle.
    pub(crate) fn unsettled(&self, position: usize) -> &[NodeIndex] {
        self.entries
            .get(position)
            .map_or(&[], |entry| &entry.unsettled)
    }

    /// The positions of the rules that may be anything but false, in file order.
    pub(crate) fn candidates<'p>(&self, plans: &'p mut Plans, asked: &Asked<'_>) -> Candidates<'p> {
        let (general, specific) = plans.layers(self, asked.graph, asked.facts, asked.tool);
        let mut streams = Vec::new();
        for layer in [general, specific] {
            layer.activate(asked.arguments, asked.from, &mut streams);
        }
        Candidates {
            plain: [general, specific].map(|layer| from_on(layer.plain(), asked.from)),
            streams,
        }
    }

    /// The positions of the rules whose patterns may describe a tool's name, in file order, each once.
    pub(crate) fn naming(&self, tool: &str) -> Vec<u32> {
        let mut positions = self.tools.matching(tool);
        positions.extend_from_slice(&self.free);
        positions.sort_unstable();
        positions
    }

    /// The layer of the rules for any tool.
    fn general(&self, graph: &Graph, facts: &Facts<'_>, whole: bool) -> Layer {
        self.layer(&self.settle(graph, facts, &self.free, whole))
    }

    /// The positions of the rules that name the tool, settled.
    fn specific(&self, graph: &Graph, facts: &Facts<'_>, tool: &str, whole: bool) -> Vec<u32> {
        let mut named = self.tools.matching(tool);
        named.retain(|position| {
            let conditions = self.entries.get(*position as usize);
            conditions.is_some_and(|entry| {
                entry.tools.iter().all(|node| match graph.condition(*node) {
                    Some(Condition::Tool(globs)) => any_matches(globs, tool),
                    _ => false,
                })
            })
        });
        self.settle(graph, facts, &named, whole)
    }

    /// Those of `positions` that upstream and annotations leave possible, up to the first that surely decides
    /// unless `whole`.
    fn settle(&self, graph: &Graph, facts: &Facts<'_>, positions: &[u32], whole: bool) -> Vec<u32> {
        let mut kept = Vec::new();
        let holds = |node: &NodeIndex| match graph.condition(*node) {
            Some(Condition::Upstream(globs)) => any_matches(globs, facts.upstream),
            Some(Condition::Annotation(hint, value)) => {
                Annotations::effective(facts.annotations, *hint) == *value
            }
            _ => false,
        };
        for position in positions {
            let Some(entry) = self.entries.get(*position as usize) else {
                continue;
            };
            if entry.settled.iter().all(holds) {
                kept.push(*position);
                if !whole && entry.decides && entry.unsettled.is_empty() {
                    break;
                }
            }
        }
        kept
    }

    fn layer(&self, positions: &[u32]) -> Layer {
        let guards = positions.iter().map(|position| {
            let entry = self.entries.get(*position as usize);
            (*position, entry.and_then(|entry| entry.guard.as_ref()))
        });
        Layer::new(&guards.collect::<Vec<_>>())
    }
}

impl Entry {
    fn of(graph: &Graph, rule: &Arc<Rule>) -> Self {
        let mut entry = Self {
            decides: !rule.shadow,
            ..Self::default()
        };
        let mut unsettled = Vec::new();
        for node in &rule.conditions {
            match graph.condition(*node) {
                Some(Condition::Tool(globs)) if tools::is_any(globs) => {}
                Some(Condition::Tool(_)) => entry.tools.push(*node),
                Some(Condition::Upstream(_) | Condition::Annotation(..)) => {
                    entry.settled.push(*node);
                }
                Some(Condition::Constant(true, _)) => {}
                Some(Condition::Constant(false, _)) => entry.never = true,
                _ => unsettled.push(*node),
            }
        }
        entry.unsettled = unsettled.into();
        entry
    }

    /// What its conditions on the arguments make of guards.
    fn guards(&self, graph: &Graph) -> Vec<Guard> {
        let conditions = self.unsettled.iter();
        conditions
            .filter_map(|node| Guard::of(graph.condition(*node)?))
            .collect()
    }
}

/// What candidates are asked for: a call, and the position of the first rule that counts.
pub(crate) struct Asked<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) tool: &'a str,
    pub(crate) arguments: Value<'a>,
    pub(crate) from: u32,
}

/// Those of ascending positions that are not before `from`.
fn from_on(positions: &[u32], from: u32) -> &[u32] {
    let before = match from {
        0 => 0,
        _ => positions.partition_point(|position| *position < from),
    };
    positions.get(before..).unwrap_or_default()
}

/// The candidates of one call, in file order, each once.
pub(crate) struct Candidates<'p> {
    plain: [&'p [u32]; 2],
    streams: Vec<Stream<'p>>,
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let plain = self.plain.iter().filter_map(|positions| positions.first());
        let streamed = self.streams.iter().filter_map(Stream::head);
        let next = plain.copied().chain(streamed).min()?;
        for positions in &mut self.plain {
            if let Some((first, rest)) = positions.split_first()
                && *first == next
            {
                *positions = rest;
            }
        }
        for stream in &mut self.streams {
            if stream.head() == Some(next) {
                stream.advance();
            }
        }
        Some(next as usize)
    }
}

/// What a path selects: nothing, one value, or several.
enum Selected<'a> {
    Nothing,
    One(Value<'a>),
    Several,
}

fn selected<'a>(path: &crate::path::Path, root: Value<'a>) -> Selected<'a> {
    if path.is_root() {
        return Selected::One(root);
    }
    let mut found = Selected::Nothing;
    let _ = path.visit(root, &mut |value| match found {
        Selected::Nothing => {
            found = Selected::One(value);
            ControlFlow::Continue(())
        }
        _ => {
            found = Selected::Several;
            ControlFlow::Break(())
        }
    });
    found
}
