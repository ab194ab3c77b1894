//! Permission enforced by SQLite itself, for the sessions, tasks and messages of an agent-orchestration daemon.
//!
//! Users own *worktrees*, run agent *sessions* in them, and agents report through *tasks* and *messages*. Permission
//! lives on the worktree, and everything in it inherits that. A write looks up its parents, is decided and is done in one
//! statement, so nothing can change in between.
//!
//! ```
//! use aclite::{
//!     Actor, AgenticTool, NewRepo, NewSession, NewTask, NewUser, NewWorktree, Sharing, Store, TaskPatch, TaskStatus,
//! };
//!
//! fn main() -> aclite::Result<()> {
//!     let store = Store::open(":memory:")?; // or a path
//!
//!     // The daemon prepares: a user, and for them a worktree with a session and a task.
//!     let daemon = Actor::system("first start");
//!     store.write(&daemon, |tx| {
//!         tx.users().create(NewUser::new("bo@example.com").password("a hash").id("bo"))?;
//!         tx.repos().create(NewRepo::new("acme/app").id("r"))?;
//!         let worktree = NewWorktree::new("r").name("fix").git_ref("main").others_can(Sharing::None);
//!         tx.worktrees().create(worktree.id("w").created_by("bo"))?;
//!         tx.sessions().create(NewSession::new("w", AgenticTool::ClaudeCode).id("s").created_by("bo"))?;
//!         tx.tasks().create(NewTask::new("s").id("t").created_by("bo").set("full_prompt", "fix the build"))
//!     })?;
//!
//!     // Bo patches the task by its id alone.
//!     let running = TaskPatch::new().status(TaskStatus::Running);
//!     let patched = store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t", running))?;
//!     assert_eq!(patched.task.status, TaskStatus::Running);
//!
//!     // A stranger may not, and is told what they would be told of a task that does not exist.
//!     let stopped = TaskPatch::new().status(TaskStatus::Stopped);
//!     let refused = store.write(&Actor::user("mallory"), |tx| tx.tasks().patch("t", stopped)).unwrap_err();
//!     assert!(refused.is_denied());
//!     assert_eq!(refused.public().status, 404);
//!
//!     // The audit holds both.
//!     for row in store.read(&daemon, |tx| tx.audit().tail(2))? {
//!         println!("{} {} {} {}: {}", row.actor, row.operation, row.resource, row.record, row.verdict);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! It prints `bo patch task t: allowed` and `mallory patch task t: denied`.
//!
//! Where to go on: [`Store`] runs transactions, [`Tx`] and [`ReadTx`] hold the repositories ([`TasksMut`], [`WorktreesMut`] …),
//! [`Actor`] says who acts, [`Error`] why something was not done, and [`Sealed`] runs SQL that nobody trusts. In the examples
//! of the repositories `bo` owns the worktree `w-1` with the session `s-1`, the task `t-1` and the message `m-1`; `cy` is
//! another user, in the group `g-1`; `daemon` is [`Actor::system`].
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
mod json;
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
    Access, Audit, BoardQuery, Boards, BoardsMut, Credentials, Cursor, EndingOutcome, GrantClaim, GroupQuery, Groups,
    GroupsMut, Kind, MessageQuery, Messages, MessagesMut, Order, Page, PatchedTask, Query, Records, RecordsMut,
    RepoQuery, Repos, ReposMut, SessionQuery, Sessions, SessionsMut, TaskQuery, Tasks, TasksMut, UserQuery, Users,
    UsersMut, WorktreeQuery, Worktrees, WorktreesMut,
};
pub use sealed::Sealed;
pub use store::{
    AdoptReport, Adoption, CheckReport, DetachReport, Durability, Migration, OpenOptions, ReadTx, RuleDifference, Sql,
    Store, TableGuard, Tx,
};
pub use word::UnknownWord;

/// The version of rusqlite that [`Sql`] speaks: its parameters and rows.
pub use rusqlite;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
