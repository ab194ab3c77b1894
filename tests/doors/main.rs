//! Every way to write a row meets the guard.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod attacks;
mod cascades;
mod host;
mod rows;
#[path = "../support/mod.rs"]
mod support;
