//! `Decision`, `Demand` and `BudgetDemand`: what the rules and the budgets say, as Python sees it. Above: Python.
//! Below: `outcome`.

use helio_core::hint::Hint;
use helio_core::outcome::{
    Action, BudgetDemand as CoreBudgetDemand, Cause, Decision as CoreDecision,
    Demand as CoreDemand, Fault as CoreFault, LimitKind,
};
use pyo3::prelude::*;

/// One limit that a call must have room in.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Demand {
    pub(crate) demand: CoreDemand,
}

#[pymethods]
impl Demand {
    #[getter]
    fn limit(&self) -> &str {
        &self.demand.limit
    }

    #[getter]
    fn rule(&self) -> u32 {
        self.demand.rule
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.demand.kind.as_str()
    }

    #[getter]
    fn key(&self) -> &str {
        &self.demand.key
    }

    #[getter]
    fn amount(&self) -> String {
        self.demand.amount.to_string()
    }

    #[getter]
    fn maximum(&self) -> String {
        self.demand.maximum.to_string()
    }

    #[getter]
    fn window_ms(&self) -> i64 {
        self.demand.window_ms
    }

    #[getter]
    fn currency(&self) -> Option<&str> {
        self.demand.currency.as_deref()
    }

    #[getter]
    fn enforced(&self) -> bool {
        self.demand.enforced
    }

    fn __repr__(&self) -> String {
        let CoreDemand {
            limit,
            key,
            amount,
            maximum,
            ..
        } = &self.demand;
        format!("<Demand {amount} of {maximum} in {limit:?} at {key:?}>")
    }
}

/// What a call takes from one budget.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct BudgetDemand {
    pub(crate) demand: CoreBudgetDemand,
}

#[pymethods]
impl BudgetDemand {
    #[getter]
    fn budget(&self) -> &str {
        &self.demand.budget
    }

    #[getter]
    fn id(&self) -> &str {
        &self.demand.id
    }

    #[getter]
    fn contributor(&self) -> u32 {
        self.demand.contributor
    }

    #[getter]
    fn key(&self) -> &str {
        &self.demand.key
    }

    #[getter]
    fn amount(&self) -> String {
        self.demand.amount.to_string()
    }

    #[getter]
    fn limit(&self) -> String {
        self.demand.maximum.to_string()
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.demand.kind.as_str()
    }

    #[getter]
    fn window_ms(&self) -> Option<i64> {
        (self.demand.kind != LimitKind::Pot).then_some(self.demand.window_ms)
    }

    #[getter]
    fn currency(&self) -> &str {
        &self.demand.currency
    }

    #[getter]
    fn on_exceed(&self) -> &'static str {
        self.demand.on_exceed.as_str()
    }

    fn __repr__(&self) -> String {
        let CoreBudgetDemand {
            id,
            key,
            amount,
            maximum,
            ..
        } = &self.demand;
        format!("<BudgetDemand {amount} of {maximum} in {id:?} at {key:?}>")
    }
}

/// `(reason, rule, what, found)`.
type Fault = (&'static str, u32, String, String);

fn fault(fault: &CoreFault) -> Fault {
    let (reason, what, found) = cause(&fault.cause);
    (reason, fault.rule, what, found)
}

fn cause(cause: &Cause) -> (&'static str, String, String) {
    match cause {
        Cause::InvalidAmount { field, found } => {
            ("invalid_amount", field.to_string(), found.clone())
        }
        Cause::SessionUnresolved { key } => {
            ("session_unresolved", (*key).to_owned(), String::new())
        }
    }
}

/// What the rules say of one call.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Decision {
    /// On the heap, lest it be copied at each step from the core to Python.
    pub(crate) decision: Box<CoreDecision>,
    panicked: Option<String>,
}

impl Decision {
    pub(crate) fn of(decided: Result<Box<CoreDecision>, String>) -> Self {
        match decided {
            Ok(decision) => Self {
                decision,
                panicked: None,
            },
            // What could not be decided is denied.
            Err(panic) => Self {
                decision: Box::new(CoreDecision::plain(None, Action::Deny)),
                panicked: Some(panic),
            },
        }
    }
}

#[pymethods]
impl Decision {
    #[getter]
    fn rule(&self) -> i64 {
        self.decision.rule.map_or(-1, i64::from)
    }

    #[getter]
    fn action(&self) -> &'static str {
        self.decision.action.as_str()
    }

    #[getter]
    fn restricting(&self) -> Vec<u32> {
        self.decision.restricting.clone()
    }

    #[getter]
    fn indeterminate(&self) -> Vec<(u32, &str, &str)> {
        let each = self.decision.indeterminate.iter();
        each.map(|one| (one.rule, one.condition.as_str(), one.detail.as_str()))
            .collect()
    }

    #[getter]
    fn shadow(&self) -> Vec<(u32, &'static str)> {
        let each = self.decision.shadow.iter();
        each.map(|(rule, action)| (*rule, action.as_str()))
            .collect()
    }

    #[getter]
    fn assumed_hints(&self) -> Vec<&'static str> {
        self.decision
            .assumed_hints
            .iter()
            .copied()
            .map(Hint::as_str)
            .collect()
    }

    #[getter]
    fn demands(&self) -> Vec<Demand> {
        let each = self.decision.demands.iter();
        each.map(|demand| Demand {
            demand: demand.clone(),
        })
        .collect()
    }

    #[getter]
    fn has_demands(&self) -> bool {
        !self.decision.demands.is_empty()
    }

    #[getter]
    fn fault(&self) -> Option<Fault> {
        self.decision.fault.as_ref().map(fault)
    }

    #[getter]
    fn shadow_faults(&self) -> Vec<Fault> {
        self.decision.shadow_faults.iter().map(fault).collect()
    }

    #[getter]
    fn budgets(&self) -> Vec<BudgetDemand> {
        let each = self.decision.budgets.iter();
        each.map(|demand| BudgetDemand {
            demand: demand.clone(),
        })
        .collect()
    }

    #[getter]
    fn has_budgets(&self) -> bool {
        !self.decision.budgets.is_empty()
    }

    #[getter]
    fn budget_fault(&self) -> Option<(&'static str, &str, String, String)> {
        let fault = self.decision.budget_fault.as_ref()?;
        let (reason, what, found) = cause(&fault.cause);
        Some((reason, &fault.budget, what, found))
    }

    #[getter]
    fn panicked(&self) -> Option<&str> {
        self.panicked.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("<Decision {} by rule {}>", self.action(), self.rule())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panicked_is_denied() {
        let decision = Decision::of(crate::panic::caught(|| panic!("broken")));
        assert_eq!(decision.action(), "deny");
        assert_eq!(decision.rule(), -1);
        assert_eq!(decision.panicked(), Some("broken"));
        assert!(!decision.has_demands());
    }
}
