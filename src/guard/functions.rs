//! The SQL functions that guards, lists and repositories call, each with its flags and why.
//!
//! None is DETERMINISTIC but those that merge: identity is read when a statement runs, never when it was
//! prepared. All are INNOCUOUS, because triggers and views call them under `trusted_schema = OFF`;
//! where we own the connection, SQL that is not ours may call `acl_actor`, `acl_now` and `acl_merge`
//! only; where a host owns it, the guards refuse while a statement names any other.

use std::sync::{Arc, MutexGuard};

use rusqlite::functions::{Context as Call, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result as SqlResult};

use super::context::{Context, Ending, Entry, Merged, OpenWrite, State, cut};
use super::host::Host;
use super::hosted::HostConnection;
use crate::actor::Actor;
use crate::error::{ConflictKind, Error, Subject};
use crate::facts::{DataChange, Fact, Facts};
use crate::merge;
use crate::operation::{Action, Operation, Resource};
use crate::record::Time;
use crate::verdict::{self, Allowed, Refusal, Verdict};

/// Registers all functions on `conn`; they work on `context`.
pub(crate) fn register(conn: &Connection, context: &Arc<Context>) -> SqlResult<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let pure = flags | FunctionFlags::SQLITE_DETERMINISTIC;
    let host = Host::of(conn);
    let with = |context: &Arc<Context>| Arc::clone(context);

    // Who acts, and for an executor its session and task; NULL where there is none.
    let cx = with(context);
    conn.create_scalar_function("acl_actor", 0, flags, move |_| Ok(user(&cx.state())))?;
    let cx = with(context);
    conn.create_scalar_function("acl_session", 0, flags, move |_| {
        Ok(match &cx.state().actor {
            Some(Actor::Executor { session, .. }) => Some(session.as_str().to_owned()),
            _ => None,
        })
    })?;
    let cx = with(context);
    conn.create_scalar_function("acl_task", 0, flags, move |_| {
        Ok(match &cx.state().actor {
            Some(Actor::Executor { task, .. }) => Some(task.as_str().to_owned()),
            _ => None,
        })
    })?;
    conn.create_scalar_function("acl_now", 0, flags, |_| Ok(Time::now().as_millis()))?;

    // The guards proper.
    let cx = with(context);
    conn.create_scalar_function("acl_guard", -1, flags, move |call| kept(&cx, guard(call, &cx, &host)))?;
    let cx = with(context);
    conn.create_scalar_function("acl_guard_child", -1, flags, move |call| kept(&cx, guard_child(call, &cx)))?;

    let cx = with(context);
    conn.create_scalar_function("acl_undecodable", -1, flags, move |call| Ok(garbled(call, &cx.state())))?;

    // After the write: whether it is a cascade, its audit entry, and the entry's way into the audit.
    let cx = with(context);
    conn.create_scalar_function("acl_is_direct", 2, flags, move |call| direct(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_first_owner", 2, flags, move |call| first_owner(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_complete_write", 5, flags, move |call| kept(&cx, book(call, &cx)))?;
    let cx = with(context);
    conn.create_scalar_function("acl_entry", 1, flags, move |call| entry_field(call, &cx.state()))?;
    let cx = with(context);
    conn.create_scalar_function("acl_guard_audit", 18, flags, move |call| kept(&cx, admit(call, &cx)))?;
    let cx = with(context);
    conn.create_scalar_function("acl_audit_written", 1, flags, move |call| booked(call, &cx))?;

    // What repositories compute inside their statements.
    let cx = with(context);
    conn.create_scalar_function("acl_merge", 2, pure, move |call| merged(call, &mut cx.state()))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_data", 2, pure, move |call| Ok(next_data(call, &mut cx.state())))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_status", 2, flags, move |call| next_status(call, &mut cx.state()))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_completed_at", 4, flags, move |call| next_completed_at(call, &cx.state()))?;

    // Whether the actor may read a row: the filter of lists, and the answer about a single record.
    let cx = with(context);
    conn.create_scalar_function("acl_may_get", -1, flags, move |call| may_get(call, &mut cx.state(), false))?;
    let cx = with(context);
    conn.create_scalar_function("acl_get", -1, flags, move |call| may_get(call, &mut cx.state(), true))
}

