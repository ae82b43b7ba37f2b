//! Conditions into truths, each judged at most once per call.
//!
//! Above: `evaluate`, `detail`, `index`. Below: `compare`, `graph`. Pure.

use super::{Call, Facts};
use crate::compare::judge_selection;
use crate::graph::{Condition, Globs, Graph, NodeIndex, Selection};
use crate::json::Value;
use crate::truth::Truth;

/// The truths of one call's conditions by node. A slot holds the generation in which it was written, so
/// that a new call forgets everything without touching the slots.
#[derive(Debug, Default)]
pub(super) struct Memo {
    generation: u32,
    slots: Vec<(u32, Truth)>,
}

impl Memo {
    /// Forgets the last call.
    pub(super) fn start(&mut self, nodes: usize) {
        if self.slots.len() != nodes || self.generation == u32::MAX {
            self.slots = vec![(0, Truth::False); nodes];
            self.generation = 0;
        }
        self.generation += 1;
    }
}

/// Judges the conditions of one call.
pub(super) struct Judge<'a> {
    graph: &'a Graph,
    call: &'a Call<'a>,
    facts: &'a Facts<'a>,
    memo: &'a mut Memo,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        call: &'a Call<'a>,
        facts: &'a Facts<'a>,
        memo: &'a mut Memo,
    ) -> Self {
        Self {
            graph,
            call,
            facts,
            memo,
        }
    }

    /// The `and` of conditions.
    pub(super) fn all(&mut self, conditions: &[NodeIndex]) -> Truth {
        Truth::all(conditions.iter().map(|node| self.condition(*node)))
    }

    fn condition(&mut self, node: NodeIndex) -> Truth {
        let generation = self.memo.generation;
        match self.memo.slots.get(node as usize) {
            Some((written, truth)) if *written == generation => return *truth,
            _ => {}
        }
        // INVARIANT: a verified rule's conditions are condition nodes; were one not, nothing would match.
        let truth = self
            .graph
            .condition(node)
            .map_or(Truth::False, |condition| {
                judge(condition, self.call, self.facts)
            });
        if let Some(slot) = self.memo.slots.get_mut(node as usize) {
            *slot = (generation, truth);
        }
        truth
    }
}

/// Judges one condition.
pub(super) fn judge(condition: &Condition, call: &Call<'_>, facts: &Facts<'_>) -> Truth {
    match condition {
        Condition::Tool(globs) => any_matches(globs, &call.tool).into(),
        Condition::Upstream(globs) => any_matches(globs, facts.upstream).into(),
        Condition::Agent(globs) => facts.agent.map_or(Truth::Indeterminate, |agent| {
            any_matches(globs, agent).into()
        }),
        Condition::Annotation(hint, value) => (facts.annotations.effective(*hint) == *value).into(),
        Condition::Input(selection) => select(selection, call.arguments),
        Condition::Metadata(selection) => match facts.metadata {
            Some(metadata) => select(selection, metadata),
            None => selection.absence,
        },
        Condition::Labels(names) => in_session(facts, |facts| all_in(names, facts.labels)),
        Condition::Called(names) => in_session(facts, |facts| all_in(names, facts.called)),
        Condition::NotCalled(names) => in_session(facts, |facts| none_in(names, facts.called)),
        Condition::Constant(value, _) => (*value).into(),
    }
}

/// Whether any of the patterns describes a name.
pub(crate) fn any_matches(globs: &Globs, name: &str) -> bool {
    globs.iter().any(|(glob, _)| glob.matches(name))
}

fn select(selection: &Selection, root: Value<'_>) -> Truth {
    judge_selection(
        &selection.tests,
        selection.quantifier,
        &selection.path,
        root,
    )
}

fn in_session(facts: &Facts<'_>, holds: impl FnOnce(&Facts<'_>) -> bool) -> Truth {
    match facts.session {
        Some(_) => holds(facts).into(),
        None => Truth::Indeterminate,
    }
}

fn all_in(names: &[String], there: &[&str]) -> bool {
    names.iter().all(|name| there.contains(&name.as_str()))
}

fn none_in(names: &[String], there: &[&str]) -> bool {
    names.iter().all(|name| !there.contains(&name.as_str()))
}
