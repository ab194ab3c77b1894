//! A write happens whole or not at all, also against other writers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod races;
#[path = "../support/mod.rs"]
mod support;
mod undone;