/// The text of a failed function as SQLite hands it on.
#[derive(Debug, thiserror::Error)]
#[error("aclite: {0}")]
struct Failed(String);

pub(crate) fn failed(text: impl Into<String>) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(Failed(text.into())))
}

/// The state, for a function that only our triggers call: on a host's connection whoever runs SQL can
/// name it too, also by way of a view, and must not leave anything there.
fn trusted_state(context: &Context) -> SqlResult<MutexGuard<'_, State>> {
    if let Some(hosted) = context.host() {
        hosted.check_interference().map_err(failed)?;
    }
    Ok(context.state())
}

/// Keeps the audit entry of a refusal on a host's connection, where no store asks for it.
fn kept<T>(context: &Context, done: SqlResult<T>) -> SqlResult<T> {
    if done.is_err()
        && let Some(hosted) = context.host()
        && let Some((_, Some(entry))) = context.take_refusal()
    {
        hosted.keep(entry);
    }
    done
}

fn user(state: &State) -> Option<String> {
    state.actor.as_ref()?.user_id().map(|id| id.as_str().to_owned())
}

fn text<'a>(call: &'a Call<'_>, index: usize) -> SqlResult<&'a str> {
    let value = if index < call.len() { call.get_raw(index) } else { ValueRef::Null };
    value.as_str().map_err(|_| failed("a guard was called with an argument that is no text"))
}

fn resource(call: &Call<'_>, index: usize) -> SqlResult<Resource> {
    Resource::from_word(text(call, index)?).ok_or_else(|| failed("a guard named an unknown resource"))
}

/// The facts that a guard passes as name and value in turn, from argument `first` on.
fn facts<'a>(call: &'a Call<'_>, first: usize) -> SqlResult<Facts<'a>> {
    let mut facts = Facts::with_capacity((call.len().saturating_sub(first)) / 2 + 4);
    let mut index = first;
    while index + 1 < call.len() {
        facts.push(text(call, index)?, fact(call.get_raw(index + 1)));
        index += 2;
    }
    Ok(facts)
}

