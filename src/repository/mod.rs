//! The repositories: one file a record, its SQL as methods of a transaction.
//!
//! They hold no rule. Writes meet the guards of their tables; reads call the same verdict.

mod list;
mod messages;
mod read;
mod resolve;
mod sessions;
mod tasks;
mod worktrees;
mod write;

pub use list::{Cursor, Order, Page};
pub use messages::{MessageQuery, Messages, MessagesMut};
pub use sessions::{SessionQuery, Sessions, SessionsMut};
pub use tasks::{Ended, Patched, TaskQuery, Tasks, TasksMut};
pub use worktrees::{WorktreeQuery, Worktrees, WorktreesMut};
