//! Windows, exact: what counted in the last so many milliseconds, or in a pot since it was last left alone for
//! that long, and what is reserved.
//!
//! Above: the binding, which the state store of the shell calls. Below: `outcome`, `number`. Pure: instants
//! are nanoseconds on one monotonic clock and come in as arguments. A clock that is handed in smaller than
//! before is taken as standing still, so that no entry outlives its window measured from the largest instant
//! seen. Source of the rules: "Counting" in docs/architecture.md.

mod claim;
mod ledger;
mod snapshot;
mod table;
mod total;

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use self::claim::{Claim, Claims};
use self::ledger::Ledger;
pub use self::snapshot::SnapshotError;
use self::table::Table;
use self::total::Total;
use crate::number::Amount;
use crate::outcome::{Demand, LimitKind};

/// How many windows each reservation looks at to drop idle ones, so that the store shrinks while it is used.
const TIDIED_PER_RESERVATION: usize = 2;

/// A demand without room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach<D = Demand> {
    /// The demand.
    pub demand: D,
    /// What counted when it was judged, as decimal text: committed, reserved, and taken by earlier demands
    /// of the same call.
    pub current: String,
    /// What is left of the maximum, as decimal text, not below 0.
    pub remaining: String,
    /// How long until it would have room, in ns; none when its amount alone exceeds the maximum. What is
    /// reserved is taken to leave one window from now.
    pub reset_ns: Option<i64>,
}

/// What [`Windows::reserve`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation<D = Demand> {
    /// To be committed or released; 0 when nothing is reserved.
    pub id: u64,
    /// The demands without room.
    pub breaches: Vec<Breach<D>>,
}

/// An amount counted in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The limit's identity.
    pub limit: Arc<str>,
    /// The window's key.
    pub key: Arc<str>,
    /// What is counted.
    pub kind: LimitKind,
    /// How much; 1 for `rate`.
    pub amount: Amount,
    /// The window's length in milliseconds; of a pot, how long it is kept after its last charge.
    pub window_ms: i64,
}

impl Charge {
    /// Whether it can be counted.
    fn check(&self) -> Result<(), WindowError> {
        if self.window_ms < 1 {
            return Err(WindowError::WindowLength(self.window_ms));
        }
        if self.kind == LimitKind::Rate && self.amount != Amount::from(1) {
            return Err(WindowError::RateAmount(self.amount));
        }
        Ok(())
    }
}

/// One window's level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The limit's identity.
    pub limit: Arc<str>,
    /// The window's key.
    pub key: Arc<str>,
    /// What is counted.
    pub kind: LimitKind,
    /// The committed total, as decimal text.
    pub current: String,
    /// The reserved total, as decimal text.
    pub reserved: String,
    /// The window's length in milliseconds; of a pot, how long it is kept after its last charge.
    pub window_ms: i64,
    /// How long until the oldest entry leaves, in ns, or until all of a pot does; none without entries.
    pub reset_ns: Option<i64>,
}

/// Why an operation on [`Windows`] was refused; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowError {
    /// No reservation of that id is held: it was never made, or was committed or released before.
    UnknownReservation(u64),
    /// A `rate` counts calls one by one.
    RateAmount(Amount),
    /// A window is at least one millisecond long.
    WindowLength(i64),
}

impl fmt::Display for WindowError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownReservation(id) => write!(out, "no reservation {id} is held"),
            Self::RateAmount(amount) => write!(out, "a rate is charged by 1, not by {amount}"),
            Self::WindowLength(window_ms) => {
                write!(out, "a window of {window_ms} ms has no length")
            }
        }
    }
}

impl std::error::Error for WindowError {}

/// A part of a reservation: a ledger and what is held in it.
#[derive(Clone, Copy, Debug)]
struct Held {
    slot: usize,
    amount: Amount,
}

/// All windows of one process.
#[derive(Debug)]
pub struct Windows {
    table: Table,
    reservations: FxHashMap<u64, Vec<Held>>,
    last_id: u64,
    latest: i64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            table: Table::default(),
            reservations: FxHashMap::default(),
            last_id: 0,
            latest: i64::MIN,
        }
    }
}

