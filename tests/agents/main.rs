//! An agent has its user's rights, without what its user did not decide: users, owners, levels, permissions, other
//! people's prompts, and what a privileged helper acts on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod audited;
mod bounds;
mod estate;
mod reads;
mod session;
#[path = "../support/mod.rs"]
mod support;
