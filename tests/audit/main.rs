//! A refusal says who was refused what and why: in the audit, and in the error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod errors;
mod rows;
#[path = "../support/mod.rs"]
mod support;
