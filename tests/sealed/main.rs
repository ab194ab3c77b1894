//! SQL that nobody trusts reads what its user may view, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod bounds;
mod house;
mod memory;
mod model;
mod refused;
mod shown;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
