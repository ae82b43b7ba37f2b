//! The compiled program as text, for people.
//!
//! Above: `graph`; `evaluate` names conditions by the same text. Below: nothing. Pure.

use std::fmt::Write as _;

use super::{Budget, Condition, Globs, Graph, KeyPart, Limit, Price, Rule, Selection};
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
    for budget in &graph.budgets {
        list_budget(graph, budget, &mut text);
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

fn list_budget(graph: &Graph, budget: &Budget, text: &mut String) {
    let Budget {
        name,
        maximum,
        currency,
        window_ms,
        id,
        ..
    } = budget;
    let window = match budget.kind {
        LimitKind::Pot => format!("until {window_ms} ms without a charge"),
        _ => format!("in {window_ms} ms"),
    };
    let (key, action) = (key_text(&budget.key), budget.on_exceed.as_str());
    let _ = writeln!(
        text,
        "\nbudget `{name}`: at most {maximum} {currency} {window} by {key}, else {action} ({id})"
    );
    for contributor in &budget.contributors {
        let conditions = contributor.conditions.iter();
        let conditions = conditions.filter_map(|node| graph.condition(*node));
        let conditions: Vec<String> = conditions.map(condition_text).collect();
        let price = match &contributor.price {
            Price::Fixed(amount) => amount.to_string(),
            Price::Field(_, field) => field.to_string(),
        };
        let _ = writeln!(text, "  {price} where {}", conditions.join(" and "));
    }
}

fn key_text(key: &[KeyPart]) -> String {
    let parts: Vec<&str> = key.iter().copied().map(KeyPart::as_str).collect();
    parts.join("+")
}

fn limit_text(limit: &Limit) -> String {
    let (maximum, window_ms, id) = (limit.maximum, limit.window_ms, &limit.id);
    let key = key_text(&limit.key);
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
