//! The rule graph: what the compiler writes and the evaluator walks.
//!
//! Above: `index` and `evaluate`. Below: `compare`, `glob`, `path`, `json`, `outcome`. Pure. The format is that of
//! "The rule graph" in docs/architecture.md. A [`Graph`] has been verified: every reference is to an earlier
//! node of the right type, and all patterns, paths and operands are compiled.

mod budgets;
mod decode;
mod listing;
mod readable;
mod verify;

use std::fmt;
use std::sync::Arc;

pub use self::decode::digest;
pub use self::listing::condition_text;
use crate::compare::{Quantifier, Test};
use crate::glob::Glob;
use crate::hint::Hint;
use crate::number::Amount;
use crate::outcome::{Action, LimitKind, OnExceed};
use crate::path::Path;
use crate::truth::Truth;

/// The largest text of a graph, in bytes.
pub const GRAPH_BYTES: usize = 16 * 1024 * 1024;
/// The most nodes of a graph.
pub const GRAPH_NODES: usize = 1_000_000;
/// The most rules of a graph.
pub const GRAPH_RULES: usize = 100_000;
/// The most budgets of a graph: each call is held against all of them.
pub const GRAPH_BUDGETS: usize = 1_000;

/// A graph that cannot be decoded or does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// What is wrong, and at which node.
    pub detail: String,
}

impl GraphError {
    fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
        }
    }

    fn at(node: usize, detail: impl fmt::Display) -> Self {
        Self::new(format!("node {node}: {detail}"))
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.detail)
    }
}

impl std::error::Error for GraphError {}

/// A node's place in [`Graph::nodes`].
pub type NodeIndex = u32;

/// A verified rule graph.
#[derive(Debug)]
pub struct Graph {
    /// `sha256:` and 64 hex digits, over the canonical text without `source`.
    pub digest: String,
    /// What is done with a call that no rule decides: `Allow` or `Deny`.
    pub default: Action,
    /// All nodes, children before parents.
    pub nodes: Vec<Node>,
    /// The rules in file order.
    pub rules: Vec<Arc<Rule>>,
    /// The budgets in file order.
    pub budgets: Vec<Arc<Budget>>,
}

/// One node. Children are compiled in, so that a condition is judged without looking further.
#[derive(Debug)]
pub enum Node {
    /// A pattern.
    Glob(Arc<Glob>, Arc<str>),
    /// A path and its readable text.
    Path(Arc<Path>, Arc<str>),
    /// The JSON text of an operand.
    Value(Arc<str>),
    /// A condition on a call.
    Condition(Condition),
    /// A limit.
    Limit(Arc<Limit>),
    /// A rule.
    Rule(Arc<Rule>),
    /// What a budget counts of some calls.
    Contributor(Arc<Contributor>),
    /// A budget.
    Budget(Arc<Budget>),
}

/// Patterns with their texts, any of which may match.
pub type Globs = Vec<(Arc<Glob>, Arc<str>)>;

/// A condition of a rule.
#[derive(Debug)]
pub enum Condition {
    /// On the tool's name.
    Tool(Globs),
    /// On the upstream's name.
    Upstream(Globs),
    /// On the agent's id.
    Agent(Globs),
    /// On an annotation's effective value.
    Annotation(Hint, bool),
    /// On the arguments.
    Input(Selection),
    /// On an adapter's metadata.
    Metadata(Selection),
    /// Labels that the session must have.
    Labels(Vec<String>),
    /// Tools that the session must have called.
    Called(Vec<String>),
    /// Tools that the session must not have called.
    NotCalled(Vec<String>),
    /// What the compiler folded: its value and its text.
    Constant(bool, String),
}

/// Tests on what a path selects.
#[derive(Debug)]
pub struct Selection {
    /// The path's node; conditions with one path share it.
    pub node: NodeIndex,
    /// The path.
    pub path: Arc<Path>,
    /// The path's readable text.
    pub text: Arc<str>,
    /// Whether some or every value must hold.
    pub quantifier: Quantifier,
    /// All of them judge the same value.
    pub tests: Vec<Test>,
    /// What nothing selected comes to.
    pub absence: Truth,
    /// The tests' texts, for people.
    pub tests_text: String,
}

/// What a limit counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// Upstream and tool.
    Tool,
    /// The session.
    Session,
    /// The agent.
    Agent,
    /// The sender that an adapter names.
    SenderId,
    /// The upstream.
    Upstream,
    /// One window for all.
    Global,
    /// Upstream, tool and arguments.
    Call,
}

