//! The documentation and the examples agree with the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod daemon;
mod pages;
#[path = "../support/mod.rs"]
mod support;
