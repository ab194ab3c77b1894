//! Records: their types, what creates and what patches one, and how each is read and written as
//! JSON. No SQL but the names of tables and columns.
//!
//! `define.rs` makes a record from one list of columns; the files of the records hold those lists.

#[macro_use]
mod define;

mod board;
mod column;
mod data;
mod fields;
mod given;
mod group;
mod id;
mod message;
mod owner;
mod repo;
mod row;
mod secret;
mod session;
mod task;
mod time;
mod user;
mod word;
mod worktree;

use rusqlite::Row;

use crate::catalog;
use crate::error::{Error, Result};
use crate::operation::Resource;

pub use board::{Board, BoardPatch, NewBoard};
pub use group::{Grant, Group, GroupPatch, Membership, NewGroup};
pub use id::{BoardId, GroupId, MessageId, RepoId, SessionId, TaskId, UserId, WorktreeId};
pub use message::{Message, MessagePatch, NewMessage};
pub use owner::WorktreeOwner;
pub use repo::{NewRepo, Repo, RepoPatch};
pub use session::{NewSession, Session, SessionPatch};
pub use task::{NewTask, Task, TaskPatch};
pub use time::Time;
pub use user::{NewUser, User, UserPatch};
pub use word::{AgenticTool, MessageRole, MessageType, Role, SessionStatus, Sharing, TaskStatus};
pub use worktree::{NewWorktree, Worktree, WorktreePatch};

pub(crate) use column::{Column, Kind};
pub(crate) use data::{redact, shown};
pub(crate) use fields::Fields;
pub(crate) use row::Source;

/// Refuses an id that no record may have; `field` is its name in the error.
pub(crate) fn check_id(field: &str, id: &str) -> Result<()> {
    column::check_id(id).map_err(|problem| Error::invalid(field, problem))
}

/// What the repositories need to know of a kind of record.
pub(crate) trait Record: Sized {
    /// Its kind, in rules and errors.
    const RESOURCE: Resource;
    /// Its table.
    const TABLE: &'static str;
    /// The column of its id.
    const KEY: &'static str;
    /// The columns that a `SELECT` lists: the key first, `data`, where there is one, last.
    const COLUMNS: &'static [Column];

    /// Columns that are written and never read: secrets.
    const WRITE_ONLY: &'static [Column] = &[];

    /// Keys of `data` that reading leaves out: secrets.
    const HIDDEN: &'static [&'static str] = catalog::of(Self::RESOURCE).secrets.hidden;

    /// Keys of `data` of which reading tells what is set, and not to what: secrets.
    const MASKED: &'static [&'static str] = catalog::of(Self::RESOURCE).secrets.masked;

    /// Reads the record from the columns of [`Record::COLUMNS`].
    ///
    /// # Errors
    /// `Storage`, naming record and column, where a column can't be read.
    fn read(source: Source<'_>) -> Result<Self>;

    /// The record in a row of a query, its first column at `offset`.
    ///
    /// # Errors
    /// As [`Record::read`].
    fn from_row(row: &Row<'_>, offset: usize) -> Result<Self> {
        Self::read(Source::Row(row, offset))
    }

    /// The columns as a `SELECT` of the table alias `prefix` lists them: `t."task_id", t."data"`.
    fn select_list(prefix: &str) -> String {
        let columns: Vec<String> = Self::COLUMNS.iter().map(|column| format!("{prefix}.\"{}\"", column.name)).collect();
        columns.join(", ")
    }

    /// The column of this name.
    fn column(name: &str) -> Option<&'static Column> {
        Self::COLUMNS.iter().find(|column| column.name == name)
    }
}
