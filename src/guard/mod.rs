//! The guards: SQL functions that bring a row's facts to the verdict, their installation, their check.
//!
//! The triggers themselves stand in `sql/guards/`, what each user holds in `sql/access.sql`.

mod check;
mod context;
mod functions;
mod further;
mod host;
mod hosted;
mod install;
mod names;
mod template;
mod writer;

pub(crate) use check::{beyond_repair, check};
#[cfg(feature = "extension")]
pub(crate) use context::State;
pub(crate) use context::{Context, Door, Ending, Entry};
#[cfg(feature = "extension")]
pub(crate) use functions::failed;
pub(crate) use functions::register;
pub(crate) use further::list as further_tables;
pub(crate) use host::has_moved;
#[cfg(feature = "extension")]
pub(crate) use hosted::HostConnection;
pub(crate) use install::{GENERATION, check_tables, install, remove, seed};
pub(crate) use names::{is_ours_alone, spells_ours};
pub(crate) use template::{GUARDED, affinity, is_guarded};
pub(crate) use writer::quote;
