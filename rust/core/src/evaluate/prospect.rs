//! What the rules leave possible for a tool before there is a call: for lists that leave out what is denied.
//!
//! Above: the binding. Below: `index`, `graph`. Pure. It errs on one side: that a call may be allowed is said too
//! often, that none may only where it is so.

use super::{Evaluator, any_matches};
use crate::graph::{Condition, Graph, Rule};
use crate::hint::Annotations;
use crate::outcome::Action;
use crate::truth::Truth;

/// Who may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Whoever comes.
    #[default]
    Anyone,
    /// An agent whose id is not known.
    Unnamed,
    /// An agent by its id.
    Named(&'a str),
}

/// What all calls of a tool have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prospect<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// The upstream's name.
    pub upstream: &'a str,
    /// The tool's annotations; none when they are yet to be found out.
    pub annotations: Option<Annotations>,
    /// Who calls.
    pub caller: Caller<'a>,
}

impl Evaluator {
    /// Whether a call might be forwarded, rehearsed or put before a person, whatever its arguments, its session
    /// and its metadata are. Limits are taken to have room, and requirements to be met.
    #[must_use]
    pub fn may_allow(&self, prospect: &Prospect<'_>) -> bool {
        for position in self.index.naming(prospect.tool) {
            let Some(rule) = self.graph.rules.get(position as usize) else {
                continue;
            };
            let outlook = Outlook::of(&self.graph, rule, prospect);
            if rule.shadow || outlook.at_best == Truth::False {
                continue;
            }
            let decides = outlook.at_best == Truth::True || rule.decides_unjudged();
            if rule.forwards() && decides {
                return true;
            }
            if !rule.forwards() && !outlook.open {
                return false;
            }
        }
        self.graph.default != Action::Deny
    }
}

/// What a rule may come to.
struct Outlook {
    /// The `and` of what is known already.
    at_best: Truth,
    /// Whether a call could still make it false.
    open: bool,
}

impl Outlook {
    fn of(graph: &Graph, rule: &Rule, prospect: &Prospect<'_>) -> Self {
        let mut outlook = Self {
            at_best: Truth::True,
            open: false,
        };
        for node in &rule.conditions {
            match graph
                .condition(*node)
                .and_then(|condition| foresee(condition, prospect))
            {
                Some(truth) => outlook.at_best = outlook.at_best.and(truth),
                None => outlook.open = true,
            }
        }
        outlook
    }
}

/// The truth of a condition for all calls; none when it depends on the call.
fn foresee(condition: &Condition, prospect: &Prospect<'_>) -> Option<Truth> {
    match condition {
        Condition::Tool(globs) => Some(any_matches(globs, prospect.tool).into()),
        Condition::Upstream(globs) => Some(any_matches(globs, prospect.upstream).into()),
        Condition::Agent(globs) => match prospect.caller {
            Caller::Anyone => None,
            Caller::Unnamed => Some(Truth::Indeterminate),
            Caller::Named(agent) => Some(any_matches(globs, agent).into()),
        },
        Condition::Annotation(hint, value) => prospect
            .annotations
            .map(|annotations| (annotations.effective(*hint) == *value).into()),
        Condition::Constant(value, _) => Some((*value).into()),
        Condition::Input(_)
        | Condition::Metadata(_)
        | Condition::Labels(_)
        | Condition::Called(_)
        | Condition::NotCalled(_) => None,
    }
}
