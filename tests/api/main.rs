//! The public types: which threads may use them, and what their words are as text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod threads;
mod words;
