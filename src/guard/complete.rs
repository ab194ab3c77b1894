//! The functions of the AFTER triggers, and the guard of the audit.

use std::sync::Arc;

use rusqlite::Result as SqlResult;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::call::{failed, resource, text, trusted_state};
use super::context::{Context, Due, Stage, State};
use super::entry;
use super::host::Host;
use super::judge::{refuse, unverified};
use super::upsert;
use crate::audit::{Door, Entry};
use crate::error::{Error, Result};
use crate::facts::{Fact, Facts};
use crate::operation::{Action, Operation, Resource};
use crate::sqlite::Prepared;
use crate::sqlite::function::Call;
use crate::verdict;

fn pending(state: &State, resource: Resource, record: ValueRef<'_>) -> Option<usize> {
    // As the guard named the record, whatever its id is.
    let facts = Facts::new(&[Fact::Id], vec![record]).ok()?;
    state.position(resource, &facts.any_text(Fact::Id))
}

/// `acl_complete_write(resource, action, record, rowid)`: matches the AFTER trigger to its BEFORE guard, and writes
/// the audit row that is due. `rowid` is that of a new row, else NULL.
///
/// Before an insert the rowid is -1 where none was given. A row that really lay there would look
/// like every new row's own place, and nobody could create any more.
pub(super) fn complete_write(call: &Call<'_>, context: &Context, host: &Host) -> SqlResult<ToSqlOutput<'static>> {
    let done = ToSqlOutput::Owned(Value::Integer(1));
    let resource = resource(call, 0)?;
    let mut state = trusted_state(context)?;
    // A function of the host's, called by RETURNING, can roll back the very write that is to be audited.
    if !host.writes() {
        return Err(failed("the transaction of a write is over before its audit row"));
    }
    let Some(at) = pending(&state, resource, call.get_raw(2)) else {
        let record = call.get_raw(2).as_str().unwrap_or_default();
        let unjudged = state.unjudged.take().filter(|unjudged| upsert::takes_place(unjudged, resource, record));
        return Err(match unjudged {
            Some(unjudged) => refuse(&mut state, upsert::replaced(unjudged.subject).into(), None),
            // A write that no guard has seen: its BEFORE trigger was taken away.
            None => failed("a write passed without its guard"),
        });
    };
    let closed = state.pending.remove(at);
    if closed.asked.action.as_str() != text(call, 1)? {
        return Err(failed("a row was written twice at once"));
    }
    if matches!(call.get_raw(3), ValueRef::Integer(-1)) {
        let actor = state.acting();
        let door = state.door.unwrap_or(Door::Sql);
        let mut entry = Entry::new(actor, door, closed.asked, &closed.record, "denied");
        entry.explain(actor, "`rowid` is invalid");
        return Err(refuse(&mut state, Error::invalid("rowid", "can't be -1"), Some(entry)));
    }
    if let Some(unjudged) = closed.in_place_of {
        upsert::leave_unjudged(&mut state, unjudged);
    }
    if closed.completes {
        if let Some(completing) = &mut state.completing {
            completing.stage = Stage::Stored;
        }
        return Ok(done);
    }
    if closed.stored.is_some() {
        state.stored = closed.stored;
    }
    drop(state);
    match finish(context, host, closed.asked.resource, &closed.record, closed.due, closed.entry.as_ref()) {
        // A host's statement keeps what its next row needs; on a connection of ours it stays anyway.
        Ok(statements) if context.host().is_some() => Ok(ToSqlOutput::new_boxed(statements, c"aclite statements")),
        Ok(_) => Ok(done),
        Err(error) => Err(refuse(&mut context.state(), error, None)),
    }
}

/// Stores what is due of the row, and writes its audit row. Returns the statements that did it.
fn finish(
    context: &Context,
    host: &Host,
    resource: Resource,
    record: &str,
    due: Option<Box<Due>>,
    entry: Option<&Entry>,
) -> Result<[Option<Arc<Prepared>>; 2]> {
    let mut statements = [None, None];
    if let Some(due) = due {
        let failed = |error| Error::storage(format!("the row could not be completed: {error}"), error);
        let completed = context.complete(host, resource, record, *due).map_err(failed)?;
        statements[0] = Some(completed.ok_or_else(|| Error::broken("the row could not be completed"))?);
    }
    if let Some(entry) = entry {
        let written = context.write_audit(host, entry);
        match written.map_err(|error| Error::storage("writing an audit row", error))? {
            Some((insert, true)) => statements[1] = Some(insert),
            _ => return Err(Error::broken("the audit row of a write is missing")),
        }
    }
    Ok(statements)
}

/// `acl_guard_audit()`: the guard of the audit. Lets in the row that is being written right now, once, and nothing else.
///
/// INVARIANT: what is admitted is armed by [`Context::write_audit`] alone, right before its one statement runs. A row
/// that a callback of the host's put in first would take the admission, and the write that is audited would fail with
/// all that came of it.
pub(super) fn guard_audit(context: &Context) -> SqlResult<bool> {
    let mut state = context.state();
    if std::mem::take(&mut state.admitted) {
        return Ok(true);
    }
    drop(state);
    // Who spells the function writes no audit row, and so is not refused one.
    let verified = context.host().map(|host| host.verify_connection()).transpose();
    let mut state = context.state();
    if let Err(problem) = verified {
        return Err(refuse(&mut state, unverified(&problem), None));
    }
    let asked = Operation::new(Resource::Audit, Action::Create);
    let facts = Facts::default();
    let Err(refusal) = verdict::decide(state.acting(), asked, &facts) else {
        return Err(failed("the audit is not written from outside"));
    };
    let entry = entry::refused(&state, &refusal, asked, &facts);
    Err(refuse(&mut state, refusal.into(), Some(entry)))
}

/// `acl_is_direct(resource, record)`: whether the write under way is neither a cascade nor a completion.
pub(super) fn is_direct(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let state = context.state();
    let at = pending(&state, resource(call, 0)?, call.get_raw(1));
    Ok(at.is_some_and(|at| !state.pending[at].cascade && !state.pending[at].completes))
}

/// `acl_first_owner(worktree, user)`: the worktree is inserted; its creator's row is due next.
pub(super) fn first_owner(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let mut state = trusted_state(context)?;
    let (worktree, user) = (text(call, 0)?.to_owned(), text(call, 1)?.to_owned());
    let created = state.position(Resource::Worktree, &worktree);
    if created.is_none_or(|at| state.pending[at].asked.action != Action::Create) {
        return Err(failed("a worktree passed without its guard"));
    }
    state.first_owner = Some((worktree, user));
    Ok(true)
}
