//! What windows need to know of a demand, whether a limit or a budget makes it.
//!
//! Above: `window`. Below: `outcome`. Pure.

use std::sync::Arc;

use crate::number::Amount;
use crate::outcome::{BudgetDemand, Demand, LimitKind};

/// Room that is asked for in one window.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The limit's or the budget's identity.
    pub limit: &'a Arc<str>,
    /// Which of its windows.
    pub key: &'a Arc<str>,
    /// What is counted.
    pub kind: LimitKind,
    /// How much.
    pub amount: Amount,
    /// The largest total that passes.
    pub maximum: Amount,
    /// The window's length in milliseconds; of a pot, how long it is kept after its last charge.
    pub window_ms: i64,
    /// Whether a lack of room blocks.
    pub enforced: bool,
}

/// What claims room in a window.
pub trait Claims: Clone {
    /// The claim.
    fn claim(&self) -> Claim<'_>;
}

impl Claims for Demand {
    fn claim(&self) -> Claim<'_> {
        Claim {
            limit: &self.limit,
            key: &self.key,
            kind: self.kind,
            amount: self.amount,
            maximum: self.maximum,
            window_ms: self.window_ms,
            enforced: self.enforced,
        }
    }
}

impl Claims for BudgetDemand {
    fn claim(&self) -> Claim<'_> {
        Claim {
            limit: &self.id,
            key: &self.key,
            kind: self.kind,
            amount: self.amount,
            maximum: self.maximum,
            window_ms: self.window_ms,
            enforced: true,
        }
    }
}