fn fact(value: ValueRef<'_>) -> Fact<'_> {
    match value {
        ValueRef::Null => Fact::Null,
        ValueRef::Integer(number) => Fact::Int(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Fact::Text(text),
            _ => Fact::Unusable,
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => Fact::Unusable,
    }
}

/// `acl_guard(resource, action, name, value, …)`: gathers the facts, asks the verdict, refuses or remembers.
fn guard(call: &Call<'_>, context: &Context, host: &Host) -> SqlResult<bool> {
    let resource = resource(call, 0)?;
    let action = Action::from_word(text(call, 1)?).ok_or_else(|| failed("a guard named an unknown action"))?;
    let asked = Operation::new(resource, action);
    let mut facts = facts(call, 2)?;
    facts.push("now", Fact::Int(Time::now().as_millis()));
    let verified = context.host().map_or(Ok(()), HostConnection::verify_connection);
    let mut state = context.state();
    if let Err(problem) = verified {
        let error = Error::broken(format!("the guard can't verify this connection: {problem}"));
        return Err(refuse(&mut state, error, None));
    }
    if let Some(hosted) = context.host() {
        hosted.forget_previous_statement(&mut state);
    }
    if let Some(merged) = state.merged.take() {
        facts.adopt_merge(&merged.stored, &merged.result, &merged.change);
    }
    if !host.foreign_keys() {
        // Without them a record's parent may be anything.
        let error = Error::broken("the guard can't verify this connection: `foreign_keys` is off");
        return Err(refuse(&mut state, error, None));
    }
    facts.confirm_cascade(|parent| {
        parent.split_once(' ').is_some_and(|(kind, id)| {
            let kind = Resource::from_word(kind);
            kind.and_then(|kind| state.position(kind, id))
                .is_some_and(|at| state.pending[at].asked.action == Action::Remove)
        })
    });
    // One-shot: whatever is judged next, the first owner comes now or not at all.
    let first_owner = state.first_owner.take();
    if resource == Resource::Owner {
        let owner = (facts.any_text("worktree"), facts.any_text("user"));
        facts.push("first_owner_due", Fact::Int(i64::from(first_owner == Some(owner))));
    }
    let nobody = Actor::Anonymous;
    let actor = state.actor.as_ref().unwrap_or(&nobody);
    let record = facts.any_text("id");
    match verdict::decide(actor, asked, &facts) {
        Verdict::Allowed(allowed) => {
            let entry = (allowed.audited && !allowed.cascade).then(|| allowed_entry(&state, &allowed, asked, &facts));
            // A raised epoch leaves no audit row.
            if resource != Resource::Epoch {
                let changed = facts.has("changed").then(|| facts.any_text("changed"));
                state.begin_write(OpenWrite { asked, record, changed, cascade: allowed.cascade, entry });
            }
            Ok(true)
        }
        Verdict::Refused(Refusal::Undecidable(problem)) => {
            let error = Error::broken(format!("the guard of {resource} `{record}` can't decide: {problem}"));
            Err(refuse(&mut state, error, None))
        }
        Verdict::Refused(refusal) => {
            let entry = refused_entry(&state, &refusal, asked, &facts);
            Err(refuse(&mut state, refusal.into(), Some(entry)))
        }
    }
}

/// `acl_undecodable(names, value, …)`: `text` and the name of the first value that is text which no reader could
/// read back: with a NUL, or not UTF-8. A repository's values are checked before they get here.
fn garbled(call: &Call<'_>, state: &State) -> Option<String> {
    if state.door == Some(super::Door::Api) {
        return None;
    }
    let is_sound = |index| match call.get_raw(index) {
        ValueRef::Text(bytes) => !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok(),
        _ => true,
    };
    let at = (1..call.len()).find(|index| !is_sound(*index))?;
    Some(format!("text {}", call.get_raw(0).as_str().ok()?.lines().nth(at - 1)?))
}

/// `acl_guard_child(parent kind, parent id, child kind, name, value, …)`: may the cascade remove these?
fn guard_child(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let parent = Subject { resource: resource(call, 0)?, id: text(call, 1)?.to_owned() };
    // The name of a further table stands for its rows.
    let child = Resource::from_word(text(call, 2)?).unwrap_or(Resource::Row);
    let facts = facts(call, 3)?;
    let mut state = trusted_state(context)?;
    // INVARIANT: the parent's own guard has run just before, in the same trigger.
    let Some(at) = state.position(parent.resource, &parent.id) else {
        return Err(failed("a child's guard was called without its parent's"));
    };
    // The removal that began the cascade has asked for everything below it.
    if state.pending[at].cascade {
        return Ok(true);
    }
    let nobody = Actor::Anonymous;
    let actor = state.actor.as_ref().unwrap_or(&nobody);
    match verdict::decide_child(actor, &parent, child, &facts) {
        Verdict::Allowed(_) => Ok(true),
        Verdict::Refused(Refusal::Undecidable(problem)) => {
            let error = Error::broken(format!("the guard of {parent} can't decide: {problem}"));
            Err(refuse(&mut state, error, None))
        }
        Verdict::Refused(refusal) => {
            let asked = Operation::new(parent.resource, Action::Remove);
            let mut entry = refused_entry(&state, &refusal, asked, &facts);
            entry.record = parent.id;
            Err(refuse(&mut state, refusal.into(), Some(entry)))
        }
    }
}

/// `acl_may_get(resource, name, value, …)`: may the actor read this row? `acl_get` also keeps the refusal.
fn may_get(call: &Call<'_>, state: &mut State, keep: bool) -> SqlResult<bool> {
    let asked = Operation::new(resource(call, 0)?, Action::Get);
    let facts = facts(call, 1)?;
    let actor = state.actor.as_ref().unwrap_or(&Actor::Anonymous);
    match verdict::decide(actor, asked, &facts) {
        Verdict::Allowed(_) => return Ok(true),
        Verdict::Refused(Refusal::Undecidable(problem)) => {
            let error = Error::broken(format!("whether a {} may be read: {problem}", asked.resource));
            if keep {
                return Err(refuse(state, error, None));
            }
            // In a list one damaged row harms no other, and tells nobody that it is there.
            tracing::error!(%error, "a row is left out of a list");
        }
        Verdict::Refused(refusal) if keep => state.refusal = Some((refusal.into(), None)),
        Verdict::Refused(_) => {}
    }
    Ok(false)
}

/// Remembers the whole error for the store, and gives SQLite what the caller may be told.
fn refuse(state: &mut State, error: Error, entry: Option<Entry>) -> rusqlite::Error {
    let told = match &error {
        Error::Storage(storage) => storage.context().to_owned(),
        _ => error.public().message,
    };
    state.refusal = Some((error, entry));
    failed(told)
}

fn entry(state: &State, asked: Operation, verdict: &'static str, facts: &Facts<'_>) -> Entry {
    let door = state.door.unwrap_or(super::Door::Sql);
    let actor = state.actor.as_ref().unwrap_or(&Actor::Anonymous);
    let mut entry = Entry::new(actor, door, asked, &facts.any_text("id"), verdict);
    let optional = |name| Some(cut(&facts.any_text(name))).filter(|text| !text.is_empty());
    entry.session_id = optional("session");
    entry.worktree_id = optional("worktree");
    if facts.has("changed") {
        entry.fields = Some(fields(&verdict::changed_fields(facts))).filter(|fields| !fields.is_empty());
    }
    entry
}

/// The names of what changes, but not more than a row can hold: a key of `data` may be as long as its sender likes.
fn fields(names: &[String]) -> String {
    const MOST: usize = 100;
    let mut fields: Vec<String> = names.iter().take(MOST).map(|name| cut(name)).collect();
    if names.len() > MOST {
        fields.push("…".to_owned());
    }
    fields.join(" ")
}

fn allowed_entry(state: &State, allowed: &Allowed, asked: Operation, facts: &Facts<'_>) -> Entry {
    let asked = Operation::new(asked.resource, allowed.action);
    Entry {
        needed: allowed.needed.map(|need| need.word()),
        held: allowed.held,
        why: allowed.why.clone(),
        ..entry(state, asked, "allowed", facts)
    }
}

fn refused_entry(state: &State, refusal: &Refusal, asked: Operation, facts: &Facts<'_>) -> Entry {
    let verdict = match refusal {
        Refusal::Conflict(_) => "conflict",
        Refusal::NotFound(_) => "missing",
        _ => "denied",
    };
    let mut entry = entry(state, asked, verdict, facts);
    match refusal {
        Refusal::Denied(denied) => {
            entry.operation = denied.operation.action.word();
            entry.needed = denied.needed.map(|need| need.word());
            entry.held = Some(denied.held.level.word());
            entry.why = if denied.why.is_empty() { denied.held.source.clone() } else { denied.why.clone() };
        }
        Refusal::NotAuthenticated => entry.why = "not signed in".to_owned(),
        Refusal::NotFound(missing) => entry.why = format!("no {}", missing.subject.resource),
        Refusal::Immutable(immutable) => entry.why = format!("`{}` can't change", immutable.field),
        Refusal::Conflict(conflict) => {
            entry.why = match &conflict.kind {
                ConflictKind::Duplicate => "duplicate".to_owned(),
                ConflictKind::Ended(status) => format!("ended as {status}"),
                ConflictKind::LastOwner(_) => "last owner".to_owned(),
            };
        }
        Refusal::Drift(_) => entry.why = "identity drift".to_owned(),
        Refusal::Invalid(invalid) => entry.why = format!("`{}` is invalid", invalid.field),
        Refusal::Undecidable(_) => {}
    }
    entry
}

fn pending(state: &State, call: &Call<'_>) -> SqlResult<Option<usize>> {
    let mut facts = Facts::default();
    facts.push("id", fact(call.get_raw(1)));
    // As the guard named the record, whatever its id is.
    Ok(state.position(resource(call, 0)?, &facts.any_text("id")))
}

/// `acl_is_direct(resource, record)`: whether the write under way is no cascade.
fn direct(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let state = context.state();
    Ok(pending(&state, call)?.is_some_and(|at| !state.pending[at].cascade))
}

/// `acl_first_owner(worktree, user)`: the worktree is inserted; its creator's row is due next.
fn first_owner(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let mut state = trusted_state(context)?;
    let (worktree, user) = (text(call, 0)?.to_owned(), text(call, 1)?.to_owned());
    let created = state.position(Resource::Worktree, &worktree);
    if created.is_none_or(|at| state.pending[at].asked.action != Action::Create) {
        return Err(failed("a worktree passed without its guard"));
    }
    state.first_owner = Some((worktree, user));
    Ok(true)
}

/// `acl_complete_write(resource, record, action, changed, rowid)`: matches the AFTER trigger to its BEFORE guard. True if an audit
/// row is due.
///
/// It has to be the guard of this write: one that a row left open which OR IGNORE passed over would put
/// something else into the audit.
///
/// Before an insert its rowid is -1 where none was given. A row that really lay there would look
/// like every new row's own place, and nobody could create any more.
fn book(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let state = &mut *trusted_state(context)?;
    // A write that no guard has seen: its BEFORE trigger was taken away.
    let at = pending(state, call)?.ok_or_else(|| failed("a write passed without its guard"))?;
    let closed = state.pending.remove(at);
    let changed = call.get_raw(3).as_str().ok();
    if closed.asked.action.word() != text(call, 2)? || closed.changed.as_deref() != changed {
        return Err(failed("a row was written twice at once"));
    }
    if matches!(call.get_raw(4), ValueRef::Integer(-1)) {
        let door = state.door.unwrap_or(super::Door::Sql);
        let actor = state.actor.as_ref().unwrap_or(&Actor::Anonymous);
        let mut entry = Entry::new(actor, door, closed.asked, &closed.record, "denied");
        entry.why = "`rowid` is invalid".to_owned();
        return Err(refuse(state, Error::invalid("rowid", "can't be -1"), Some(entry)));
    }
    state.entry = closed.entry;
    state.admitted = None;
    state.due = state.entry.is_some();
    Ok(state.due)
}

/// `acl_audit_written(last)`: fails unless the row that was owed is the audit's last one now.
fn booked(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let mut state = context.state();
    let last: Option<i64> = call.get(0)?;
    if state.due && (state.admitted.is_none() || state.admitted != last) {
        return Err(failed("the audit row of a write is missing"));
    }
    state.due = false;
    Ok(true)
}

/// A field of the entry that is due, by the name of its column.
fn entry_value<'a>(entry: &'a Entry, field: &str) -> Option<ValueRef<'a>> {
    let word = |word: &'a str| ValueRef::Text(word.as_bytes());
    let optional = |word: Option<&'a str>| word.map_or(ValueRef::Null, |word| ValueRef::Text(word.as_bytes()));
    Some(match field {
        "at" => ValueRef::Integer(entry.at),
        "door" => word(entry.door),
        "actor_kind" => word(entry.actor_kind),
        "actor" => word(&entry.actor),
        "operation" => word(entry.operation),
        "resource" => word(entry.resource),
        "record" => word(&entry.record),
        "session_id" => optional(entry.session_id.as_deref()),
        "worktree_id" => optional(entry.worktree_id.as_deref()),
        "verdict" => word(entry.verdict),
        "needed" => optional(entry.needed),
        "held" => optional(entry.held),
        "why" => word(&entry.why),
        "fields" => optional(entry.fields.as_deref()),
        _ => return None,
    })
}

