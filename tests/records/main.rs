//! A record keeps its ids, links, stamps and data as the API says, whoever writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod data;
mod fixed;
mod ids;
mod json;
mod links;
mod returned;
mod stamps;
#[path = "../support/mod.rs"]
mod support;
