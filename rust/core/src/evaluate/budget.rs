//! Budgets into demands: which of them count a call, and how much it takes. "Budgets" in docs/architecture.md.
//!
//! Above: `evaluate`. Below: `demand`, `judge`. Pure.

use super::Call;
use super::Facts;
use super::demand::Demands;
use super::judge::Judge;
use crate::graph::{Budget, Contributor, Graph, Price};
use crate::number::Amount;
use crate::outcome::{BudgetDemand, BudgetFault, Cause, Decision};
use crate::truth::Truth;

/// Adds to a decision what the call takes from each of the graph's budgets.
pub(super) fn ask<'a>(
    graph: &Graph,
    call: &'a Call<'a>,
    facts: &'a Facts<'a>,
    judge: &mut Judge<'_>,
    decision: &mut Decision,
) {
    let mut demands = Demands::new(call, facts);
    for budget in &graph.budgets {
        match demand_of(budget, &mut demands, judge) {
            Ok(None) => {}
            Ok(Some(demand)) => decision.budgets.push(demand),
            // The first one blocks; the others would say nothing more.
            Err(cause) => {
                let budget = budget.name.clone();
                let fault = || Box::new(BudgetFault { budget, cause });
                decision.budget_fault.get_or_insert_with(fault);
            }
        }
    }
}

/// What a budget counts of the call; none when no contributor may match it.
fn demand_of(
    budget: &Budget,
    demands: &mut Demands<'_>,
    judge: &mut Judge<'_>,
) -> Result<Option<BudgetDemand>, Cause> {
    let mut candidates = candidates(budget, judge).peekable();
    if candidates.peek().is_none() {
        return Ok(None);
    }
    let key = demands.key(&budget.key)?;
    // Of contributors that may or may not match, the dearest counts: doubt never makes a call cheaper.
    let mut dearest: Option<(u32, Amount)> = None;
    for (place, contributor) in candidates {
        let amount = match &contributor.price {
            Price::Fixed(amount) => *amount,
            Price::Field(path, text) => demands.amount(path, text)?,
        };
        if dearest.is_none_or(|(_, known)| amount > known) {
            dearest = Some((place, amount));
        }
    }
    Ok(dearest.map(|(contributor, amount)| BudgetDemand {
        budget: budget.name.clone(),
        id: budget.id.clone(),
        contributor,
        key,
        amount,
        maximum: budget.maximum,
        kind: budget.kind,
        window_ms: budget.window_ms,
        currency: budget.currency.clone(),
        on_exceed: budget.on_exceed,
    }))
}

/// The contributors that may match, with their places: the first true one, and those before it that could not
/// be judged.
fn candidates<'b>(
    budget: &'b Budget,
    judge: &mut Judge<'_>,
) -> impl Iterator<Item = (u32, &'b Contributor)> {
    let mut settled = false;
    (0..)
        .zip(&budget.contributors)
        .filter_map(move |(place, contributor)| {
            if settled {
                return None;
            }
            let truth = judge.all(&contributor.conditions);
            settled = truth == Truth::True;
            (truth != Truth::False).then_some((place, contributor.as_ref()))
        })
}
