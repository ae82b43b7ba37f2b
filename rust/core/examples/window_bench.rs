//! Windowed checks per second: `cargo run --release --example window_bench`.
//!
//! A thousand keys, each window full of entries, so that a cost that grew with them would show.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use helio_core::number::Amount;
use helio_core::outcome::{Demand, LimitKind};
use helio_core::window::Windows;

const KEYS: usize = 1_000;
const ROUNDS: usize = 2_000_000;
const MILLISECOND: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    for (kind, amount, maximum) in [
        (LimitKind::Rate, "1", "1000"),
        (LimitKind::Spend, "1", "1000"),
        (LimitKind::Spend, "12.34", "12340"),
        (LimitKind::Pot, "12.34", "1e27"),
    ] {
        for filled in [0, 900] {
            let demands = demands(kind, amount, maximum)?;
            measure(&demands, filled, &format!("{} by {amount}", kind.as_str()))?;
        }
    }
    Ok(())
}

fn demands(kind: LimitKind, amount: &str, maximum: &str) -> Result<Vec<Demand>, Box<dyn Error>> {
    let (amount, maximum) = (Amount::parse(amount)?, Amount::parse(maximum)?);
    let demand = |number| Demand {
        limit: "rate:payments:session:3600000".into(),
        rule: 0,
        kind,
        key: format!("session=8f14e45f-ceea-467f-a{number:04}").into(),
        amount,
        maximum,
        window_ms: 3_600_000,
        currency: None,
        enforced: true,
    };
    Ok((0..KEYS).map(demand).collect())
}

fn measure(demands: &[Demand], filled: usize, what: &str) -> Result<(), Box<dyn Error>> {
    let mut windows = Windows::default();
    for demand in demands {
        for _ in 0..=filled {
            let held = windows.reserve(std::slice::from_ref(demand), 0, true);
            windows.commit(held.id, 0)?;
        }
    }
    let mut now = 0;
    let start = Instant::now();
    for demand in demands.iter().cycle().take(ROUNDS) {
        now += 1;
        black_box(windows.check(std::slice::from_ref(demand), now));
    }
    let checks = start.elapsed();
    let start = Instant::now();
    for demand in demands.iter().cycle().take(ROUNDS) {
        // An entry leaves for each that comes.
        now += 4 * MILLISECOND;
        let held = windows.reserve(std::slice::from_ref(demand), now, true);
        windows.commit(held.id, now)?;
    }
    let commits = start.elapsed();
    let rate = |elapsed: std::time::Duration| ROUNDS as f64 / elapsed.as_secs_f64() / 1e6;
    println!(
        "{what:>15}, {filled:>3} entries each: {:>5.1} M checks/s, {:>5.1} M reserve+commit/s",
        rate(checks),
        rate(commits)
    );
    Ok(())
}
