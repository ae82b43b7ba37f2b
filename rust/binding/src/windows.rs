//! `Windows`: all windows of a process. Above: Python. Below: `window`.

use std::sync::{Mutex, PoisonError};

use helio_core::number::Amount;
use helio_core::outcome::{BudgetDemand as CoreBudgetDemand, LimitKind};
use helio_core::window::{
    Breach as CoreBreach, Charge, Level as CoreLevel, WindowError, Windows as CoreWindows,
};
use pyo3::exceptions::{PyLookupError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::decision::{BudgetDemand, Decision, Demand};
use crate::panic::caught;

/// A demand without room.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Breach {
    breach: CoreBreach,
}

#[pymethods]
impl Breach {
    #[getter]
    fn demand(&self) -> Demand {
        Demand {
            demand: self.breach.demand.clone(),
        }
    }

    #[getter]
    fn current(&self) -> &str {
        &self.breach.current
    }

    #[getter]
    fn reset_ns(&self) -> Option<i64> {
        self.breach.reset_ns
    }

    fn __repr__(&self) -> String {
        let CoreBreach {
            demand, current, ..
        } = &self.breach;
        format!(
            "<Breach of {:?} at {:?}: {current} of {}>",
            demand.limit, demand.key, demand.maximum
        )
    }
}

/// A demand on a budget without room.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct BudgetBreach {
    breach: CoreBreach<CoreBudgetDemand>,
}

#[pymethods]
impl BudgetBreach {
    #[getter]
    fn demand(&self) -> BudgetDemand {
        BudgetDemand {
            demand: self.breach.demand.clone(),
        }
    }

    #[getter]
    fn current(&self) -> &str {
        &self.breach.current
    }

    #[getter]
    fn remaining(&self) -> &str {
        &self.breach.remaining
    }

    #[getter]
    fn reset_ns(&self) -> Option<i64> {
        self.breach.reset_ns
    }

    fn __repr__(&self) -> String {
        let CoreBreach {
            demand, current, ..
        } = &self.breach;
        format!(
            "<BudgetBreach of {:?} at {:?}: {current} of {}>",
            demand.id, demand.key, demand.maximum
        )
    }
}

/// One window's level.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Level {
    level: CoreLevel,
}

#[pymethods]
impl Level {
    #[getter]
    fn limit(&self) -> &str {
        &self.level.limit
    }

    #[getter]
    fn key(&self) -> &str {
        &self.level.key
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.level.kind.as_str()
    }

    #[getter]
    fn current(&self) -> &str {
        &self.level.current
    }

    #[getter]
    fn reserved(&self) -> &str {
        &self.level.reserved
    }

    #[getter]
    fn window_ms(&self) -> i64 {
        self.level.window_ms
    }

    #[getter]
    fn reset_ns(&self) -> Option<i64> {
        self.level.reset_ns
    }

    fn __repr__(&self) -> String {
        let CoreLevel {
            limit,
            key,
            current,
            ..
        } = &self.level;
        format!("<Level of {limit:?} at {key:?}: {current}>")
    }
}

/// `(limit, key, kind, amount, window_ms)`.
type Charged = (String, String, &'static str, String, i64);

/// The same as it comes in.
type GivenCharge = (String, String, String, String, i64);

fn charge_of(limit: &str, key: &str, kind: &str, amount: &str, window_ms: i64) -> PyResult<Charge> {
    let kind = LimitKind::named(kind)
        .ok_or_else(|| PyValueError::new_err(format!("no kind of limit is `{kind}`")))?;
    let amount = Amount::parse(amount)
        .map_err(|error| PyValueError::new_err(format!("`{amount}`: {error}")))?;
    Ok(Charge {
        limit: limit.into(),
        key: key.into(),
        kind,
        amount,
        window_ms,
    })
}

/// The windows, or why they can no longer be trusted.
struct Store<T> {
    state: T,
    failed: Option<String>,
}

impl<T> Store<T> {
    /// Runs `work` on the state; a panic is the last thing that ever happens to it.
    fn run<R>(&mut self, work: impl FnOnce(&mut T) -> R) -> Result<R, String> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        caught(|| work(&mut self.state)).inspect_err(|panic| self.failed = Some(panic.clone()))
    }
}

/// All sliding windows of one process.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Windows {
    store: Mutex<Store<CoreWindows>>,
}

impl Windows {
    fn run<R>(&self, work: impl FnOnce(&mut CoreWindows) -> R) -> PyResult<R> {
        // The store keeps its own account of panics, so that the lock's adds nothing.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.run(work).map_err(|panic| {
            PyRuntimeError::new_err(format!("the windows failed and count no more: {panic}"))
        })
    }
}

