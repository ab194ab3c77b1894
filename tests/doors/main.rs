//! Every way to write a row meets the guard.
//!
//! Guards made of triggers have been got round in many ways, each of which works unless something stops it. Here each is
//! tried on our connection through `tx.sql()`, on a host's that has loaded the extension, and on a plain one that knows
//! nothing of aclite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

mod attacks;
mod audit_insert;
mod busy;
mod cascades;
mod codes;
mod detached;
mod endings;
mod forgery;
mod host;
mod imports;
mod interrupted;
mod loading;
mod others;
mod own_tables;
mod plain;
mod refusals;
mod remembered;
mod rows;
mod sealing;
mod statements;
#[path = "../support/mod.rs"]
mod support;
mod surroundings;
mod text;
mod upserts;
mod who_acts;
mod world;