impl Windows {
    /// Reserves all enforced demands or none of any kind.
    ///
    /// Demands that are not enforced (all of them unless `enforce`) are reserved where they have room and
    /// only reported where they have none. Demands on one window add up.
    pub fn reserve<D: Claims>(&mut self, demands: &[D], now: i64, enforce: bool) -> Reservation<D> {
        let now = self.advance(now);
        self.table.tidy(TIDIED_PER_RESERVATION, now);
        let (held, breaches, blocked) = self.hold_all(demands, now, enforce);
        if blocked {
            self.let_go(&held);
        }
        if blocked || held.is_empty() {
            return Reservation { id: 0, breaches };
        }
        self.last_id += 1;
        self.reservations.insert(self.last_id, held);
        Reservation {
            id: self.last_id,
            breaches,
        }
    }

    /// The breaches that [`Windows::reserve`] would report, reserving nothing.
    pub fn check<D: Claims>(&mut self, demands: &[D], now: i64) -> Vec<Breach<D>> {
        let now = self.advance(now);
        let (held, breaches, _) = self.hold_all(demands, now, true);
        self.let_go(&held);
        breaches
    }

    /// What a commit of the reservation would count. Nothing is held under id 0.
    ///
    /// # Errors
    /// `UnknownReservation` when no such reservation is held.
    pub fn charges(&self, id: u64) -> Result<Vec<Charge>, WindowError> {
        if id == 0 {
            return Ok(Vec::new());
        }
        let held = self
            .reservations
            .get(&id)
            .ok_or(WindowError::UnknownReservation(id))?;
        let charges = held.iter().filter_map(|held| {
            let ledger = self.table.get(held.slot)?;
            Some(Charge {
                limit: ledger.limit.clone(),
                key: ledger.key.clone(),
                kind: ledger.kind(),
                amount: held.amount,
                window_ms: ledger.window_ms,
            })
        });
        Ok(charges.collect())
    }

    /// Counts what is reserved, from now on. Id 0 holds nothing and is fine.
    ///
    /// # Errors
    /// `UnknownReservation` when no such reservation is held.
    pub fn commit(&mut self, id: u64, now: i64) -> Result<(), WindowError> {
        let now = self.advance(now);
        for Held { slot, amount } in self.take(id)? {
            if let Some(ledger) = self.table.get_mut(slot) {
                ledger.unhold(amount);
                ledger.insert(now, amount);
            }
        }
        Ok(())
    }

    /// Gives back what is reserved. Id 0 holds nothing and is fine.
    ///
    /// # Errors
    /// `UnknownReservation` when no such reservation is held.
    pub fn release(&mut self, id: u64) -> Result<(), WindowError> {
        let held = self.take(id)?;
        self.let_go(&held);
        Ok(())
    }

    /// Counts `charge` as committed at the instant `at`, room or not: for what a journal says happened.
    /// An instant after `now` is taken as `now`.
    ///
    /// # Errors
    /// `RateAmount` for a rate by another amount than 1, `WindowLength` for a window below 1 ms.
    pub fn charge(&mut self, charge: &Charge, at: i64, now: i64) -> Result<(), WindowError> {
        charge.check()?;
        let now = self.advance(now);
        let Charge {
            limit,
            key,
            kind,
            window_ms,
            ..
        } = charge;
        let at = at.min(now);
        let slot = self.table.find_or_add(limit, key, *kind, *window_ms);
        if let Some(ledger) = self.table.get_mut(slot) {
            if *kind == LimitKind::Pot {
                // Whether a pot was gone was settled then: later charges kept what now looks old.
                ledger.expire(at);
                ledger.keep_for(*window_ms, at);
                ledger.insert(at, charge.amount);
            } else {
                ledger.insert(at, charge.amount);
                ledger.expire(now);
            }
        }
        self.table.drop_if_idle(slot);
        Ok(())
    }

    /// Reserves `charges`, room or not: for a call that a journal says is open still. 0 without any.
    ///
    /// # Errors
    /// As [`Windows::charge`]; then nothing is reserved.
    pub fn hold_again(&mut self, charges: &[Charge], now: i64) -> Result<u64, WindowError> {
        charges.iter().try_for_each(Charge::check)?;
        let now = self.advance(now);
        let mut held = Vec::with_capacity(charges.len());
        for charge in charges {
            let window_ms = charge.window_ms;
            let slot = self
                .table
                .find_or_add(&charge.limit, &charge.key, charge.kind, window_ms);
            if let Some(ledger) = self.table.get_mut(slot) {
                ledger.expire(now);
                ledger.keep_for(window_ms, now);
                ledger.hold(charge.amount);
            }
            let amount = charge.amount;
            held.push(Held { slot, amount });
        }
        if held.is_empty() {
            return Ok(0);
        }
        self.last_id += 1;
        self.reservations.insert(self.last_id, held);
        Ok(self.last_id)
    }

