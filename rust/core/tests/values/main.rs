//! Tests of the values' rooms through their public surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod call;
mod compare;
mod conformance;
mod detectors;
mod glob;
mod json;
mod number;
mod path;
mod place;
mod redact;
