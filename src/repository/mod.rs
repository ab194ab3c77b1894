//! The repositories: one file a record, its SQL as methods of a transaction.
//!
//! They hold no rule. Writes meet the guards of their tables; reads call the same verdict.

mod access;
mod audit;
mod boards;
mod groups;
mod kind;
mod list;
mod messages;
mod read;
mod records;
mod repos;
mod resolve;
mod sessions;
mod tasks;
mod transaction;
mod users;
mod worktrees;
mod write;

pub use access::{Access, GrantClaim};
pub use audit::Audit;
pub use boards::{BoardQuery, Boards, BoardsMut};
pub use groups::{GroupQuery, Groups, GroupsMut};
pub use kind::Kind;
pub use list::{Cursor, Order, Page, Query};
pub use messages::{MessageQuery, Messages, MessagesMut};
pub(crate) use read::Stored;
pub use records::{Records, RecordsMut};
pub use repos::{RepoQuery, Repos, ReposMut};
pub use sessions::{SessionQuery, Sessions, SessionsMut};
pub use tasks::{EndingOutcome, PatchedTask, TaskQuery, Tasks, TasksMut};
pub use users::{Credentials, UserQuery, Users, UsersMut};
pub use worktrees::{WorktreeQuery, Worktrees, WorktreesMut};
