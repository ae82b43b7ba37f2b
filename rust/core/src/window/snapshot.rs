//! Windows as bytes and back: what a journal's segment starts with.
//!
//! Above: `window`. Below: `ledger`. Pure. JSON with ages in place of instants, because a monotonic clock
//! means nothing to another process. Reservations are not kept: what was not committed did not happen.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Charge, WindowError, Windows};
use crate::number::Amount;
use crate::outcome::LimitKind;

/// The format's version, the value of its first key.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    helio_windows: u32,
    windows: Vec<Window>,
}

/// One window's entries from the oldest on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    limit: Arc<str>,
    key: Arc<str>,
    kind: LimitKind,
    window_ms: i64,
    /// Nanoseconds, one per entry.
    ages: Vec<i64>,
    /// Decimal texts, one per entry; none for a rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amounts: Vec<String>,
}

/// Why a snapshot cannot be restored; nothing was changed.
#[derive(Debug)]
pub enum SnapshotError {
    /// Not a snapshot, or a damaged one.
    Unreadable(String),
    /// A snapshot of another version of Helio.
    Version(u32),
    /// A charge that no window takes.
    Charge(WindowError),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(out, "not a snapshot of windows: {why}"),
            Self::Version(version) => write!(out, "a snapshot of version {version}, not {VERSION}"),
            Self::Charge(error) => write!(out, "not a snapshot of windows: {error}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Windows {
    /// The committed entries with their ages, as JSON, sorted by limit, window and key.
    ///
    /// # Errors
    /// `Unreadable` when serialisation fails, which only a lack of memory explains.
    pub fn snapshot(&mut self, now: i64) -> Result<Vec<u8>, SnapshotError> {
        let now = self.advance(now);
        let mut windows = Vec::new();
        for ledger in self.table.ledgers() {
            ledger.expire(now);
            let kind = ledger.kind();
            let ages: Vec<i64> = ledger
                .entries()
                .map(|(at, _)| now.saturating_sub(at))
                .collect();
            let amounts = match kind {
                LimitKind::Rate => Vec::new(),
                LimitKind::Spend | LimitKind::Pot => ledger
                    .entries()
                    .map(|(_, amount)| amount.to_string())
                    .collect(),
            };
            if !ages.is_empty() {
                let (limit, key) = (ledger.limit.clone(), ledger.key.clone());
                windows.push(Window {
                    limit,
                    key,
                    kind,
                    window_ms: ledger.window_ms,
                    ages,
                    amounts,
                });
            }
        }
        windows
            .sort_by(|a, b| (&a.limit, a.window_ms, &a.key).cmp(&(&b.limit, b.window_ms, &b.key)));
        serde_json::to_vec(&Snapshot {
            helio_windows: VERSION,
            windows,
        })
        .map_err(|error| SnapshotError::Unreadable(error.to_string()))
    }

    /// Adds a snapshot's entries, `elapsed` nanoseconds after it was taken; those that have left are dropped.
    ///
    /// # Errors
    /// When it cannot be read; then nothing is added.
    pub fn restore(
        &mut self,
        snapshot: &[u8],
        elapsed: i64,
        now: i64,
    ) -> Result<(), SnapshotError> {
        let charges = read(snapshot)?;
        let now = self.advance(now);
        for (charge, age) in charges {
            // INVARIANT: an age is at least 0, so that an entry "from the future" counts from now.
            let age = age.saturating_add(elapsed).max(0);
            self.charge(&charge, now.saturating_sub(age), now)
                .map_err(SnapshotError::Charge)?;
        }
        Ok(())
    }
}

/// The snapshot's charges with their ages, all of them checked.
fn read(snapshot: &[u8]) -> Result<Vec<(Charge, i64)>, SnapshotError> {
    let snapshot: Snapshot = serde_json::from_slice(snapshot)
        .map_err(|error| SnapshotError::Unreadable(error.to_string()))?;
    if snapshot.helio_windows != VERSION {
        return Err(SnapshotError::Version(snapshot.helio_windows));
    }
    let mut charges = Vec::new();
    for window in snapshot.windows {
        let wanted = if window.kind == LimitKind::Rate {
            0
        } else {
            window.ages.len()
        };
        if window.amounts.len() != wanted {
            let why = format!(
                "{} ages and {} amounts",
                window.ages.len(),
                window.amounts.len()
            );
            return Err(SnapshotError::Unreadable(why));
        }
        if window.window_ms < 1 {
            return Err(SnapshotError::Charge(WindowError::WindowLength(
                window.window_ms,
            )));
        }
        let mut amounts = window.amounts.iter();
        for age in &window.ages {
            let amount = match amounts.next() {
                None => Amount::from(1),
                Some(text) => Amount::parse(text)
                    .map_err(|error| SnapshotError::Unreadable(format!("`{text}`: {error}")))?,
            };
            let Window {
                limit,
                key,
                kind,
                window_ms,
                ..
            } = &window;
            let (limit, key) = (limit.clone(), key.clone());
            let charge = Charge {
                limit,
                key,
                kind: *kind,
                amount,
                window_ms: *window_ms,
            };
            charges.push((charge, *age));
        }
    }
    Ok(charges)
}
