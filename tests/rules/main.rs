//! Every write is decided by the stored rules: level, role, ownership and group, at every door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod further;
mod grid;
mod hooks;
mod model;
mod people;
mod privilege;
#[path = "../support/mod.rs"]
mod support;
