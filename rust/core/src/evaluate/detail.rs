//! Why a condition could not be judged, for people.
//!
//! Above: `walk`. Below: `judge`, `graph`. Pure.

use std::ops::ControlFlow;

use super::demand::found;
use super::judge::judge;
use super::{Call, Facts};
use crate::graph::{Condition, Graph, Rule, Selection, condition_text};
use crate::json::Value;
use crate::outcome::Unjudged;
use crate::truth::Truth;

/// The conditions of a rule that could not be judged.
pub(super) fn unjudged<'a>(
    graph: &'a Graph,
    rule: &'a Rule,
    call: &'a Call<'a>,
    facts: &'a Facts<'a>,
) -> impl Iterator<Item = Unjudged> + 'a {
    let conditions = rule.conditions.iter();
    let conditions = conditions.filter_map(|node| graph.condition(*node));
    conditions
        .filter(|condition| judge(condition, call, facts) == Truth::Indeterminate)
        .map(|condition| Unjudged {
            rule: rule.index,
            condition: condition_text(condition),
            detail: detail(condition, call, facts),
        })
}

fn detail(condition: &Condition, call: &Call<'_>, facts: &Facts<'_>) -> String {
    match condition {
        Condition::Input(selection) => selected(selection, Some(call.arguments)),
        Condition::Metadata(selection) => selected(selection, facts.metadata),
        Condition::Agent(_) => "the agent is unknown".to_owned(),
        // Nothing else is ever indeterminate.
        _ => "the session is unknown".to_owned(),
    }
}

fn selected(selection: &Selection, root: Option<Value<'_>>) -> String {
    let mut count = 0_usize;
    let mut first = None;
    if let Some(root) = root {
        let _ = selection.path.visit(root, &mut |value| {
            count += 1;
            first.get_or_insert(value);
            ControlFlow::Continue(())
        });
    }
    match first {
        None => "nothing is there".to_owned(),
        Some(value) if count == 1 => format!("found {}", found(value)),
        Some(_) => format!("found {count} values, not all of which can be judged"),
    }
}
