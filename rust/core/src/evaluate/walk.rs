//! What a rule's truth does to the decision: the table of "The three values" in docs/architecture.md.
//!
//! Above: `evaluate`. Below: `demand`, `detail`, `outcome`. Pure.

use super::demand::Demands;
use super::detail::unjudged;
use super::{Call, Facts};
use crate::graph::{Graph, Rule};
use crate::hint::Hint;
use crate::outcome::{Action, Decision, Fault};
use crate::truth::Truth;

/// One walk over the rules; it gathers the decision.
pub(super) struct Walk<'a> {
    graph: &'a Graph,
    call: &'a Call<'a>,
    facts: &'a Facts<'a>,
    demands: Demands<'a>,
    decision: Decision,
    forwards: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(graph: &'a Graph, call: &'a Call<'a>, facts: &'a Facts<'a>) -> Self {
        Self {
            graph,
            call,
            facts,
            demands: Demands::new(call, facts),
            decision: Decision::plain(None, graph.default),
            forwards: graph.default != Action::Deny,
        }
    }

    /// Takes in the next rule that may matter; says whether it decides. Rules come in file order.
    pub(super) fn visit(&mut self, rule: &Rule, truth: Truth) -> bool {
        if truth == Truth::False {
            return false;
        }
        if truth == Truth::Indeterminate {
            let reports = unjudged(self.graph, rule, self.call, self.facts);
            self.decision.indeterminate.extend(reports);
        }
        if rule.shadow {
            self.decision.shadow.push((rule.index, rule.action));
            self.demand(rule, false);
            return false;
        }
        if truth == Truth::True || rule.decides_unjudged() {
            self.decision.rule = Some(rule.index);
            self.decision.action = rule.action;
            self.forwards = rule.forwards();
            self.apply(rule);
            return true;
        }
        if !rule.only_allows() {
            self.decision.restricting.push(rule.index);
            self.apply(rule);
        }
        false
    }

    /// Whether what decided may forward the call.
    pub(super) fn forwards(&self) -> bool {
        self.forwards
    }

    pub(super) fn finish(self) -> Decision {
        self.decision
    }

    fn apply(&mut self, rule: &Rule) {
        if !rule.hints.is_empty() {
            self.assume(rule);
        }
        self.demand(rule, true);
    }

    /// Notes the defaults that the rule's conditions used: all of them were judged, and none was false.
    fn assume(&mut self, rule: &Rule) {
        let annotations = self.facts.annotations;
        let so_far = std::mem::take(&mut self.decision.assumed_hints);
        let assumed = |hint: &Hint| {
            so_far.contains(hint) || (rule.hints.contains(hint) && annotations.is_assumed(*hint))
        };
        self.decision.assumed_hints = Hint::ALL.into_iter().filter(assumed).collect();
    }

    fn demand(&mut self, rule: &Rule, enforced: bool) {
        if !rule.forwards() {
            return;
        }
        for limit in &rule.limits {
            let demand = self.demands.of(limit, rule.index, enforced);
            match demand.map_err(|cause| Fault::new(rule.index, cause)) {
                Ok(demand) => self.decision.demands.push(demand),
                Err(fault) if !enforced => self.decision.shadow_faults.push(fault),
                // The first one blocks; the others would say nothing more.
                Err(fault) => {
                    self.decision.fault.get_or_insert(fault);
                }
            }
        }
    }
}
