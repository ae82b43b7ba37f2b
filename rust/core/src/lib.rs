//! The pure core of Helio: no clock, no I/O, no Python, no panics.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod call;
pub mod compare;
pub mod evaluate;
pub mod glob;
pub mod graph;
pub mod hint;
pub mod index;
pub mod json;
pub mod keyed_hash;
pub mod language;
pub mod number;
pub mod outcome;
pub mod path;
pub mod redact;
pub mod truth;
pub mod window;
pub mod yaml;
