//! Sliding windows, exact: what counted in the last so many milliseconds, and what is reserved.
//!
//! Above: the binding, which the state store of the shell calls. Below: `outcome`, `number`. Pure: instants
//! are nanoseconds on one monotonic clock and come in as arguments. A clock that is handed in smaller than
//! before is taken as standing still, so that no entry outlives its window measured from the largest instant
//! seen. Source of the rules: "Counting" in docs/architecture.md.

mod ledger;
mod snapshot;
mod total;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::ledger::Ledger;
pub use self::snapshot::SnapshotError;
use crate::number::Amount;
use crate::outcome::{Demand, LimitKind};

/// How many ledgers each reservation looks at to drop idle ones, so that the store shrinks while it is used.
const TIDIED_PER_RESERVATION: usize = 2;

/// A demand without room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The demand.
    pub demand: Demand,
    /// What counted when it was judged, as decimal text: committed, reserved, and taken by earlier demands
    /// of the same call.
    pub current: String,
    /// How long until it would have room, in ns; none when its amount alone exceeds the maximum. What is
    /// reserved is taken to leave one window from now.
    pub reset_ns: Option<i64>,
}

/// What [`Windows::reserve`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// To be committed or released; 0 when nothing is reserved.
    pub id: u64,
    /// The demands without room.
    pub breaches: Vec<Breach>,
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
    /// The window's length in milliseconds.
    pub window_ms: i64,
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
    /// The window's length in milliseconds.
    pub window_ms: i64,
    /// How long until the oldest entry leaves, in ns; none without entries.
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

/// The windows of one limit that have the same kind and length. Others under its name are strangers to them:
/// a changed kind or window starts anew.
#[derive(Debug)]
struct Group {
    kind: LimitKind,
    window_ms: i64,
    /// Keys hold what agents send, so this table is hashed with a secret.
    slots: HashMap<Arc<str>, usize>,
}

/// All sliding windows of one process.
#[derive(Debug)]
pub struct Windows {
    /// INVARIANT: a slot is `Some` exactly when one group names it; `free` holds the others.
    slots: Vec<Option<Ledger>>,
    free: Vec<usize>,
    groups: FxHashMap<Arc<str>, Vec<Group>>,
    reservations: FxHashMap<u64, Vec<Held>>,
    last_id: u64,
    latest: i64,
    cursor: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            groups: FxHashMap::default(),
            reservations: FxHashMap::default(),
            last_id: 0,
            latest: i64::MIN,
            cursor: 0,
        }
    }
}

