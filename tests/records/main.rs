//! What a record keeps, whoever writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod invariants;
mod json;
#[path = "../support/mod.rs"]
mod support;
