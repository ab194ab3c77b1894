//! A new row whose keys are taken. A BEFORE INSERT trigger does not see the conflict clause: the statement may update the
//! row that is there, leave it, fail or replace it.
//!
//! Where the actor may view the rows that are there, the new one is left unjudged. `DO UPDATE` fires the guard of updates,
//! `DO NOTHING` and OR IGNORE do nothing, a plain INSERT fails. REPLACE alone would put the row in unjudged: the AFTER INSERT
//! trigger refuses it, and so does the guard of the deletion that it begins with, where that is known to be one. Where one of
//! the rows is hidden, the new one is judged as a creation, which says that its id is taken.
//!
//! INVARIANT: the AFTER INSERT trigger passes a row only where a creation of its record is open. None is open of an unjudged
//! row: not when it is left so, nor when the deletion of a row in its place ends, whatever the cascade of that did.

use std::sync::Arc;

use rusqlite::Result as SqlResult;
use rusqlite::types::{Value, ValueRef};

use super::context::{Context, State, Unjudged};
use super::host::Host;
use super::readable::Readable;
use crate::catalog;
use crate::error::{Conflict, ConflictKind, Refusal, Subject};
use crate::operation::{Action, Resource};
use crate::sqlite::Prepared;
use crate::sqlite::function::Call;

/// What the rows that have a key of the new one are found by: a name of the rowid, or the key as one text.
#[derive(Debug, Clone, Copy)]
pub(super) enum FoundBy {
    Rowid(&'static str),
    Key,
}

/// Reads which rows have a key of the new one, from argument `first` on. Returns the place of the argument that follows.
pub(super) fn taken(call: &Call<'_>, first: usize) -> Result<(FoundBy, Vec<Value>, usize), String> {
    let wrong = || "the guard does not say which keys are taken".to_owned();
    let value = |at: usize| (at < call.len()).then(|| call.get_raw(at)).ok_or_else(wrong);
    let by = match value(first)?.as_str() {
        Ok("rowid") => FoundBy::Rowid("rowid"),
        Ok("_rowid_") => FoundBy::Rowid("_rowid_"),
        Ok("oid") => FoundBy::Rowid("oid"),
        Ok("key") => FoundBy::Key,
        _ => return Err(wrong()),
    };
    let ValueRef::Integer(count) = value(first + 1)? else { return Err(wrong()) };
    let end = first + 2 + usize::try_from(count).map_err(|_| wrong())?;
    let mut rows = Vec::new();
    for at in first + 2..end {
        match value(at)? {
            ValueRef::Null => {}
            row => {
                let row = Value::try_from(row).map_err(|_| wrong())?;
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    Ok((by, rows, end))
}

/// The ids of these rows, where the actor may view all of them; and the statement that asked, for a host's to keep.
pub(super) fn visible(
    context: &Context,
    host: &Host,
    resource: Resource,
    by: FoundBy,
    rows: &[Value],
) -> SqlResult<Option<(Vec<String>, Arc<Prepared>)>> {
    let Some(sql) = question(resource, by) else { return Ok(None) };
    let question = context.statement(host, &sql)?;
    let mut ids = Vec::new();
    for row in rows {
        let mut seen = false;
        question.run(&[ValueRef::from(row)], |found| {
            seen = found.integer(1) == 1;
            ids.push(found.text(0).into_owned());
        })?;
        if !seen {
            return Ok(None);
        }
    }
    Ok(Some((ids, question)))
}

/// The question whether the actor may get a row: its id, and the answer. The rows of further tables have no rule for that.
fn question(resource: Resource, by: FoundBy) -> Option<String> {
    let table = catalog::of(resource);
    // The facts as the views of `sql/facts.sql` have them.
    let (join, worktree, held, own) = match resource {
        Resource::Session | Resource::Task | Resource::Message => {
            let join = "LEFT JOIN main.acl_session_facts AS f ON f.session_id = t.session_id";
            (join, "f.worktree_id", "f.held", "f.own")
        }
        Resource::Worktree | Resource::Owner | Resource::Grant => {
            let join = "LEFT JOIN main.acl_worktree_facts AS f ON f.worktree_id = t.worktree_id";
            (join, "f.worktree_id", "f.held", "f.own")
        }
        Resource::User => ("", "NULL", "NULL", "t.user_id IS acl_actor()"),
        Resource::Row | Resource::Audit | Resource::Epoch | Resource::Meta => return None,
        _ => ("", "NULL", "NULL", "0"),
    };
    let separator = if matches!(resource, Resource::Rule | Resource::Setting) { "' '" } else { "'/'" };
    let id =
        table.key.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>().join(&format!(" || {separator} || "));
    let may_get = Readable { id: &id, session: "f.session_id", worktree, held, own }.may_get("acl_may_get", resource);
    let place = match by {
        FoundBy::Rowid(name) => format!("t.{name} = ?1"),
        FoundBy::Key => match table.key {
            [column] => format!("t.{column} = ?1"),
            columns => format!(
                "{} = ?1",
                columns.iter().map(|column| format!("t.{column}")).collect::<Vec<_>>().join(" || '/' || ")
            ),
        },
    };
    Some(format!("SELECT {id}, {may_get} FROM main.{} AS t {join} WHERE {place}", table.name))
}

/// Leaves a new row unjudged. A creation of the same record that was left open allows nothing.
pub(super) fn leave_unjudged(state: &mut State, unjudged: Unjudged) {
    let Subject { resource, id } = &unjudged.subject;
    if let Some(at) = state.position(*resource, id)
        && state.pending[at].asked.action == Action::Create
    {
        state.pending.remove(at);
    }
    state.unjudged = Some(unjudged);
}

/// Whether an unjudged row would take the place of this one, or is it.
pub(super) fn takes_place(unjudged: &Unjudged, resource: Resource, record: &str) -> bool {
    unjudged.subject.resource == resource
        && (unjudged.subject.id == record || unjudged.there.iter().any(|there| there == record))
}

/// The refusal of a REPLACE onto this record.
pub(super) fn replaced(subject: Subject) -> Refusal {
    Refusal::Conflict(Conflict { subject, kind: ConflictKind::Replaced })
}
