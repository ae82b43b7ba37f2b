//! One window: its entries, their sum, and what is reserved.
//!
//! Above: `table`, which finds windows, and `window`, which keeps the clock. Below: `total`. Pure. All instants are
//! nanoseconds; `now` never goes back here, because the store hands in the largest instant that it has seen.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Level;
use super::total::Total;
use crate::number::Amount;
use crate::outcome::LimitKind;

/// A burst's memory is given back once a queue of more than this many entries is mostly empty.
const SHRINK_ABOVE: usize = 1024;

/// What a window keeps per entry: a rate only needs the instant, and a pot only the last one of all.
#[derive(Debug)]
enum Entries {
    Rate(VecDeque<i64>),
    Spend(VecDeque<(i64, Amount)>),
    Pot(Option<i64>),
}

/// The entries of one `(limit id, key)` in the order of their instants.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) limit: Arc<str>,
    pub(super) key: Arc<str>,
    pub(super) window_ms: i64,
    entries: Entries,
    sum: Total,
    reserved: Total,
    /// Reservations that hold this ledger, those of nothing included.
    holds: u32,
}

impl Ledger {
    pub(super) fn new(limit: Arc<str>, key: Arc<str>, kind: LimitKind, window_ms: i64) -> Self {
        let entries = match kind {
            LimitKind::Rate => Entries::Rate(VecDeque::new()),
            LimitKind::Spend => Entries::Spend(VecDeque::new()),
            LimitKind::Pot => Entries::Pot(None),
        };
        let (sum, reserved) = (Total::ZERO, Total::ZERO);
        Self {
            limit,
            key,
            window_ms,
            entries,
            sum,
            reserved,
            holds: 0,
        }
    }

    pub(super) fn kind(&self) -> LimitKind {
        match self.entries {
            Entries::Rate(_) => LimitKind::Rate,
            Entries::Spend(_) => LimitKind::Spend,
            Entries::Pot(_) => LimitKind::Pot,
        }
    }

    pub(super) fn sum(&self) -> Total {
        self.sum
    }

    pub(super) fn reserved(&self) -> Total {
        self.reserved
    }

    /// What is counted and what is reserved.
    pub(super) fn taken(&self) -> Total {
        self.sum.plus(self.reserved)
    }

