//! Permission enforced by SQLite itself, for the sessions, tasks and messages of an agent-orchestration daemon.
//!
//! Users own *worktrees*, run agent *sessions* in them, and agents report through *tasks* and
//! *messages*. Permission lives on the worktree; all else inherits it. A write looks its parents
//! up, is judged and is done in one statement, so that nothing can change in between:
//!
//! ```
//! use aclite::{Actor, Store, TaskPatch, TaskStatus};
//!
//! # fn main() -> aclite::Result<()> {
//! let store = Store::open(":memory:")?;
//! let refused = store.write(&Actor::user("u-mallory"), |tx| {
//!     tx.tasks().patch("t-1", TaskPatch::new().status(TaskStatus::Completed))
//! });
//! assert_eq!(refused.unwrap_err().public().status, 404);
//! # Ok(())
//! # }
//! ```
//!
//! | feature | what it adds |
//! |---|---|
//! | `bundled` (default) | SQLite, compiled in |
//! | `cli` | the `aclite` command |
//! | `extension` | the bindings of a loadable extension; excludes `bundled` |

#[cfg(all(feature = "bundled", feature = "extension"))]
compile_error!(
    "the features `bundled` and `extension` exclude each other: an extension takes SQLite from its host. \
     Build it with `--no-default-features --features extension`"
);

mod actor;
mod audit;
mod catalog;
mod error;
#[cfg(feature = "extension")]
mod extension;
mod facts;
mod guard;
mod level;
mod merge;
mod operation;
mod record;
mod repository;
mod sealed;
mod sql_text;
mod sqlite;
mod store;
mod verdict;
mod word;

pub use actor::Actor;
pub use audit::AuditRow;
pub use error::{
    Ambiguous, Conflict, ConflictKind, Denied, Error, IdentityDrift, Immutable, Incompatible, Invalid, NotFound,
    PublicError, Result, Storage, Subject, Tampered,
};
pub use level::{Held, Level, Need, RoleRank};
pub use operation::{Action, Operation, Resource};
pub use record::{
    AgenticTool, Board, BoardId, BoardPatch, Grant, Group, GroupId, GroupPatch, Membership, Message, MessageId,
    MessagePatch, MessageRole, MessageType, NewBoard, NewGroup, NewMessage, NewRepo, NewSession, NewTask, NewUser,
    NewWorktree, Repo, RepoId, RepoPatch, Role, Session, SessionId, SessionPatch, SessionStatus, Sharing, Task, TaskId,
    TaskPatch, TaskStatus, Time, User, UserId, UserPatch, Worktree, WorktreeId, WorktreeOwner, WorktreePatch,
};
pub use repository::{
    Access, Audit, BoardQuery, Boards, BoardsMut, Credentials, Cursor, Ended, GrantClaim, GroupQuery, Groups,
    GroupsMut, Kind, MessageQuery, Messages, MessagesMut, Order, Page, Patched, Query, Records, RecordsMut, RepoQuery,
    Repos, ReposMut, SessionQuery, Sessions, SessionsMut, TaskQuery, Tasks, TasksMut, UserQuery, Users, UsersMut,
    WorktreeQuery, Worktrees, WorktreesMut,
};
pub use sealed::Sealed;
pub use store::{
    AdoptReport, Adoption, CheckReport, Durability, OpenOptions, ReadTx, RuleDifference, Sql, Store, TableGuard, Tx,
};
pub use word::UnknownWord;

/// The version of rusqlite that [`Sql`] speaks: its parameters and rows.
pub use rusqlite;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
