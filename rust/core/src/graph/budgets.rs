//! Decoded budgets into verified ones.
//!
//! Above: `verify`. Below: `decode`. Pure.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::decode::RawBudget;
use super::verify::{Nodes, WINDOW_MS, some};
use super::{Budget, Condition, Contributor, GraphError, KeyPart, Node, Price};
use crate::number::Amount;
use crate::outcome::LimitKind;

impl Nodes {
    pub(super) fn contributor(
        &self,
        conditions: Vec<u32>,
        path: Option<u32>,
        amount: Option<String>,
    ) -> Result<Contributor, String> {
        for reference in &conditions {
            match self.get(*reference)? {
                Node::Condition(Condition::Tool(_) | Condition::Input(_)) => {}
                _ => {
                    let detail = "is not to a condition on the tool's name or on the arguments";
                    return Err(format!("reference {reference} {detail}"));
                }
            }
        }
        let conditions = some(conditions, "conditions")?;
        let price = match (path, amount) {
            (Some(path), None) => {
                let (path, text) = self.path(path)?;
                Price::Field(path, text)
            }
            (None, Some(text)) => Price::Fixed(amount_of("amount", &text)?),
            _ => return Err("a contributor has either a path or an amount".to_owned()),
        };
        Ok(Contributor { conditions, price })
    }

    pub(super) fn budget(&self, raw: RawBudget) -> Result<Budget, String> {
        let (kind, window_ms) = match (raw.window_ms, raw.idle_ttl_ms) {
            (Some(window_ms), None) => (LimitKind::Spend, window_ms),
            (None, Some(idle_ttl_ms)) => (LimitKind::Pot, idle_ttl_ms),
            _ => return Err("a budget has either a window or an idle time".to_owned()),
        };
        if !(1..=WINDOW_MS).contains(&window_ms) {
            return Err(format!("a window of {window_ms} ms"));
        }
        let contributors = raw
            .contributors
            .iter()
            .map(|reference| match self.get(*reference)? {
                Node::Contributor(contributor) => Ok(contributor.clone()),
                _ => Err(format!("reference {reference} is not to a contributor")),
            });
        let contributors = contributors.collect::<Result<_, String>>()?;
        let key = raw.key.into_iter().map(KeyPart::from).collect();
        Ok(Budget {
            maximum: amount_of("maximum", &raw.maximum)?,
            id: raw.id.into(),
            name: raw.name.into(),
            currency: raw.currency.into(),
            kind,
            window_ms,
            key: some(key, "key")?,
            on_exceed: raw.on_exceed,
            contributors: some(contributors, "contributors")?,
        })
    }

    /// The budgets by reference. Names and ids are told apart, lest two budgets share a pot.
    pub(super) fn budgets(&self, references: &[u32]) -> Result<Vec<Arc<Budget>>, GraphError> {
        let mut budgets = Vec::with_capacity(references.len());
        let (mut names, mut ids) = (FxHashSet::default(), FxHashSet::default());
        for reference in references {
            let budget = match self.get(*reference) {
                Ok(Node::Budget(budget)) => budget,
                Ok(_) => {
                    let detail = format!("budgets: node {reference} is not a budget");
                    return Err(GraphError::new(detail));
                }
                Err(detail) => return Err(GraphError::new(format!("budgets: {detail}"))),
            };
            if !names.insert(&budget.name) || !ids.insert(&budget.id) {
                let detail = format!("budget `{}` stands there before", budget.name);
                return Err(GraphError::at(*reference as usize, detail));
            }
            budgets.push(budget.clone());
        }
        Ok(budgets)
    }
}

fn amount_of(what: &str, text: &str) -> Result<Amount, String> {
    Amount::parse(text).map_err(|error| format!("{what} `{text}`: {error}"))
}
