//! What a decision is made of: actions, demands on limits, faults, what could not be judged.
//!
//! Above: `evaluate` fills these in, `window` counts demands, the binding shows them. Below: `hint`, `number`. Pure
//! data; "What a decision reports" in docs/architecture.md says what each field means.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hint::Hint;
use crate::number::Amount;

/// What a rule does with a call that it matches, and what the default does with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The call goes on.
    Allow,
    /// The call is blocked.
    Deny,
    /// A person is asked.
    RequireApproval,
    /// The call goes on while the rule's limits have room.
    RateLimit,
    /// The call goes on while the rule's limits have room.
    SpendLimit,
    /// The call is answered with what would have happened.
    DryRun,
}

impl Action {
    /// The name in policies and in the rule graph.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
            Self::RateLimit => "rate_limit",
            Self::SpendLimit => "spend_limit",
            Self::DryRun => "dry_run",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Calls.
    Rate,
    /// Amounts of money in a sliding window.
    Spend,
    /// Amounts of money that stay together until nothing was charged for some time.
    Pot,
}

impl LimitKind {
    /// The name in the rule graph and in snapshots.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Spend => "spend",
            Self::Pot => "pot",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "rate" => Some(Self::Rate),
            "spend" => Some(Self::Spend),
            "pot" => Some(Self::Pot),
            _ => None,
        }
    }
}

/// One limit that a call must have room in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The limit's identity across reloads.
    pub limit: Arc<str>,
    /// The index in the file of the rule that carries the limit.
    pub rule: u32,
    /// What is counted.
    pub kind: LimitKind,
    /// Which of the limit's windows: the key's parts as text.
    pub key: Arc<str>,
    /// What the call adds: 1 for `rate`.
    pub amount: Amount,
    /// The largest total that passes.
    pub maximum: Amount,
    /// The window's length in milliseconds.
    pub window_ms: i64,
    /// The currency of a `spend` limit.
    pub currency: Option<Arc<str>>,
    /// Whether a lack of room blocks; false for shadow rules.
    pub enforced: bool,
}

/// What becomes of a call for which a budget has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExceed {
    /// It is blocked.
    Deny,
    /// A person is asked.
    RequireApproval,
}

impl OnExceed {
    /// The name in policies and in the rule graph.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
        }
    }
}

/// What a call takes from one budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetDemand {
    /// The budget's name.
    pub budget: Arc<str>,
    /// The budget's identity across reloads.
    pub id: Arc<str>,
    /// The place in the budget of the contributor that says how much.
    pub contributor: u32,
    /// Which of the budget's pots: the key's parts as text.
    pub key: Arc<str>,
    /// What the call takes.
    pub amount: Amount,
    /// The largest total that passes.
    pub maximum: Amount,
    /// `Spend` for a sliding window, `Pot` for one per session.
    pub kind: LimitKind,
    /// The window's length in milliseconds; of a `Pot`, how long it is kept after its last charge.
    pub window_ms: i64,
    /// The currency.
    pub currency: Arc<str>,
    /// What becomes of the call without room.
    pub on_exceed: OnExceed,
}

/// Why an amount or a key could not be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The amount is not there, not a single one, or not an amount.
    InvalidAmount {
        /// Where the amount was looked for, as readable JSONPath.
        field: Arc<str>,
        /// What was there instead, at most 80 characters.
        found: String,
    },
    /// Who or what the key asks for is unknown.
    SessionUnresolved {
        /// The part of the key: `session`, `agent` or `sender_id`.
        key: &'static str,
    },
}

/// Why a limit's demand could not be computed. A call whose enforced demands cannot be computed is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule's index in the file.
    pub rule: u32,
    /// What was missing.
    pub cause: Cause,
}

impl Fault {
    /// Of a limit of the rule at `rule` in the file.
    #[must_use]
    pub fn new(rule: u32, cause: Cause) -> Self {
        Self { rule, cause }
    }
}

/// Why a budget's demand could not be computed. Such a call is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetFault {
    /// The budget's name.
    pub budget: Arc<str>,
    /// What was missing.
    pub cause: Cause,
}

/// A condition that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// The rule's index in the file.
    pub rule: u32,
    /// The condition, as the listing writes it.
    pub condition: String,
    /// Why, for people.
    pub detail: String,
}

/// What the rules say of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The deciding rule's index in the file, none for the default.
    pub rule: Option<u32>,
    /// What is to be done.
    pub action: Action,
    /// The indeterminate rules whose restrictions are added.
    pub restricting: Vec<u32>,
    /// What could not be judged.
    pub indeterminate: Vec<Unjudged>,
    /// The shadow rules that matched, and what they would have done.
    pub shadow: Vec<(u32, Action)>,
    /// Unknown annotations whose default was used, in [`Hint::ALL`]'s order.
    pub assumed_hints: Vec<Hint>,
    /// The limits that the call must have room in.
    pub demands: Vec<Demand>,
    /// The first enforced demand that could not be computed.
    pub fault: Option<Fault>,
    /// The demands of shadow rules that could not be computed.
    pub shadow_faults: Vec<Fault>,
    /// What the call takes from budgets, in their order; of a `deny` that nothing lifts, nothing.
    pub budgets: Vec<BudgetDemand>,
    /// The first budget whose demand could not be computed; on the heap, because it hardly ever is there.
    pub budget_fault: Option<Box<BudgetFault>>,
}

impl Decision {
    /// A decision that reports nothing but what is to be done.
    #[must_use]
    pub fn plain(rule: Option<u32>, action: Action) -> Self {
        Self {
            rule,
            action,
            restricting: Vec::new(),
            indeterminate: Vec::new(),
            shadow: Vec::new(),
            assumed_hints: Vec::new(),
            demands: Vec::new(),
            fault: None,
            shadow_faults: Vec::new(),
            budgets: Vec::new(),
            budget_fault: None,
        }
    }
}
