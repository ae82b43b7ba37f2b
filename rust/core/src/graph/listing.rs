//! The compiled program as text, for people.
//!
//! Above: `graph`; `evaluate` names conditions by the same text. Below: nothing. Pure.

use std::fmt::Write as _;

use super::{Condition, Globs, Graph, KeyPart, Limit, Rule, Selection};
use crate::compare::Quantifier;
use crate::outcome::LimitKind;

/// Writing to a `String` cannot fail, so that the results of `write!` say nothing.
pub(super) fn listing(graph: &Graph) -> String {
    let mut text = format!(
        "graph {}\n{} rules, {} nodes, default {}\n",
        graph.digest,
        graph.rules.len(),
        graph.nodes.len(),
        graph.default
    );
    for rule in &graph.rules {
        list_rule(graph, rule, &mut text);
    }
    text
}

fn list_rule(graph: &Graph, rule: &Rule, text: &mut String) {
    let _ = write!(text, "\nrule {}", rule.index);
    if let Some(name) = &rule.name {
        let _ = write!(text, " `{name}`");
    }
    let _ = write!(text, ": {}", rule.action);
    if rule.until {
        text.push_str(" until its requirements are met");
    } else if rule.has_requirements {
        text.push_str(" with requirements");
    }
    if rule.shadow {
        text.push_str(", in shadow");
    }
    text.push('\n');
    for node in &rule.conditions {
        if let Some(condition) = graph.condition(*node) {
            let _ = writeln!(text, "  [{node}] {}", condition_text(condition));
        }
    }
    for limit in &rule.limits {
        let _ = writeln!(text, "  {}", limit_text(limit));
    }
}

fn limit_text(limit: &Limit) -> String {
    let key: Vec<&str> = limit.key.iter().copied().map(KeyPart::as_str).collect();
    let (key, maximum, window_ms, id) = (key.join("+"), limit.maximum, limit.window_ms, &limit.id);
    let what = match (limit.kind, &limit.field) {
        (LimitKind::Spend, Some((_, field))) => {
            let currency = limit.currency.as_deref().unwrap_or_default();
            format!("{maximum} {currency} of {field}")
        }
        _ => format!("{maximum} calls"),
    };
    format!("at most {what} in {window_ms} ms by {key} ({id})")
}

/// A condition in one line, such as `input $.amount gt 1000`.
#[must_use]
pub fn condition_text(condition: &Condition) -> String {
    match condition {
        Condition::Tool(globs) => format!("tool {}", globs_text(globs)),
        Condition::Upstream(globs) => format!("upstream {}", globs_text(globs)),
        Condition::Agent(globs) => format!("agent {}", globs_text(globs)),
        Condition::Annotation(hint, value) => format!("annotation {} {value}", hint.as_str()),
        Condition::Input(selection) => format!("input {}", selection_text(selection)),
        Condition::Metadata(selection) => format!("metadata {}", selection_text(selection)),
        Condition::Labels(names) => format!("session labels {}", names.join(", ")),
        Condition::Called(names) => format!("session called {}", names.join(", ")),
        Condition::NotCalled(names) => format!("session not_called {}", names.join(", ")),
        Condition::Constant(value, text) => format!("{text} ({value})"),
    }
}

fn globs_text(globs: &Globs) -> String {
    let patterns: Vec<&str> = globs.iter().map(|(_, pattern)| pattern.as_ref()).collect();
    patterns.join(", ")
}

fn selection_text(selection: &Selection) -> String {
    let every = match selection.quantifier {
        Quantifier::Some => "",
        Quantifier::Every => "every ",
    };
    format!("{every}{} {}", selection.text, selection.tests_text)
}
