//! Windows by what they count and for whom, each in a slot of its own.
//!
//! Above: `window`. Below: `ledger`. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ledger::Ledger;
use crate::outcome::LimitKind;

/// The windows of one limit that have the same kind and length. Others under its name are strangers to them:
/// a changed kind or window starts anew.
#[derive(Debug)]
struct Group {
    kind: LimitKind,
    /// 0 for pots: how long they are kept is not what tells them apart.
    window_ms: i64,
    /// Keys hold what agents send, so this table is hashed with a secret.
    slots: HashMap<Arc<str>, usize>,
}

/// All windows of one process.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// INVARIANT: a slot is `Some` exactly when one group names it; `free` holds the others.
    slots: Vec<Option<Ledger>>,
    free: Vec<usize>,
    groups: FxHashMap<Arc<str>, Vec<Group>>,
    cursor: usize,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn get(&self, slot: usize) -> Option<&Ledger> {
        self.slots.get(slot)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Ledger> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(super) fn ledgers(&mut self) -> impl Iterator<Item = &mut Ledger> {
        self.slots.iter_mut().flatten()
    }

    /// The slot of this window, made where it is new.
    pub(super) fn find_or_add(
        &mut self,
        limit: &Arc<str>,
        key: &Arc<str>,
        kind: LimitKind,
        window_ms: i64,
    ) -> usize {
        if !self.groups.contains_key(limit) {
            self.groups.insert(limit.clone(), Vec::new());
        }
        let length = if kind == LimitKind::Pot { 0 } else { window_ms };
        let groups = self.groups.entry(limit.clone()).or_default();
        let same = |group: &&mut Group| group.kind == kind && group.window_ms == length;
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
                    window_ms: length,
                    slots: HashMap::from([(key.clone(), slot)]),
                });
            }
        }
        slot
    }

    pub(super) fn drop_if_idle(&mut self, slot: usize) {
        if self.get(slot).is_some_and(Ledger::is_idle) {
            self.drop_slot(slot);
        }
    }

    /// Looks at the next `count` slots, so that windows nobody asks for any more go away while others are used.
    pub(super) fn tidy(&mut self, count: usize, now: i64) {
        for _ in 0..count.min(self.slots.len()) {
            self.cursor = if self.cursor + 1 < self.slots.len() {
                self.cursor + 1
            } else {
                0
            };
            self.tidy_slot(self.cursor, now);
        }
    }

    /// Drops every window that holds nothing; returns how many.
    pub(super) fn sweep(&mut self, now: i64) -> usize {
        (0..self.slots.len())
            .filter(|slot| self.tidy_slot(*slot, now))
            .count()
    }

    fn tidy_slot(&mut self, slot: usize, now: i64) -> bool {
        let Some(ledger) = self.get_mut(slot) else {
            return false;
        };
        ledger.expire(now);
        let idle = ledger.is_idle();
        if idle {
            self.drop_slot(slot);
        }
        idle
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
}
