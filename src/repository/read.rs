//! Reading one record: its row and the verdict on it in one statement.

use rusqlite::Row;
use rusqlite::types::Value;

use super::kind::Kind;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::guard::Readable;
use crate::operation::Action;
use crate::record::{Board, Group, Message, Record, Repo, Session, Task, User, Worktree, check_id};
use crate::store::{ReadTx, op, traced};
use crate::verdict;

/// How a record's row leads to what decides about it: expressions over the row `t`, and `s` where it has a session.
pub(crate) trait Stored: Record + Kind {
    /// The table as `t`, and what its worktree is found by.
    const FROM: &'static str;
    const SESSION: &'static str = "NULL";
    const WORKTREE: &'static str = "NULL";
    /// Whether it is the actor's own.
    const OWN: &'static str = "0";

    /// What reads a row for this actor.
    fn reader(_: &Actor) -> fn(&Row<'_>, usize) -> Result<Self> {
        Self::from_row
    }

    /// The expression that is true where the actor may read the row. `function` is `acl_get`, which
    /// keeps the refusal, or `acl_may_get`, which does not.
    fn may_get(function: &str) -> String {
        let readable = Readable {
            id: &format!("t.{}", Self::KEY),
            session: Self::SESSION,
            worktree: Self::WORKTREE,
            held: &format!("(SELECT held FROM main.acl_worktree_facts WHERE worktree_id = {})", Self::WORKTREE),
            own: Self::OWN,
        };
        readable.may_get(function, Self::RESOURCE)
    }
}

impl Stored for Worktree {
    const FROM: &'static str = "main.worktrees AS t";
    const WORKTREE: &'static str = "t.worktree_id";
    const OWN: &'static str = "t.created_by IS acl_actor()";
}

impl Stored for Session {
    const FROM: &'static str = "main.sessions AS t";
    const SESSION: &'static str = "t.session_id";
    const WORKTREE: &'static str = "t.worktree_id";
    const OWN: &'static str = "t.created_by IS acl_actor()";

    /// Within its scope an executor reads one session, its own, with its token.
    fn reader(actor: &Actor) -> fn(&Row<'_>, usize) -> Result<Self> {
        if matches!(actor, Actor::Executor { .. }) { Self::from_row_with_token } else { Self::from_row }
    }
}

impl Stored for Task {
    const FROM: &'static str = "main.tasks AS t LEFT JOIN main.sessions AS s ON s.session_id = t.session_id";
    const SESSION: &'static str = "t.session_id";
    const WORKTREE: &'static str = "s.worktree_id";
    const OWN: &'static str = "s.created_by IS acl_actor()";
}

impl Stored for Message {
    const FROM: &'static str = "main.messages AS t LEFT JOIN main.sessions AS s ON s.session_id = t.session_id";
    const SESSION: &'static str = "t.session_id";
    const WORKTREE: &'static str = "s.worktree_id";
    const OWN: &'static str = "s.created_by IS acl_actor()";
}

impl Stored for User {
    const FROM: &'static str = "main.users AS t";
    const OWN: &'static str = "t.user_id IS acl_actor()";
}

impl Stored for Group {
    const FROM: &'static str = "main.groups AS t";
}

impl Stored for Board {
    const FROM: &'static str = "main.boards AS t";
}

impl Stored for Repo {
    const FROM: &'static str = "main.repos AS t";
}

/// The record with this id, where the actor may read it.
pub(super) fn get<R: Stored>(tx: &ReadTx<'_>, id: &str) -> Result<R> {
    traced(op(R::RESOURCE, Action::Get), || {
        verdict::signed_in(tx.actor())?;
        check_id(R::KEY, id)?;
        let (may_get, columns) = (R::may_get("acl_get"), R::select_list("t"));
        let sql = format!("SELECT {may_get}, {columns} FROM {} WHERE t.{} = ?1", R::FROM, R::KEY);
        read_one(tx, id, &sql, &[Value::Text(id.to_owned())], R::reader(tx.actor()))
    })
}

/// The one row of a query whose first column is the verdict.
pub(super) fn read_one<R: Stored>(
    tx: &ReadTx<'_>,
    id: &str,
    sql: &str,
    params: &[Value],
    read: fn(&Row<'_>, usize) -> Result<R>,
) -> Result<R> {
    let resource = R::RESOURCE;
    let mut found = tx.rows(&format!("get {resource} `{id}`"), sql, params, |row| {
        let allowed: bool = row.get(0).map_err(|error| Error::storage("reading a verdict", error))?;
        Ok(allowed.then(|| read(row, 1)))
    })?;
    match found.pop() {
        Some(Some(record)) => record,
        Some(None) => Err(tx.take_refusal().unwrap_or_else(|| Error::not_found(resource, id))),
        None => Err(Error::not_found(resource, id)),
    }
}
