//! Reading one record: its row and the verdict on it in one statement.

use rusqlite::Row;
use rusqlite::types::Value;

use crate::error::{Error, Result};
use crate::operation::Action;
use crate::record::{Board, Group, Message, Record, Repo, Session, Task, User, Worktree, check_id};
use crate::store::{ReadTx, op, traced};
use crate::verdict;

/// How a record's row leads to what decides about it.
pub(crate) trait Stored: Record {
    /// The table as `t`, and what its worktree is found by.
    const FROM: &'static str;

    /// The facts that decide whether the row may be read, as names and values.
    fn facts() -> String;

    /// The expression that is true where the actor may read the row. `function` is `acl_get`, which
    /// keeps the refusal, or `acl_may_get`, which does not.
    fn may_get(function: &str) -> String {
        let (resource, key, facts) = (Self::RESOURCE.word(), Self::KEY, Self::facts());
        format!(
            "{function}('{resource}', 'id', t.{key}, {facts},
               'rule', (SELECT rule FROM main.acl_rule WHERE resource = '{resource}' AND operation = 'get'))"
        )
    }
}

/// The facts about a row that hangs on a worktree: its session, its worktree, and whether it is the actor's own.
fn inherited(session: &str, worktree: &str, own: &str) -> String {
    format!(
        "'session', {session}, 'worktree', {worktree}, 'own', {own},
         'held', (SELECT held FROM main.acl_worktree_facts WHERE worktree_id = {worktree}),
         'scope', (SELECT 1 FROM main.acl_executor_facts)"
    )
}

/// The facts about a row that hangs on no worktree: the actor's role, and whether it is the actor's own.
fn common(own: &str) -> String {
    format!("'actor_role', (SELECT role FROM main.acl_actor_facts), 'own', {own}")
}

impl Stored for Worktree {
    const FROM: &'static str = "main.worktrees AS t";

    fn facts() -> String {
        inherited("NULL", "t.worktree_id", "t.created_by IS acl_actor()")
    }
}

impl Stored for Session {
    const FROM: &'static str = "main.sessions AS t";

    fn facts() -> String {
        inherited("t.session_id", "t.worktree_id", "t.created_by IS acl_actor()")
    }
}

impl Stored for Task {
    const FROM: &'static str = "main.tasks AS t LEFT JOIN main.sessions AS s ON s.session_id = t.session_id";

    fn facts() -> String {
        inherited("t.session_id", "s.worktree_id", "s.created_by IS acl_actor()")
    }
}

impl Stored for Message {
    const FROM: &'static str = "main.messages AS t LEFT JOIN main.sessions AS s ON s.session_id = t.session_id";

    fn facts() -> String {
        inherited("t.session_id", "s.worktree_id", "s.created_by IS acl_actor()")
    }
}

impl Stored for User {
    const FROM: &'static str = "main.users AS t";

    fn facts() -> String {
        common("t.user_id IS acl_actor()")
    }
}

impl Stored for Group {
    const FROM: &'static str = "main.groups AS t";

    fn facts() -> String {
        common("0")
    }
}

impl Stored for Board {
    const FROM: &'static str = "main.boards AS t";

    fn facts() -> String {
        common("0")
    }
}

impl Stored for Repo {
    const FROM: &'static str = "main.repos AS t";

    fn facts() -> String {
        common("0")
    }
}

/// The record with this id, read by `read`, where the actor may read it.
pub(super) fn get<R: Stored>(tx: &ReadTx<'_>, id: &str, read: fn(&Row<'_>, usize) -> Result<R>) -> Result<R> {
    traced(op(R::RESOURCE, Action::Get), || {
        verdict::signed_in(tx.actor())?;
        check_id(R::KEY, id)?;
        let (may_get, columns) = (R::may_get("acl_get"), R::select_list("t"));
        let sql = format!("SELECT {may_get}, {columns} FROM {} WHERE t.{} = ?1", R::FROM, R::KEY);
        one(tx, id, &sql, &[Value::Text(id.to_owned())], read)
    })
}

/// The one row of a query whose first column is the verdict.
pub(super) fn one<R: Stored>(
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