impl KeyPart {
    /// The name in policies and in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Session => "session",
            Self::Agent => "agent",
            Self::SenderId => "sender_id",
            Self::Upstream => "upstream",
            Self::Global => "global",
            Self::Call => "call",
        }
    }
}

/// A limit.
#[derive(Debug)]
pub struct Limit {
    /// Its identity across reloads.
    pub id: Arc<str>,
    /// What it counts.
    pub kind: LimitKind,
    /// The largest total that passes.
    pub maximum: Amount,
    /// The window's length in milliseconds.
    pub window_ms: i64,
    /// The parts of the key, in order; at least one.
    pub key: Vec<KeyPart>,
    /// Where a `spend` limit finds its amount, with the readable text.
    pub field: Option<(Arc<Path>, Arc<str>)>,
    /// The currency of a `spend` limit.
    pub currency: Option<Arc<str>>,
}

/// Money that calls share, whatever rules decide about them.
#[derive(Debug)]
pub struct Budget {
    /// Its identity across reloads.
    pub id: Arc<str>,
    /// Its name in the file.
    pub name: Arc<str>,
    /// The largest total that passes.
    pub maximum: Amount,
    /// The currency.
    pub currency: Arc<str>,
    /// `Spend` for a sliding window, `Pot` for one per session.
    pub kind: LimitKind,
    /// The window's length in milliseconds; of a `Pot`, how long it is kept after its last charge.
    pub window_ms: i64,
    /// The parts of the key, in order; at least one.
    pub key: Vec<KeyPart>,
    /// What becomes of a call without room.
    pub on_exceed: OnExceed,
    /// What it counts, in file order; at least one.
    pub contributors: Vec<Arc<Contributor>>,
}

/// The calls that a budget counts, and how much each takes.
#[derive(Debug)]
pub struct Contributor {
    /// All of them must hold; nodes of type [`Node::Condition`], on the tool's name or on the arguments.
    pub conditions: Vec<NodeIndex>,
    /// What such a call takes.
    pub price: Price,
}

/// What a call takes from a budget.
#[derive(Debug)]
pub enum Price {
    /// The same for each call.
    Fixed(Amount),
    /// What stands in the arguments, at a path with its readable text.
    Field(Arc<Path>, Arc<str>),
}

/// A rule. What only the shell needs (evidence, approval, feedback) is verified and not kept.
#[derive(Debug)]
pub struct Rule {
    /// Its index in the file.
    pub index: u32,
    /// Its name in the file.
    pub name: Option<String>,
    /// All of them must hold; nodes of type [`Node::Condition`].
    pub conditions: Vec<NodeIndex>,
    /// What it does.
    pub action: Action,
    /// Whether a `deny` is lifted by evidence or requires.
    pub until: bool,
    /// Its limits.
    pub limits: Vec<Arc<Limit>>,
    /// Whether it asks for evidence or for tools that succeeded.
    pub has_requirements: bool,
    /// Whether it only reports.
    pub shadow: bool,
    /// The annotations that its conditions ask about.
    pub hints: Vec<Hint>,
}

impl Rule {
    /// Whether being indeterminate is enough for it to decide.
    #[must_use]
    pub fn decides_unjudged(&self) -> bool {
        matches!(self.action, Action::Deny | Action::DryRun)
    }

    /// Whether it is an `allow` without more, which an indeterminate condition passes over.
    #[must_use]
    pub fn only_allows(&self) -> bool {
        self.action == Action::Allow && !self.has_requirements && self.limits.is_empty()
    }

    /// Whether its limits are demanded when it takes part in a decision: a `deny` that nothing lifts
    /// forwards no call.
    #[must_use]
    pub fn forwards(&self) -> bool {
        self.action != Action::Deny || self.until
    }
}

impl Graph {
    /// Decodes and verifies a graph's JSON text.
    ///
    /// # Errors
    /// [`GraphError`] with the node and what is wrong with it.
    pub fn decode(text: &[u8]) -> Result<Self, GraphError> {
        verify::verify(text)
    }

    /// The condition at a node; none for other nodes.
    #[must_use]
    pub fn condition(&self, node: NodeIndex) -> Option<&Condition> {
        match self.nodes.get(node as usize) {
            Some(Node::Condition(condition)) => Some(condition),
            _ => None,
        }
    }

    /// Whether a condition asks about the session's labels or calls.
    #[must_use]
    pub fn needs_session_facts(&self) -> bool {
        self.nodes.iter().any(|node| {
            matches!(
                node,
                Node::Condition(
                    Condition::Labels(_) | Condition::Called(_) | Condition::NotCalled(_)
                )
            )
        })
    }

    /// The compiled program as text, for people.
    #[must_use]
    pub fn listing(&self) -> String {
        listing::listing(self)
    }
}
