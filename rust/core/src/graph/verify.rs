//! Decoded nodes into a verified graph: references backwards and to the right type, patterns compiled.
//!
//! Above: `graph`. Below: `decode`. Pure.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::decode::{
    self, Default, RawEvidence, RawKeyPart, RawLimit, RawNode, RawQuantifier, RawRule, RawTest,
};
use super::readable::readable;
use super::{Condition, Globs, Graph, GraphError, KeyPart, Limit, Node, Rule, Selection};
use crate::compare::{Operator, Quantifier, Test};
use crate::glob::Glob;
use crate::number::Amount;
use crate::outcome::{Action, LimitKind};
use crate::path::Path;
use crate::truth::Truth;

/// The longest window, in milliseconds: its nanoseconds still fit an `i64` (about 285 years).
pub(super) const WINDOW_MS: i64 = 9_000_000_000_000;

/// Decodes and verifies a whole graph.
pub(super) fn verify(text: &[u8]) -> Result<Graph, GraphError> {
    let (document, digest) = decode::decode(text)?;
    let mut nodes = Nodes::default();
    for node in document.nodes() {
        nodes.add(node?)?;
    }
    let rules = nodes.rules(&document.rules)?;
    nodes.check_limits()?;
    let budgets = nodes.budgets(&document.budgets)?;
    Ok(Graph {
        digest,
        default: match document.settings.default {
            Default::Allow => Action::Allow,
            Default::Deny => Action::Deny,
        },
        nodes: nodes.verified,
        rules,
        budgets,
    })
}

/// The nodes verified so far. A reference is looked up among them only, so that it always points backwards.
#[derive(Default)]
pub(super) struct Nodes {
    verified: Vec<Node>,
}

impl Nodes {
    fn add(&mut self, raw: RawNode) -> Result<(), GraphError> {
        let node = self
            .node(raw)
            .map_err(|detail| GraphError::at(self.verified.len(), detail))?;
        self.verified.push(node);
        Ok(())
    }

    fn node(&self, raw: RawNode) -> Result<Node, String> {
        Ok(Node::Condition(match raw {
            RawNode::Glob { pattern } => {
                let glob =
                    Glob::parse(&pattern).map_err(|error| format!("glob `{pattern}`: {error}"))?;
                return Ok(Node::Glob(Arc::new(glob), pattern.into()));
            }
            RawNode::Path { path } => {
                let parsed =
                    Path::parse(&path).map_err(|error| format!("path `{path}`: {error}"))?;
                let text = readable(&parsed.normalized());
                return Ok(Node::Path(Arc::new(parsed), text.into()));
            }
            RawNode::Value { json } => return Ok(Node::Value(json.into())),
            RawNode::Limit(limit) => return Ok(Node::Limit(Arc::new(self.limit(limit)?))),
            RawNode::Rule(rule) => return Ok(Node::Rule(Arc::new(self.rule(*rule)?))),
            RawNode::Contributor {
                conditions,
                path,
                amount,
            } => {
                let contributor = self.contributor(conditions, path, amount)?;
                return Ok(Node::Contributor(Arc::new(contributor)));
            }
            RawNode::Budget(budget) => return Ok(Node::Budget(Arc::new(self.budget(*budget)?))),
            RawNode::Tool { globs } => Condition::Tool(self.globs(&globs)?),
            RawNode::Upstream { globs } => Condition::Upstream(self.globs(&globs)?),
            RawNode::Agent { globs } => Condition::Agent(self.globs(&globs)?),
            RawNode::Annotation { hint, value } => Condition::Annotation(hint, value),
            RawNode::Input {
                path,
                quantifier,
                tests,
            } => Condition::Input(self.selection(path, quantifier, &tests)?),
            RawNode::Metadata {
                path,
                quantifier,
                tests,
            } => Condition::Metadata(self.selection(path, quantifier, &tests)?),
            RawNode::Labels { names } => Condition::Labels(some(names, "names")?),
            RawNode::Called { names } => Condition::Called(some(names, "names")?),
            RawNode::NotCalled { names } => Condition::NotCalled(some(names, "names")?),
            RawNode::Constant { value, text } => Condition::Constant(value, text),
        }))
    }

    pub(super) fn get(&self, reference: u32) -> Result<&Node, String> {
        self.verified
            .get(reference as usize)
            .ok_or_else(|| format!("reference {reference} is not to an earlier node"))
    }

    fn globs(&self, references: &[u32]) -> Result<Globs, String> {
        let globs = references
            .iter()
            .map(|reference| match self.get(*reference)? {
                Node::Glob(glob, pattern) => Ok((glob.clone(), pattern.clone())),
                _ => Err(format!("reference {reference} is not to a glob")),
            });
        some(globs.collect::<Result<_, String>>()?, "globs")
    }

    pub(super) fn path(&self, reference: u32) -> Result<(Arc<Path>, Arc<str>), String> {
        match self.get(reference)? {
            Node::Path(path, text) => Ok((path.clone(), text.clone())),
            _ => Err(format!("reference {reference} is not to a path")),
        }
    }

    fn selection(
        &self,
        path: u32,
        quantifier: RawQuantifier,
        tests: &[RawTest],
    ) -> Result<Selection, String> {
        let node = path;
        let (path, text) = self.path(path)?;
        let mut compiled = Vec::with_capacity(tests.len());
        let mut texts = Vec::with_capacity(tests.len());
        for RawTest { operator, value } in tests {
            let Node::Value(json) = self.get(*value)? else {
                return Err(format!("reference {value} is not to a value"));
            };
            let named: Operator = operator.parse().map_err(|error| format!("{error}"))?;
            let test = Test::new(named, json.as_bytes())
                .map_err(|error| format!("`{operator}` with `{json}`: {error}"))?;
            compiled.push(test);
            texts.push(format!("{operator} {json}"));
        }
        let tests = some(compiled, "tests")?;
        let quantifier = match quantifier {
            RawQuantifier::Some => Quantifier::Some,
            RawQuantifier::Every => Quantifier::Every,
        };
        let absence = match quantifier {
            Quantifier::Some => Truth::all(tests.iter().map(Test::judge_absence)),
            Quantifier::Every => Truth::False,
        };
        let tests_text = texts.join(" and ");
        Ok(Selection {
            node,
            path,
            text,
            quantifier,
            tests,
            absence,
            tests_text,
        })
    }

