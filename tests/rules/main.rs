//! The stored rules decide every access: by level, role, ownership and group, at every door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod disguise;
mod further;
mod grid;
mod groups;
mod hooks;
mod model;
mod people;
mod reserved;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod town;
mod users;
