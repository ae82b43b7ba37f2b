//! The text of a graph into plain data, and its digest.
//!
//! Above: `verify`. Below: `json`, serde. Pure. Each node is decoded on its own, so that an error names it.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{GRAPH_BUDGETS, GRAPH_BYTES, GRAPH_NODES, GRAPH_RULES, GraphError};
use crate::hint::Hint;
use crate::json::{self, Kind, Tape, Value};
use crate::outcome::{Action, LimitKind, OnExceed};

/// The format's version, the value of `helio_graph`.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<'a> {
    helio_graph: u32,
    pub(super) settings: Settings,
    #[serde(borrow)]
    nodes: Vec<&'a RawValue>,
    pub(super) rules: Vec<u32>,
    /// Not there where a policy has none.
    #[serde(default)]
    pub(super) budgets: Vec<u32>,
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    files: Vec<String>,
    spans: Vec<[u32; 5]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Default {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FlagDestructive {
    Off,
    Log,
    RequireApproval,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnToolDrift {
    Block,
    RequireApproval,
    Log,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BlockedAs {
    ToolResult,
    Error,
}

/// The evaluator uses the default; the rest is the shell's, and only its form is checked here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) default: Default,
    #[serde(rename = "flag_destructive")]
    _flag_destructive: FlagDestructive,
    #[serde(rename = "on_tool_drift")]
    _on_tool_drift: OnToolDrift,
    #[serde(rename = "unknown_tools")]
    _unknown_tools: Default,
    #[serde(rename = "dry_run")]
    _dry_run: bool,
    #[serde(rename = "shadow")]
    _shadow: bool,
    #[serde(rename = "blocked_as")]
    _blocked_as: BlockedAs,
    #[serde(rename = "environment", deserialize_with = "present")]
    _environment: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "node", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawNode {
    Glob {
        pattern: String,
    },
    Path {
        path: String,
    },
    Value {
        json: String,
    },
    Tool {
        globs: Vec<u32>,
    },
    Upstream {
        globs: Vec<u32>,
    },
    Agent {
        globs: Vec<u32>,
    },
    Annotation {
        hint: Hint,
        value: bool,
    },
    Input {
        path: u32,
        quantifier: RawQuantifier,
        tests: Vec<RawTest>,
    },
    Metadata {
        path: u32,
        quantifier: RawQuantifier,
        tests: Vec<RawTest>,
    },
    Labels {
        names: Vec<String>,
    },
    Called {
        names: Vec<String>,
    },
    NotCalled {
        names: Vec<String>,
    },
    Constant {
        value: bool,
        text: String,
    },
    Limit(RawLimit),
    Rule(Box<RawRule>),
    Contributor {
        conditions: Vec<u32>,
        path: Option<u32>,
        amount: Option<String>,
    },
    Budget(Box<RawBudget>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawQuantifier {
    Some,
    Every,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTest {
    pub(super) operator: String,
    pub(super) value: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimit {
    pub(super) id: String,
    pub(super) kind: LimitKind,
    pub(super) maximum: String,
    pub(super) window_ms: i64,
    pub(super) key: Vec<RawKeyPart>,
    pub(super) path: Option<u32>,
    pub(super) currency: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKeyPart {
    Tool,
    Session,
    Agent,
    SenderId,
    Upstream,
    Global,
    Call,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvidence {
    pub(super) tool: String,
    pub(super) bind: Vec<[u32; 2]>,
}

/// The content of an object that only the shell reads.
type Opaque = std::collections::BTreeMap<String, IgnoredAny>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) index: u32,
    #[serde(deserialize_with = "present")]
    pub(super) name: Option<String>,
    pub(super) conditions: Vec<u32>,
    pub(super) action: Action,
    pub(super) until: bool,
    pub(super) limits: Vec<u32>,
    pub(super) evidence: Vec<RawEvidence>,
    pub(super) requires: Vec<String>,
    #[serde(rename = "requires_success")]
    _requires_success: bool,
    #[serde(rename = "labels")]
    _labels: Vec<String>,
    #[serde(rename = "approval", deserialize_with = "present")]
    _approval: Option<Opaque>,
    #[serde(rename = "feedback", deserialize_with = "present")]
    _feedback: Option<Opaque>,
    pub(super) shadow: bool,
    pub(super) digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) maximum: String,
    pub(super) currency: String,
    #[serde(deserialize_with = "present")]
    pub(super) window_ms: Option<i64>,
    #[serde(deserialize_with = "present")]
    pub(super) idle_ttl_ms: Option<i64>,
    pub(super) key: Vec<RawKeyPart>,
    pub(super) on_exceed: OnExceed,
    #[serde(rename = "approval", deserialize_with = "present")]
    _approval: Option<Opaque>,
    pub(super) contributors: Vec<u32>,
}

/// An optional value whose key must stand there all the same.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

impl Document<'_> {
    /// The nodes in order, each decoded; the first one that cannot be ends the iteration with its error.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Result<RawNode, GraphError>> {
        self.nodes.iter().enumerate().map(|(place, node)| {
            // Serde would take the fields in order from an array, too.
            if !node.get().starts_with('{') {
                return Err(GraphError::at(place, "a node is an object"));
            }
            serde_json::from_str(node.get()).map_err(|error| GraphError::at(place, error))
        })
    }

    fn check(&self) -> Result<(), GraphError> {
        if self.helio_graph != VERSION {
            let found = self.helio_graph;
            return Err(GraphError::new(format!(
                "graph version {found}, this is {VERSION}"
            )));
        }
        if self.nodes.len() > GRAPH_NODES {
            return Err(GraphError::new(format!("more than {GRAPH_NODES} nodes")));
        }
        if self.rules.len() > GRAPH_RULES {
            return Err(GraphError::new(format!("more than {GRAPH_RULES} rules")));
        }
        if self.budgets.len() > GRAPH_BUDGETS {
            return Err(GraphError::new(format!(
                "more than {GRAPH_BUDGETS} budgets"
            )));
        }
        let Some(source) = &self.source else {
            return Ok(());
        };
        if source.spans.len() != self.nodes.len() {
            let (spans, nodes) = (source.spans.len(), self.nodes.len());
            return Err(GraphError::new(format!("{spans} spans for {nodes} nodes")));
        }
        let unknown = source
            .spans
            .iter()
            .find(|[file, ..]| *file as usize >= source.files.len());
        match unknown {
            Some([file, ..]) => Err(GraphError::new(format!("a span in unknown file {file}"))),
            None => Ok(()),
        }
    }
}

/// Decodes the text as far as it goes without looking at references; with its digest.
pub(super) fn decode(text: &[u8]) -> Result<(Document<'_>, String), GraphError> {
    // The strict reader refuses what serde would quietly resolve, duplicate keys above all.
    let tape = strict(text)?;
    let document: Document<'_> =
        serde_json::from_slice(text).map_err(|error| GraphError::new(error.to_string()))?;
    document.check()?;
    Ok((document, digest_of(&tape, text)))
}

/// Reads an object that is not too long.
fn strict(text: &[u8]) -> Result<Tape, GraphError> {
    if text.len() > GRAPH_BYTES {
        return Err(GraphError::new(format!("more than {GRAPH_BYTES} bytes")));
    }
    let tape = Tape::parse(text).map_err(|error| GraphError::new(error.to_string()))?;
    if tape.root(text).kind() != Kind::Object {
        return Err(GraphError::new("a graph is an object"));
    }
    Ok(tape)
}

/// The digest of a graph's text: `sha256:` and 64 hex digits over its canonical form without `source`.
///
/// # Errors
/// When the text is not a JSON object, or too long.
pub fn digest(text: &[u8]) -> Result<String, GraphError> {
    Ok(digest_of(&strict(text)?, text))
}

fn digest_of(tape: &Tape, text: &[u8]) -> String {
    let root = tape.root(text);
    let mut members: Vec<_> = root.members().filter(|(key, _)| key != "source").collect();
    members.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut canonical = Vec::with_capacity(text.len());
    canonical.push(b'{');
    for (place, (key, value)) in members.iter().enumerate() {
        if place > 0 {
            canonical.push(b',');
        }
        json::write_string(key, &mut canonical);
        canonical.push(b':');
        json::canonical(Value::clone(value), &mut canonical);
    }
    canonical.push(b'}');
    let hex: String = Sha256::digest(&canonical)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