    /// The windows that hold anything, by limit, window length and key.
    pub fn levels(&mut self, now: i64) -> Vec<Level> {
        let now = self.advance(now);
        let mut levels = Vec::new();
        for ledger in self.table.ledgers() {
            ledger.expire(now);
            if !ledger.is_idle() {
                levels.push(ledger.level(now));
            }
        }
        levels.sort_by(|a, b| {
            (&a.limit, a.window_ms, &a.key, a.kind.as_str()).cmp(&(
                &b.limit,
                b.window_ms,
                &b.key,
                b.kind.as_str(),
            ))
        });
        levels
    }

    /// Of each limit the window that is fullest, by limit and window length, and how many it has.
    pub fn fullest(&mut self, now: i64) -> Vec<(Level, usize)> {
        let now = self.advance(now);
        let mut found: FxHashMap<(&str, i64), (&Ledger, usize)> = FxHashMap::default();
        for ledger in self.table.ledgers() {
            ledger.expire(now);
            if ledger.is_idle() {
                continue;
            }
            let ledger = &*ledger;
            let (fullest, count) = found
                .entry((&ledger.limit, ledger.window_ms))
                .or_insert((ledger, 0));
            *count += 1;
            if fullest.taken() < ledger.taken() {
                *fullest = ledger;
            }
        }
        let mut levels: Vec<_> = found
            .into_values()
            .map(|(ledger, count)| (ledger.level(now), count))
            .collect();
        levels.sort_by(|(a, _), (b, _)| (&a.limit, a.window_ms).cmp(&(&b.limit, b.window_ms)));
        levels
    }

    /// Drops every window without entries and reservations; returns how many.
    pub fn sweep(&mut self, now: i64) -> usize {
        let now = self.advance(now);
        self.table.sweep(now)
    }

    /// How many windows are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no window is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest instant seen.
    fn advance(&mut self, now: i64) -> i64 {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Holds what has room; the last value says whether an enforced demand had none. Enforced demands come
    /// first, so that one that only advises never takes their room.
    fn hold_all<D: Claims>(
        &mut self,
        demands: &[D],
        now: i64,
        enforce: bool,
    ) -> (Vec<Held>, Vec<Breach<D>>, bool) {
        let mut held = Vec::with_capacity(demands.len());
        let mut breaches = Vec::new();
        let mut blocked = false;
        for enforced in [true, false] {
            for demand in demands
                .iter()
                .filter(|demand| (demand.claim().enforced && enforce) == enforced)
            {
                match self.hold(demand, now) {
                    Ok(part) => held.push(part),
                    Err(breach) => {
                        blocked |= enforced;
                        breaches.push(*breach);
                    }
                }
            }
        }
        (held, breaches, blocked)
    }

    fn hold<D: Claims>(&mut self, demand: &D, now: i64) -> Result<Held, Box<Breach<D>>> {
        let Claim {
            limit,
            key,
            kind,
            amount,
            maximum,
            window_ms,
            ..
        } = demand.claim();
        let slot = self.table.find_or_add(limit, key, kind, window_ms);
        let refused = self.table.get_mut(slot).and_then(|ledger| {
            ledger.expire(now);
            ledger.keep_for(window_ms, now);
            if ledger.has_room(amount, maximum) {
                ledger.hold(amount);
                return None;
            }
            let current = ledger.sum().plus(ledger.reserved());
            let remaining = Total::from(maximum).minus(current).max(Total::ZERO);
            Some(Breach {
                demand: demand.clone(),
                current: current.to_string(),
                remaining: remaining.to_string(),
                reset_ns: ledger.room_after(amount, maximum, now),
            })
        });
        match refused {
            None => Ok(Held { slot, amount }),
            Some(breach) => {
                self.table.drop_if_idle(slot);
                Err(Box::new(breach))
            }
        }
    }

    fn let_go(&mut self, held: &[Held]) {
        for part in held {
            if let Some(ledger) = self.table.get_mut(part.slot) {
                ledger.unhold(part.amount);
            }
        }
        for part in held {
            self.table.drop_if_idle(part.slot);
        }
    }

    fn take(&mut self, id: u64) -> Result<Vec<Held>, WindowError> {
        if id == 0 {
            return Ok(Vec::new());
        }
        self.reservations
            .remove(&id)
            .ok_or(WindowError::UnknownReservation(id))
    }
}
