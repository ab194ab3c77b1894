//! SQL that nobody trusts reads what its user may view, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod memory;
mod model;
mod sql;
#[path = "../support/mod.rs"]
mod support;