    fn limit(&self, raw: RawLimit) -> Result<Limit, String> {
        let maximum = Amount::parse(&raw.maximum)
            .map_err(|error| format!("maximum `{}`: {error}", raw.maximum))?;
        let field = raw.path.map(|path| self.path(path)).transpose()?;
        match raw.kind {
            LimitKind::Rate if field.is_some() || raw.currency.is_some() => {
                return Err("a rate limit has neither path nor currency".to_owned());
            }
            LimitKind::Rate if maximum.parts().1 > 0 => {
                return Err(format!(
                    "a rate's maximum is a whole number, not `{}`",
                    raw.maximum
                ));
            }
            LimitKind::Spend if field.is_none() => {
                return Err("a spend limit has a path".to_owned());
            }
            LimitKind::Pot => return Err("a limit is a rate or a spend".to_owned()),
            _ => {}
        }
        if !(1..=WINDOW_MS).contains(&raw.window_ms) {
            return Err(format!("a window of {} ms", raw.window_ms));
        }
        let key = some(raw.key.into_iter().map(KeyPart::from).collect(), "key")?;
        Ok(Limit {
            id: raw.id.into(),
            kind: raw.kind,
            maximum,
            window_ms: raw.window_ms,
            key,
            field,
            currency: raw.currency.map(Arc::from),
        })
    }

    fn rule(&self, raw: RawRule) -> Result<Rule, String> {
        let mut hints = Vec::new();
        for condition in &raw.conditions {
            match self.get(*condition)? {
                Node::Condition(Condition::Annotation(hint, _)) => hints.push(*hint),
                Node::Condition(_) => {}
                _ => return Err(format!("reference {condition} is not to a condition")),
            }
        }
        let limits = raw.limits.iter().map(|limit| match self.get(*limit)? {
            Node::Limit(limit) => Ok(limit.clone()),
            _ => Err(format!("reference {limit} is not to a limit")),
        });
        let limits = limits.collect::<Result<_, String>>()?;
        for RawEvidence { bind, tool } in &raw.evidence {
            for reference in bind.iter().flatten() {
                self.path(*reference)
                    .map_err(|error| format!("evidence `{tool}`: {error}"))?;
            }
        }
        let has_requirements = !raw.evidence.is_empty() || !raw.requires.is_empty();
        if raw.until && !(raw.action == Action::Deny && has_requirements) {
            return Err("`until` stands on a `deny` with evidence or requires".to_owned());
        }
        if !is_digest(&raw.digest) {
            return Err(format!("`{}` is not a digest", raw.digest));
        }
        Ok(Rule {
            index: raw.index,
            name: raw.name,
            conditions: raw.conditions,
            action: raw.action,
            until: raw.until,
            limits,
            has_requirements,
            shadow: raw.shadow,
            hints,
        })
    }

    fn rules(&self, references: &[u32]) -> Result<Vec<Arc<Rule>>, GraphError> {
        let mut rules: Vec<Arc<Rule>> = Vec::with_capacity(references.len());
        for reference in references {
            let rule = match self.get(*reference) {
                Ok(Node::Rule(rule)) => rule,
                Ok(_) => {
                    return Err(GraphError::new(format!(
                        "rules: node {reference} is not a rule"
                    )));
                }
                Err(detail) => return Err(GraphError::new(format!("rules: {detail}"))),
            };
            if rules.last().is_some_and(|last| last.index >= rule.index) {
                let detail = format!("rule index {} is not above the one before", rule.index);
                return Err(GraphError::at(*reference as usize, detail));
            }
            rules.push(rule.clone());
        }
        Ok(rules)
    }

    /// One id has one meaning but for its maximum; otherwise two rules would share a window of two sizes.
    fn check_limits(&self) -> Result<(), GraphError> {
        let mut known: FxHashMap<&str, &Limit> = FxHashMap::default();
        for (place, node) in self.verified.iter().enumerate() {
            let Node::Limit(limit) = node else {
                continue;
            };
            let first = *known.entry(&limit.id).or_insert(limit);
            let meaning = |limit: &Limit| {
                let path = limit.field.as_ref().map(|(_, text)| text.clone());
                (limit.kind, limit.window_ms, path, limit.currency.clone())
            };
            if meaning(first) != meaning(limit) || first.key != limit.key {
                let detail = format!("limit `{}` has another meaning before", limit.id);
                return Err(GraphError::at(place, detail));
            }
        }
        Ok(())
    }
}

impl From<RawKeyPart> for KeyPart {
    fn from(raw: RawKeyPart) -> Self {
        match raw {
            RawKeyPart::Tool => Self::Tool,
            RawKeyPart::Session => Self::Session,
            RawKeyPart::Agent => Self::Agent,
            RawKeyPart::SenderId => Self::SenderId,
            RawKeyPart::Upstream => Self::Upstream,
            RawKeyPart::Global => Self::Global,
            RawKeyPart::Call => Self::Call,
        }
    }
}

/// A list that must not be empty.
pub(super) fn some<T>(list: Vec<T>, name: &str) -> Result<Vec<T>, String> {
    if list.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    Ok(list)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
