//! The decisions' rooms through their public surface: graph, index, evaluate, window.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod budget;
mod chance;
mod graph;
mod index;
mod policy;
mod pot;
mod pot_model;
mod prospect;
mod window;
mod window_model;
mod window_snapshot;
