//! A file is opened only where its tables and guards are the ones this version makes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod adopted;
mod checked;
mod detached;
mod migrated;
mod opened;
mod restored;
#[path = "../support/mod.rs"]
mod support;
mod unfit;
mod watched;
