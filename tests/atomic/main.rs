//! A write happens whole or not at all, also against other writers.
//!
//! The original hook swallowed the errors of its own look-ups: a run that could not be checked failed with "session_id
//! not found", and nobody learned why. Here a failure of the database is called one: never a denial, never "not found",
//! never success.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod closures;
mod damage;
mod locks;
mod many;
mod races;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod world;
