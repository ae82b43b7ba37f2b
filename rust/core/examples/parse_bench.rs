//! Times the strict envelope on one `tools/call` of about 750 bytes:
//! `cargo run --release --example parse_bench`.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use helio_core::call::Message;
use helio_core::compare::{Operator, Quantifier, Test, judge_selection};
use helio_core::json::Tape;
use helio_core::path::Path;

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":4711,"method":"tools/call","params":{"name":"create_payment","arguments":{"amount":1249.95,"currency":"GBP","recipient":{"name":"Northwind Traders Ltd","account":"GB33BUKB20201555555555","reference":"INV-2026-004711","address":{"street":"12 Harbour Road","city":"Bristol","postcode":"BS1 4DJ","country":"GB"}},"items":[{"sku":"NW-1001","description":"Ergonomic office chair, black","quantity":3,"price":349.95},{"sku":"NW-2040","description":"Monitor arm, dual","quantity":2,"price":100.05}],"memo":"Payment for the purchase order of 2 January, approved by the office manager; see the attached confirmation.","urgent":false,"scheduled_for":null,"tags":["office","furniture","q1"]},"_meta":{"progressToken":"p-4711","traceparent":"00-4bf92f"}}}"#;

const ROUNDS: usize = 20;
const CALLS: u32 = 20_000;

/// The best of several rounds, per call: what the machine can do when nothing disturbs it.
fn time(name: &str, mut work: impl FnMut()) {
    let round = |work: &mut dyn FnMut()| -> Duration {
        let start = Instant::now();
        for _ in 0..CALLS {
            work();
        }
        start.elapsed() / CALLS
    };
    let best = (0..ROUNDS).map(|_| round(&mut work)).min().unwrap();
    println!("{name:<28} {:>6} ns", best.as_nanos());
}

fn main() {
    println!(
        "{} bytes, {} nodes",
        CALL.len(),
        Tape::parse(CALL).unwrap().len()
    );
    time("UTF-8 check alone", || {
        assert!(std::str::from_utf8(black_box(CALL)).is_ok())
    });
    time("Tape::parse", || {
        drop(black_box(Tape::parse(black_box(CALL))))
    });
    time("Message::parse", || {
        drop(black_box(Message::parse(black_box(CALL))))
    });
    let message = Message::parse(CALL).unwrap();
    let path = Path::parse("$.amount").unwrap();
    let tests = [Test::new(Operator::Greater, b"1000").unwrap()];
    time("judge amount > 1000", || {
        let arguments = message.arguments(black_box(CALL));
        black_box(judge_selection(&tests, Quantifier::Some, &path, arguments));
    });
    time("canonical arguments, hash", || {
        black_box(message.arguments_hash(black_box(CALL)));
    });
}
