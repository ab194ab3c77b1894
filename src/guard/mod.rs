//! The guards: SQL functions that bring a row's facts to the verdict, their installation, their check.
//!
//! The triggers themselves stand in `sql/guards/`, what each user holds in `sql/access.sql`.

mod call;
mod check;
mod complete;
mod context;
mod detached;
mod entry;
mod extra_tables;
mod functions;
mod host;
mod install;
mod judge;
mod merging;
mod names;
mod others;
mod own_tables;
mod readable;
mod template;
mod upsert;
mod writer;

#[cfg(feature = "extension")]
pub(crate) use call::{failed, refused};
pub(crate) use check::{beyond_repair, check, examine};
pub(crate) use context::{Context, Ending};
#[cfg(feature = "extension")]
pub(crate) use context::{HostGuard, State, lock};
pub(crate) use detached::{accept_ourselves, refuse_ourselves};
pub(crate) use extra_tables::list as extra_tables;
pub(crate) use functions::register;
pub(crate) use host::{Host, has_moved};
pub(crate) use install::{GENERATION, check_tables, install, remove, seed};
pub(crate) use names::{is_ours_alone, spells_ours};
#[cfg(feature = "extension")]
pub(crate) use others::{Object, temp_problem};
pub(crate) use others::{foreign_triggers, has_foreign_triggers};
pub(crate) use readable::Readable;
pub(crate) use template::affinity;
pub(crate) use writer::quote;