/// `acl_entry(field)`: one column of the audit row that is due.
fn entry_field(call: &Call<'_>, state: &State) -> SqlResult<ToSqlOutput<'static>> {
    let entry = state.entry.as_ref().ok_or_else(|| failed("no audit row is due"))?;
    let value = entry_value(entry, text(call, 0)?).ok_or_else(|| failed("the audit has no such column"))?;
    Ok(ToSqlOutput::Owned(Value::try_from(value).map_err(|error| failed(error.to_string()))?))
}

/// `acl_guard_audit(next seq, epoch, NEW.seq, NEW.epoch, NEW.at, …)`: the guard of the audit. Lets in the
/// entry that is due, whole and once, and nothing else.
fn admit(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    const FIELDS: [&str; 14] = [
        "at",
        "door",
        "actor_kind",
        "actor",
        "operation",
        "resource",
        "record",
        "session_id",
        "worktree_id",
        "verdict",
        "needed",
        "held",
        "why",
        "fields",
    ];
    let mut state = trusted_state(context)?;
    let counted = call.get_raw(0) == call.get_raw(2) && call.get_raw(1) == call.get_raw(3);
    let ours = state.entry.take().is_some_and(|entry| {
        FIELDS.iter().enumerate().all(|(index, field)| entry_value(&entry, field) == Some(call.get_raw(index + 4)))
    });
    if !(counted && ours) {
        let asked = Operation::new(Resource::Audit, Action::Create);
        let facts = Facts::default();
        let actor = state.actor.clone().unwrap_or(Actor::Anonymous);
        let Verdict::Refused(refusal) = verdict::decide(&actor, asked, &facts) else {
            return Err(failed("the audit is not written from outside"));
        };
        let entry = refused_entry(&state, &refusal, asked, &facts);
        return Err(refuse(&mut state, refusal.into(), Some(entry)));
    }
    state.admitted = Some(call.get(2)?);
    Ok(true)
}

/// `acl_merge(stored, patch)`: the stored JSON object with the patch merged in deeply.
fn merged(call: &Call<'_>, state: &mut State) -> SqlResult<String> {
    let wrong = |error: merge::MergeError| failed(format!("`data` can't be merged: {error}"));
    merge_and_note(text(call, 0)?, text(call, 1)?, state).map_err(wrong)
}

/// `acl_next_data(stored, patch)`: the merged `data`; NULL where there is none, which the guard refuses.
///
/// An error here would come before the guard, and tell those who may not view the record of it.
fn next_data(call: &Call<'_>, state: &mut State) -> Option<String> {
    let (stored, patch) = (call.get_raw(0).as_str().ok()?, call.get_raw(1).as_str().ok()?);
    merge_and_note(stored, patch, state).ok()
}

/// Merges, and remembers what that changes: the guard of the same row need not compare the texts again.
fn merge_and_note(stored: &str, patch: &str, state: &mut State) -> Result<String, merge::MergeError> {
    merge::check_object(patch)?;
    let (result, keys) = merge::merge(stored, patch)?;
    let change = DataChange { keys: Some(keys), checked: true };
    state.merged = Some(Merged { stored: stored.to_owned(), result: result.clone(), change });
    Ok(result)
}

/// `acl_next_status(stored, given)`: the status that a patch of a task leaves behind.
fn next_status(call: &Call<'_>, state: &mut State) -> SqlResult<Value> {
    let (stored, given): (Value, Option<String>) = (call.get(0)?, call.get(1)?);
    let Value::Text(word) = &stored else { return Ok(given.map_or(stored, Value::Text)) };
    let Some(given) = given else { return Ok(stored) };
    if verdict::ending_stays(state.actor.as_ref(), word) {
        state.ending = Some(Ending::Already(word.clone()));
        return Ok(stored);
    }
    if verdict::is_final(&given) && !verdict::is_final(word) {
        state.ending = Some(Ending::First);
    }
    Ok(Value::Text(given))
}

/// `acl_next_completed_at(stored status, given status, stored, given)`: when a patched task ended.
///
/// The time of an ending that stays, stays. The first ending has a time: the one given, or now.
fn next_completed_at(call: &Call<'_>, state: &State) -> SqlResult<Value> {
    // A status that is no text is for the guard to refuse, which names it.
    let word = |index: usize| call.get_raw(index).as_str().unwrap_or_default();
    let (status, next) = (word(0), word(1));
    let (stored, given): (Value, Value) = (call.get(2)?, call.get(3)?);
    if verdict::ending_stays(state.actor.as_ref(), status) {
        return Ok(stored);
    }
    let ends = verdict::is_final(next) && !verdict::is_final(status);
    Ok(match given {
        Value::Null if ends => Value::Integer(Time::now().as_millis()),
        given => given,
    })
}