    pub(super) fn level(&self, now: i64) -> Level {
        Level {
            limit: self.limit.clone(),
            key: self.key.clone(),
            kind: self.kind(),
            current: self.sum.to_string(),
            reserved: self.reserved.to_string(),
            window_ms: self.window_ms,
            reset_ns: self.reset(now),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        let empty = match &self.entries {
            Entries::Rate(instants) => instants.is_empty(),
            Entries::Spend(entries) => entries.is_empty(),
            Entries::Pot(last) => last.is_none(),
        };
        empty && self.holds == 0
    }

    /// Drops the entries whose age has reached the window; all of a pot's go with its last one.
    pub(super) fn expire(&mut self, now: i64) {
        let window = window_ns(self.window_ms);
        let gone = |at: i64| i128::from(now) - i128::from(at) >= i128::from(window);
        match &mut self.entries {
            Entries::Rate(instants) => {
                while instants.front().is_some_and(|at| gone(*at)) {
                    instants.pop_front();
                }
                self.sum = Total::of_count(instants.len());
                give_back(instants);
            }
            Entries::Spend(entries) => {
                while let Some((at, amount)) = entries.front() {
                    if !gone(*at) {
                        break;
                    }
                    self.sum = self.sum.minus((*amount).into());
                    entries.pop_front();
                }
                give_back(entries);
            }
            Entries::Pot(last) => {
                if last.is_some_and(gone) {
                    *last = None;
                    self.sum = Total::ZERO;
                }
            }
        }
    }

    /// Takes over the time that a pot is kept for now. What it was before has been applied up to `now`.
    pub(super) fn keep_for(&mut self, window_ms: i64, now: i64) {
        if self.window_ms != window_ms {
            self.window_ms = window_ms;
            self.expire(now);
        }
    }

    /// Whether the total with `amount` stays within `maximum`. Call after [`Ledger::expire`].
    pub(super) fn has_room(&self, amount: Amount, maximum: Amount) -> bool {
        self.sum.plus(self.reserved).plus(amount.into()) <= maximum.into()
    }

    pub(super) fn hold(&mut self, amount: Amount) {
        self.reserved = self.reserved.plus(amount.into());
        self.holds = self.holds.saturating_add(1);
    }

    pub(super) fn unhold(&mut self, amount: Amount) {
        self.reserved = self.reserved.minus(amount.into());
        self.holds = self.holds.saturating_sub(1);
    }

    /// Adds an entry, in its place by time; nothing weighs nothing and is not kept.
    pub(super) fn insert(&mut self, at: i64, amount: Amount) {
        if amount.is_zero() {
            return;
        }
        if matches!(self.entries, Entries::Pot(_)) {
            // What is over by then must not be kept by what comes after it.
            self.expire(at);
        }
        self.sum = self.sum.plus(amount.into());
        match &mut self.entries {
            Entries::Rate(instants) => {
                let place = place_of(instants.len(), instants.back().copied(), at, || {
                    instants.partition_point(|earlier| *earlier <= at)
                });
                instants.insert(place, at);
            }
            Entries::Spend(entries) => {
                let last = entries.back().map(|(instant, _)| *instant);
                let place = place_of(entries.len(), last, at, || {
                    entries.partition_point(|(earlier, _)| *earlier <= at)
                });
                entries.insert(place, (at, amount));
            }
            Entries::Pot(last) => *last = Some(last.map_or(at, |last| last.max(at))),
        }
    }

    /// How long until the next entry leaves, in ns; none without entries.
    pub(super) fn reset(&self, now: i64) -> Option<i64> {
        let next = match &self.entries {
            Entries::Rate(instants) => instants.front().copied(),
            Entries::Spend(entries) => entries.front().map(|(at, _)| *at),
            Entries::Pot(last) => *last,
        };
        next.map(|at| self.until_gone(at, now))
    }

    /// How long until `amount` would have room, in ns; none when it exceeds `maximum` alone.
    ///
    /// What is reserved is taken as committed now, so that it leaves after one whole window.
    pub(super) fn room_after(&self, amount: Amount, maximum: Amount, now: i64) -> Option<i64> {
        if amount > maximum {
            return None;
        }
        let wanted = self.sum.plus(self.reserved).plus(amount.into());
        let excess = wanted.minus(maximum.into());
        let last_to_go = match &self.entries {
            Entries::Rate(instants) => {
                let leaving = excess.to_count().unwrap_or(0);
                instants.get(leaving.saturating_sub(1)).copied()
            }
            Entries::Spend(entries) => {
                let mut left = excess;
                entries.iter().find_map(|(at, amount)| {
                    left = left.minus((*amount).into());
                    (left <= Total::ZERO).then_some(*at)
                })
            }
            Entries::Pot(last) => *last,
        };
        Some(last_to_go.map_or(window_ns(self.window_ms), |at| self.until_gone(at, now)))
    }

    /// The entries from the oldest on: instant and amount. A pot's come together.
    pub(super) fn entries(&self) -> Box<dyn Iterator<Item = (i64, Amount)> + '_> {
        match &self.entries {
            Entries::Rate(instants) => Box::new(instants.iter().map(|at| (*at, Amount::from(1)))),
            Entries::Spend(entries) => Box::new(entries.iter().copied()),
            Entries::Pot(None) => Box::new(std::iter::empty()),
            Entries::Pot(Some(last)) => {
                let amounts = self.sum.amounts().into_iter();
                Box::new(amounts.map(|amount| (*last, amount)))
            }
        }
    }

    fn until_gone(&self, at: i64, now: i64) -> i64 {
        at.saturating_add(window_ns(self.window_ms))
            .saturating_sub(now)
    }
}

fn window_ns(window_ms: i64) -> i64 {
    window_ms.saturating_mul(1_000_000)
}

/// Entries nearly always come at the end; only a restore brings older ones.
fn place_of(length: usize, last: Option<i64>, at: i64, search: impl FnOnce() -> usize) -> usize {
    if last.is_none_or(|last| last <= at) {
        length
    } else {
        search()
    }
}

fn give_back<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > SHRINK_ABOVE && queue.len() < queue.capacity() / 4 {
        queue.shrink_to(queue.len().saturating_mul(2));
    }
}