fn window_error(error: WindowError) -> PyErr {
    match error {
        WindowError::UnknownReservation(_) => PyLookupError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

fn breaches(breaches: Vec<CoreBreach>) -> Vec<Breach> {
    breaches
        .into_iter()
        .map(|breach| Breach { breach })
        .collect()
}

fn budget_breaches(breaches: Vec<CoreBreach<CoreBudgetDemand>>) -> Vec<BudgetBreach> {
    breaches
        .into_iter()
        .map(|breach| BudgetBreach { breach })
        .collect()
}

#[pymethods]
impl Windows {
    #[new]
    fn new() -> Self {
        let store = Store {
            state: CoreWindows::default(),
            failed: None,
        };
        Self {
            store: Mutex::new(store),
        }
    }

    #[pyo3(signature = (decision, now, *, enforce=true))]
    fn reserve(
        &self,
        decision: &Bound<'_, Decision>,
        now: i64,
        enforce: bool,
    ) -> PyResult<(u64, Vec<Breach>)> {
        let demands = &decision.get().decision.demands;
        let reservation = self.run(|windows| windows.reserve(demands, now, enforce))?;
        Ok((reservation.id, breaches(reservation.breaches)))
    }

    fn check(&self, decision: &Bound<'_, Decision>, now: i64) -> PyResult<Vec<Breach>> {
        let demands = &decision.get().decision.demands;
        self.run(|windows| windows.check(demands, now))
            .map(breaches)
    }

    #[pyo3(signature = (decision, now, *, enforce=true))]
    fn reserve_budgets(
        &self,
        decision: &Bound<'_, Decision>,
        now: i64,
        enforce: bool,
    ) -> PyResult<(u64, Vec<BudgetBreach>)> {
        let demands = &decision.get().decision.budgets;
        let reservation = self.run(|windows| windows.reserve(demands, now, enforce))?;
        Ok((reservation.id, budget_breaches(reservation.breaches)))
    }

    fn check_budgets(
        &self,
        decision: &Bound<'_, Decision>,
        now: i64,
    ) -> PyResult<Vec<BudgetBreach>> {
        let demands = &decision.get().decision.budgets;
        self.run(|windows| windows.check(demands, now))
            .map(budget_breaches)
    }

    fn charges(&self, reservation: u64) -> PyResult<Vec<Charged>> {
        let charges = self
            .run(|windows| windows.charges(reservation))?
            .map_err(window_error)?;
        let each = charges.iter().map(|charge| {
            let Charge {
                limit,
                key,
                kind,
                amount,
                window_ms,
            } = charge;
            (
                limit.to_string(),
                key.to_string(),
                kind.as_str(),
                amount.to_string(),
                *window_ms,
            )
        });
        Ok(each.collect())
    }

    fn commit(&self, reservation: u64, now: i64) -> PyResult<()> {
        self.run(|windows| windows.commit(reservation, now))?
            .map_err(window_error)
    }

    fn release(&self, reservation: u64) -> PyResult<()> {
        self.run(|windows| windows.release(reservation))?
            .map_err(window_error)
    }

    #[expect(clippy::too_many_arguments, reason = "a charge as a journal holds it")]
    fn charge(
        &self,
        limit: &str,
        key: &str,
        kind: &str,
        amount: &str,
        window_ms: i64,
        at: i64,
        now: i64,
    ) -> PyResult<()> {
        let charge = charge_of(limit, key, kind, amount, window_ms)?;
        self.run(|windows| windows.charge(&charge, at, now))?
            .map_err(window_error)
    }

    fn hold_again(&self, charges: Vec<GivenCharge>, now: i64) -> PyResult<u64> {
        let charges: Vec<Charge> = charges
            .iter()
            .map(|(limit, key, kind, amount, window_ms)| {
                charge_of(limit, key, kind, amount, *window_ms)
            })
            .collect::<PyResult<_>>()?;
        self.run(|windows| windows.hold_again(&charges, now))?
            .map_err(window_error)
    }

    fn levels(&self, now: i64) -> PyResult<Vec<Level>> {
        let levels = self.run(|windows| windows.levels(now))?;
        Ok(levels.into_iter().map(|level| Level { level }).collect())
    }

    fn fullest(&self, now: i64) -> PyResult<Vec<(Level, usize)>> {
        let found = self.run(|windows| windows.fullest(now))?;
        let levels = found.into_iter();
        Ok(levels
            .map(|(level, count)| (Level { level }, count))
            .collect())
    }

    fn snapshot<'py>(&self, py: Python<'py>, now: i64) -> PyResult<Bound<'py, PyBytes>> {
        let snapshot = self.run(|windows| windows.snapshot(now))?;
        let snapshot = snapshot.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &snapshot))
    }

    fn restore(&self, snapshot: &[u8], elapsed: i64, now: i64) -> PyResult<()> {
        self.run(|windows| windows.restore(snapshot, elapsed, now))?
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn sweep(&self, now: i64) -> PyResult<usize> {
        self.run(|windows| windows.sweep(now))
    }

    fn __len__(&self) -> PyResult<usize> {
        self.run(|windows| windows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Store;

    #[test]
    fn a_panic_poisons_the_store() {
        let mut store = Store {
            state: 1,
            failed: None,
        };
        assert_eq!(store.run(|count| *count + 1), Ok(2));
        let broken = store.run(|count| {
            *count = 7;
            panic!("halfway")
        });
        assert_eq!(broken, Err::<(), _>("halfway".to_owned()));
        assert_eq!(store.run(|count| *count), Err("halfway".to_owned()));
    }
}
