//! Deciding: the rules walked in file order over one call and what is known about it.
//!
//! Above: the binding. Below: `index`, `graph`, `compare`, `call`, `outcome`. Pure. The walk is the table of "The
//! three values" in docs/architecture.md. [`Evaluator::decide`] visits the candidates that the index finds;
//! [`Evaluator::decide_linear`] visits every rule and judges every condition anew. They must agree.

mod budget;
mod demand;
mod detail;
mod judge;
mod prospect;
mod walk;

use std::borrow::Cow;
use std::sync::Arc;

pub(crate) use self::judge::any_matches;
use self::judge::{Judge, Memo};
pub use self::prospect::{Caller, Prospect};
use self::walk::Walk;
use crate::call::Message;
use crate::graph::{Graph, GraphError, Rule};
use crate::hint::Annotations;
use crate::index::{Asked, Index, Plans};
use crate::json::Value;
use crate::keyed_hash::KeyedHash;
use crate::outcome::Decision;

/// What is known about a call besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The upstream's name.
    pub upstream: &'a str,
    /// The tool's annotations.
    pub annotations: Annotations,
    /// The agent's id, when it is known.
    pub agent: Option<&'a str>,
    /// The session's id, when it is known.
    pub session: Option<&'a str>,
    /// Whether a key by session takes the agent where the session is unknown.
    pub session_falls_back: bool,
    /// The session's labels.
    pub labels: &'a [&'a str],
    /// The tools that the session has called.
    pub called: &'a [&'a str],
    /// The sender that an adapter names.
    pub sender: Option<&'a str>,
    /// An adapter's metadata; none on MCP calls.
    pub metadata: Option<Value<'a>>,
    /// What arguments in keys (`call`) are hashed with, where nobody may guess them from a key.
    pub hash_key: Option<&'a KeyedHash>,
}

/// A `tools/call` to be decided.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    message: &'a Message,
    bytes: &'a [u8],
    tool: Cow<'a, str>,
    arguments: Value<'a>,
}

impl<'a> Call<'a> {
    /// The call in a message, with the bytes it was parsed from; none unless it is a `tools/call`.
    #[must_use]
    pub fn of(message: &'a Message, bytes: &'a [u8]) -> Option<Self> {
        let tool = message.tool(bytes)?;
        let arguments = message.arguments(bytes);
        Some(Self {
            message,
            bytes,
            tool,
            arguments,
        })
    }
}

/// What [`Evaluator::decide`] writes on: remembered truths and the candidates of tools. It belongs to one
/// evaluator and may be dropped at any time, which costs speed only.
#[derive(Debug)]
pub struct Scratch {
    memo: Memo,
    plans: Plans,
    /// For [`Evaluator::decide_below`].
    whole: Plans,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            memo: Memo::default(),
            plans: Plans::default(),
            whole: Plans::whole(),
        }
    }
}

/// A verified and indexed rule graph.
#[derive(Debug)]
pub struct Evaluator {
    graph: Graph,
    index: Index,
}

impl Evaluator {
    /// Decodes, verifies and indexes a graph's JSON text.
    ///
    /// # Errors
    /// [`GraphError`] when it cannot be decoded or does not verify.
    pub fn new(graph: &[u8]) -> Result<Self, GraphError> {
        let graph = Graph::decode(graph)?;
        let index = Index::of(&graph);
        Ok(Self { graph, index })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the rules say of a call.
    pub fn decide(&self, call: &Call<'_>, facts: &Facts<'_>, scratch: &mut Scratch) -> Decision {
        self.decide_from(0, call, facts, &mut scratch.memo, &mut scratch.plans)
    }

    /// What the rules below one say of a call, as if that one and those above it were not there.
    pub fn decide_below(
        &self,
        above: u32,
        call: &Call<'_>,
        facts: &Facts<'_>,
        scratch: &mut Scratch,
    ) -> Decision {
        // Rules stand in the order of their indices.
        let from = self.graph.rules.partition_point(|rule| rule.index <= above);
        self.decide_from(from, call, facts, &mut scratch.memo, &mut scratch.whole)
    }

    /// What the rules from a position on say of a call.
    fn decide_from(
        &self,
        from: usize,
        call: &Call<'_>,
        facts: &Facts<'_>,
        memo: &mut Memo,
        plans: &mut Plans,
    ) -> Decision {
        memo.start(self.graph.nodes.len());
        let mut walk = Walk::new(&self.graph, call, facts);
        let mut judge = Judge::new(&self.graph, call, facts, memo);
        let asked = Asked {
            graph: &self.graph,
            facts,
            tool: &call.tool,
            arguments: call.arguments,
            from: from as u32,
        };
        for position in self.index.candidates(plans, &asked) {
            let Some(rule) = self.graph.rules.get(position) else {
                continue;
            };
            let truth = judge.all(self.index.unsettled(position));
            if walk.visit(rule, truth) {
                break;
            }
        }
        self.finish(walk, &mut judge, call, facts)
    }

    /// The same without the index, of the rules below one if that is given: each is visited and nothing is
    /// remembered. For cross-checks.
    #[must_use]
    pub fn decide_linear(
        &self,
        above: Option<u32>,
        call: &Call<'_>,
        facts: &Facts<'_>,
    ) -> Decision {
        let mut walk = Walk::new(&self.graph, call, facts);
        let counts = |rule: &&Arc<Rule>| above.is_none_or(|above| rule.index > above);
        for rule in self.graph.rules.iter().filter(counts) {
            // A fresh memo for each rule: what is never remembered cannot be remembered wrongly.
            let mut memo = Memo::default();
            memo.start(self.graph.nodes.len());
            let mut judge = Judge::new(&self.graph, call, facts, &mut memo);
            if walk.visit(rule, judge.all(&rule.conditions)) {
                break;
            }
        }
        let mut memo = Memo::default();
        memo.start(self.graph.nodes.len());
        let mut judge = Judge::new(&self.graph, call, facts, &mut memo);
        self.finish(walk, &mut judge, call, facts)
    }

    /// The decision of a walk, with what the call takes from budgets where it may be forwarded.
    fn finish(
        &self,
        walk: Walk<'_>,
        judge: &mut Judge<'_>,
        call: &Call<'_>,
        facts: &Facts<'_>,
    ) -> Decision {
        let charges = walk.forwards() && !self.graph.budgets.is_empty();
        let mut decision = walk.finish();
        if charges {
            budget::ask(&self.graph, call, facts, judge, &mut decision);
        }
        decision
    }
}