impl Windows {
    /// Reserves all enforced demands or none of any kind.
    ///
    /// Demands that are not enforced (all of them unless `enforce`) are reserved where they have room and
    /// only reported where they have none. Demands on one window add up.
    pub fn reserve(&mut self, demands: &[Demand], now: i64, enforce: bool) -> Reservation {
        let now = self.advance(now);
        self.tidy(now);
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
    pub fn check(&mut self, demands: &[Demand], now: i64) -> Vec<Breach> {
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
            let ledger = self.slots.get(held.slot)?.as_ref()?;
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
            if let Some(ledger) = self.ledger(slot) {
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
        if charge.window_ms < 1 {
            return Err(WindowError::WindowLength(charge.window_ms));
        }
        if charge.kind == LimitKind::Rate && charge.amount != Amount::from(1) {
            return Err(WindowError::RateAmount(charge.amount));
        }
        let now = self.advance(now);
        let Charge {
            limit,
            key,
            kind,
            window_ms,
            ..
        } = charge;
        let slot = self.find_or_add(limit, key, *kind, *window_ms);
        if let Some(ledger) = self.ledger(slot) {
            ledger.insert(at.min(now), charge.amount);
            ledger.expire(now);
        }
        self.drop_if_idle(slot);
        Ok(())
    }

    /// The windows that hold anything, by limit, window length and key.
    pub fn levels(&mut self, now: i64) -> Vec<Level> {
        let now = self.advance(now);
        let mut levels = Vec::new();
        for ledger in self.slots.iter_mut().flatten() {
            ledger.expire(now);
            if !ledger.is_idle() {
                levels.push(Level {
                    limit: ledger.limit.clone(),
                    key: ledger.key.clone(),
                    kind: ledger.kind(),
                    current: ledger.sum().to_string(),
                    reserved: ledger.reserved().to_string(),
                    window_ms: ledger.window_ms,
                    reset_ns: ledger.reset(now),
                });
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

    /// Drops every window without entries and reservations; returns how many.
    pub fn sweep(&mut self, now: i64) -> usize {
        let now = self.advance(now);
        (0..self.slots.len())
            .filter(|slot| self.tidy_slot(*slot, now))
            .count()
    }

    /// How many windows are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
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
    fn hold_all(
        &mut self,
        demands: &[Demand],
        now: i64,
        enforce: bool,
    ) -> (Vec<Held>, Vec<Breach>, bool) {
        let mut held = Vec::with_capacity(demands.len());
        let mut breaches = Vec::new();
        let mut blocked = false;
        for enforced in [true, false] {
            for demand in demands
                .iter()
                .filter(|demand| (demand.enforced && enforce) == enforced)
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

    fn hold(&mut self, demand: &Demand, now: i64) -> Result<Held, Box<Breach>> {
        let slot = self.find_or_add(&demand.limit, &demand.key, demand.kind, demand.window_ms);
        let refused = self.ledger(slot).and_then(|ledger| {
            ledger.expire(now);
            if ledger.has_room(demand.amount, demand.maximum) {
                ledger.hold(demand.amount);
                return None;
            }
            Some(Breach {
                demand: demand.clone(),
                current: ledger.sum().plus(ledger.reserved()).to_string(),
                reset_ns: ledger.room_after(demand.amount, demand.maximum, now),
            })
        });
        match refused {
            None => Ok(Held {
                slot,
                amount: demand.amount,
            }),
            Some(breach) => {
                self.drop_if_idle(slot);
                Err(Box::new(breach))
            }
        }
    }

    fn let_go(&mut self, held: &[Held]) {
        for part in held {
            if let Some(ledger) = self.ledger(part.slot) {
                ledger.unhold(part.amount);
            }
        }
        for part in held {
            self.drop_if_idle(part.slot);
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

    fn ledger(&mut self, slot: usize) -> Option<&mut Ledger> {
        self.slots.get_mut(slot)?.as_mut()
    }

    fn find_or_add(
        &mut self,
        limit: &Arc<str>,
        key: &Arc<str>,
        kind: LimitKind,
        window_ms: i64,
    ) -> usize {
        if !self.groups.contains_key(limit) {
            self.groups.insert(limit.clone(), Vec::new());
        }
        let groups = self.groups.entry(limit.clone()).or_default();
        let same = |group: &&mut Group| group.kind == kind && group.window_ms == window_ms;
        if let Some(slot) = groups
            .iter_mut()
            .find(same)
            .and_then(|group| group.slots.get(key))
        {
            return *slot;
        }
        let ledger = Ledger::new(limit.clone(), key.clone(), kind, window_ms);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(ledger);
        }
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.slots.insert(key.clone(), slot);
            }
            None => {
                groups.push(Group {
                    kind,
                    window_ms,
                    slots: HashMap::from([(key.clone(), slot)]),
                });
            }
        }
        slot
    }

    fn drop_if_idle(&mut self, slot: usize) {
        if self.ledger(slot).is_some_and(|ledger| ledger.is_idle()) {
            self.drop_slot(slot);
        }
    }

    fn drop_slot(&mut self, slot: usize) {
        let Some(ledger) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.free.push(slot);
        let Some(groups) = self.groups.get_mut(&ledger.limit) else {
            return;
        };
        for group in groups.iter_mut() {
            if group.slots.get(&ledger.key) == Some(&slot) {
                group.slots.remove(&ledger.key);
            }
        }
        groups.retain(|group| !group.slots.is_empty());
        if groups.is_empty() {
            self.groups.remove(&ledger.limit);
        }
    }

    /// Looks at the next few slots, so that windows nobody asks for any more go away while others are used.
    fn tidy(&mut self, now: i64) {
        for _ in 0..TIDIED_PER_RESERVATION.min(self.slots.len()) {
            self.cursor = if self.cursor + 1 < self.slots.len() {
                self.cursor + 1
            } else {
                0
            };
            self.tidy_slot(self.cursor, now);
        }
    }

    fn tidy_slot(&mut self, slot: usize, now: i64) -> bool {
        let Some(ledger) = self.ledger(slot) else {
            return false;
        };
        ledger.expire(now);
        let idle = ledger.is_idle();
        if idle {
            self.drop_slot(slot);
        }
        idle
    }
}
