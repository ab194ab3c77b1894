//! The functions that bring a row's facts to the verdict.

use std::any::Any;
use std::sync::Arc;

use rusqlite::Result as SqlResult;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::call::{failed, resource, text, trusted_state};
use super::context::{Completing, Context, Due, OpenWrite, Stage, State, Stored, Unjudged};
use super::entry;
use super::host::Host;
use super::upsert::{self, FoundBy};
use crate::actor::Actor;
use crate::audit::{Door, Entry};
use crate::catalog;
use crate::error::{Error, Refusal, Subject, Told};
use crate::facts::{CHILD, Fact, Facts, Reading, Row, contract};
use crate::operation::{Action, Operation, Resource};
use crate::record::Time;
use crate::sqlite::function::Call;
use crate::verdict::{self, Completion};

/// `acl_guard(resource, action, fact, …, row)`: asks the verdict about a row, refuses or remembers.
///
/// The facts are those of [`contract`]. The row follows where one is written: which rows have a key of a new one, as
/// [`upsert::taken`] reads it, in an update whether a key is taken and whether the rowid changes; the number of chunks,
/// and the last chunk as [`chunk`] takes it.
pub(super) fn guard(call: &Call<'_>, context: &Context, host: &Host) -> SqlResult<ToSqlOutput<'static>> {
    let asked = asked(call)?;
    let Operation { resource, action } = asked;
    let verified = context.host().map(|host| host.verify_connection()).transpose();
    let mut state = context.state();
    let verified = match verified {
        Ok(verified) => verified,
        Err(problem) => return Err(refuse(&mut state, unverified(&problem), None)),
    };
    if let Some(hosted) = context.host() {
        hosted.forget_previous_statement(&mut state);
    }
    if state.auditing {
        return Err(refuse(&mut state, unverified("an audit row is being written"), None));
    }
    if !host.foreign_keys() {
        // Without them a record's parent may be anything.
        return Err(refuse(&mut state, unverified("`foreign_keys` is off"), None));
    }
    let (mut facts, found_by) = match gather(call, asked, &mut state) {
        Ok(gathered) => gathered,
        Err(problem) => return Err(undecidable(&mut state, asked, "", &problem)),
    };
    facts.now = Time::now().as_millis();
    // A patch is merged with what is stored, which is read before it counts as checked.
    facts.from_map = action == Action::Create && state.door == Some(Door::Api) && state.wanted == Some(resource);
    if state.completing.is_some() {
        return admit(&mut state, asked, facts, verified);
    }
    // The epoch goes up between a row and the end of its write.
    let unjudged = if resource == Resource::Epoch { None } else { state.unjudged.take() };
    let in_place_of = unjudged.filter(|unjudged| {
        asked.action == Action::Remove && upsert::takes_place(unjudged, resource, &facts.any_text(Fact::Id))
    });
    // Said at once where the statement is known to replace. A mark that an earlier statement of a host's left refuses nothing.
    if in_place_of.is_some() && context.host().is_none_or(|host| host.spells("replace")) {
        let replaced = upsert::replaced(Subject { resource, id: facts.any_text(Fact::Id) });
        let entry = entry::refused(&state, &replaced, asked, &facts);
        return Err(refuse(&mut state, replaced.into(), Some(entry)));
    }
    if let Some(by) = found_by.filter(|_| facts.row.key_taken && state.door != Some(Door::Api)) {
        // No lock is held here: the statement that asks calls functions which take it.
        drop(state);
        let visible = upsert::visible(context, host, resource, by, &facts.row.taken);
        state = context.state();
        match visible {
            Ok(Some((there, question))) => {
                let subject = Subject { resource, id: facts.any_text(Fact::Id) };
                upsert::leave_unjudged(&mut state, Unjudged { subject, there });
                return Ok(passed(verified.map(|verified| (verified, question))));
            }
            Ok(None) => {}
            Err(error) => {
                return Err(refuse(&mut state, Error::storage("looking at the row that is there", error), None));
            }
        }
    }
    if let Some(merged) = state.merged.take() {
        facts.adopt_merge(&merged.stored, &merged.result, merged.change);
    }
    // One-shot: whatever is judged next, the first owner comes now or not at all.
    let first_owner = state.first_owner.take();
    if resource == Resource::Owner {
        facts.first_owner_due = first_owner == Some((facts.any_text(Fact::Worktree), facts.any_text(Fact::User)));
    }
    let record = facts.any_text(Fact::Id);
    let due = complete_facts(&state, asked, &mut facts);
    match verdict::decide(state.acting(), asked, &facts) {
        Ok(allowed) => {
            let audited = allowed.audited && !allowed.cascade;
            let late = due.as_ref().is_some_and(|due| due.columns.iter().any(|(column, _)| *column == "status"));
            let entry = audited.then(|| entry::allowed(&state, &allowed, asked, &facts, late));
            // A raised epoch leaves no audit row.
            if resource != Resource::Epoch {
                let stored = facts.row.take_stored().filter(|_| state.wanted == Some(resource));
                let cascade = allowed.cascade;
                let completes = false;
                state.begin_write(OpenWrite { asked, record, cascade, entry, stored, due, completes, in_place_of });
            }
            Ok(passed(verified))
        }
        Err(Refusal::Undecidable(problem)) => Err(undecidable(&mut state, asked, &record, &problem)),
        Err(refusal) => {
            let entry = entry::refused(&state, &refusal, asked, &facts);
            Err(refuse(&mut state, refusal.into(), Some(entry)))
        }
    }
}

/// What a guard returns where a row may pass: what the next row of the statement is looked at with.
fn passed(kept: Option<impl Any>) -> ToSqlOutput<'static> {
    match kept {
        Some(kept) => ToSqlOutput::new_boxed(kept, c"aclite verified"),
        None => ToSqlOutput::from(true),
    }
}

/// Puts into the facts what the row is stored with instead of what was sent, and returns what is due of that.
fn complete_facts<'a>(state: &State, asked: Operation, facts: &mut Facts<'a>) -> Option<Box<Due>> {
    let mut columns = Vec::new();
    for Completion { fact, value, changes } in verdict::completions(state.acting(), asked, facts) {
        if facts.complete(fact, value, changes) {
            columns.push((fact.name(), Stored::of(value)));
        }
    }
    if columns.is_empty() {
        return None;
    }
    let key = match catalog::of(asked.resource).key {
        // Whatever an older program stored there.
        [_] => vec![Stored::of(facts.raw(Fact::Id))],
        // Of a grant, whose id is `WORKTREE/GROUP`.
        _ => {
            let record = facts.any_text(Fact::Id);
            let worktree = facts.any_text(Fact::Worktree);
            let group = record.get(worktree.len() + 1..).unwrap_or_default().to_owned();
            [worktree, group].map(|part| Stored::of(ValueRef::from(part.as_str()))).into()
        }
    };
    Some(Box::new(Due { columns, key }))
}

/// Lets in the one write that completes a row: these columns of this record, to these values. Refuses everything else.
///
/// INVARIANT: it is armed by [`Context::complete`] alone. Whoever takes it first, a callback of the host's for instance,
/// writes just what was due, and aclite's own statement fails with all that it belongs to.
fn admit(
    state: &mut State,
    asked: Operation,
    mut facts: Facts<'_>,
    verified: Option<Arc<dyn Any + Send + Sync>>,
) -> SqlResult<ToSqlOutput<'static>> {
    let record = facts.any_text(Fact::Id);
    let untouched = !facts.row.rowid_changed && !facts.row.key_taken && !facts.cascade;
    let columns: Vec<String> = facts.row.changed().map(str::to_owned).collect();
    let stored = facts.row.take_stored();
    let fits = |completing: &Completing| {
        let due = |column: &String| completing.columns.iter().any(|(name, _)| name == column);
        let is_stored = |(column, value): &(&'static str, Stored)| {
            stored.as_ref().and_then(|stored| stored.get(column, 0)).is_some_and(|kept| value.is(kept))
        };
        asked == Operation::new(completing.resource, Action::Patch)
            && completing.record == record
            && completing.stage == Stage::Armed
            && columns.iter().all(due)
            && columns.len() == completing.columns.len()
            && completing.columns.iter().all(is_stored)
    };
    match state.completing.as_mut().filter(|completing| untouched && fits(completing)) {
        Some(completing) => completing.stage = Stage::Admitted,
        None => return Err(refuse(state, unverified("a row is being completed"), None)),
    }
    let (entry, stored, due, in_place_of) = (None, None, None, None);
    let (cascade, completes) = (false, true);
    state.begin_write(OpenWrite { asked, record, cascade, entry, stored, due, completes, in_place_of });
    Ok(passed(verified))
}

/// What a guard is asked for: its first two arguments.
fn asked(call: &Call<'_>) -> SqlResult<Operation> {
    let resource = resource(call, 0)?;
    let action = Action::known(text(call, 1)?).ok_or_else(|| failed("a guard named an unknown action"))?;
    Ok(Operation::new(resource, action))
}

/// The facts of a guard's call, and what its trigger handed over before; and of a new row, what the rows that have its keys
/// are found by.
fn gather<'a>(call: &'a Call<'_>, asked: Operation, state: &mut State) -> Result<(Facts<'a>, Option<FoundBy>), String> {
    let contract = contract(asked);
    let row = 2 + contract.len();
    let mut facts = facts(call, 2, contract)?;
    facts.row = std::mem::take(&mut state.handed_over);
    let written = match (asked.resource, asked.action) {
        (Resource::Epoch | Resource::Audit | Resource::Meta, _) => false,
        (_, action) => matches!(action, Action::Create | Action::Patch),
    };
    let mut found_by = None;
    if written {
        let chunks = if asked.action == Action::Patch {
            facts.row.key_taken = truth(call, row)?;
            facts.row.rowid_changed = truth(call, row + 1)?;
            row + 2
        } else {
            let (by, taken, end) = upsert::taken(call, row)?;
            (facts.row.key_taken, facts.row.taken, found_by) = (!taken.is_empty(), taken, Some(by));
            end
        };
        chunk(call, chunks + 1, asked, state, &mut facts.row)?;
        let arrived = i64::try_from(facts.row.chunks()).unwrap_or(i64::MAX);
        if chunks >= call.len() || call.get_raw(chunks) != ValueRef::Integer(arrived) {
            return Err("the guard was not handed over all columns of the row".to_owned());
        }
    } else if call.len() != row {
        return Err("the guard does not pass the facts of its contract".to_owned());
    }
    facts.find_cascade(|kind, id| state.removes(kind, id)).map_err(|refusal| match refusal {
        Refusal::Undecidable(problem) => problem,
        _ => "the guard does not tell which parents are gone".to_owned(),
    })?;
    Ok((facts, found_by))
}

/// The facts of `contract`, from argument `first` on.
fn facts<'a>(call: &'a Call<'_>, first: usize, contract: &'static [Fact]) -> Result<Facts<'a>, String> {
    let end = call.len().min(first + contract.len());
    let values = (first..end).map(|index| call.get_raw(index)).collect();
    Facts::new(contract, values).map_err(|_| "the guard does not pass the facts of its contract".to_owned())
}

fn truth(call: &Call<'_>, index: usize) -> Result<bool, String> {
    match (index < call.len()).then(|| call.get_raw(index)) {
        Some(ValueRef::Integer(number)) => Ok(number != 0),
        _ => Err("the guard does not say whether a key is taken or changed".to_owned()),
    }
}

/// Adds the chunk that begins at argument `first`: the list of its columns, and their values in turn.
fn chunk(call: &Call<'_>, first: usize, asked: Operation, state: &mut State, row: &mut Row) -> Result<(), String> {
    let list = (first < call.len()).then(|| call.get_raw(first)).and_then(|value| value.as_str().ok());
    let columns = list.and_then(|list| state.columns(list));
    let columns = columns.ok_or_else(|| "the guard does not list the row's columns".to_owned())?;
    let values = (first + 1..call.len()).map(|index| call.get_raw(index));
    row.add(columns, values, reading(asked, state)).map_err(str::to_owned)
}

fn reading(asked: Operation, state: &State) -> Reading {
    let api = state.door == Some(Door::Api);
    Reading {
        pairs: asked.action == Action::Patch,
        // A repository's values are checked before they get here.
        strict: (!api).then(|| catalog::of(asked.resource)),
        times: catalog::of(asked.resource).times,
        // A completion is compared, and what an agent gives to a new row is looked at, column by column.
        keep: (api && state.wanted == Some(asked.resource))
            || state.completing.is_some()
            || (asked.action == Action::Create && matches!(state.acting(), Actor::Agent { .. })),
    }
}

/// `acl_row(resource, action, columns, value, …)`: hands a chunk of the row's columns over to the guard that follows.
pub(super) fn row(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let asked = asked(call)?;
    // A chunk that somebody else handed over would stand for the columns that it leaves out.
    let mut state = trusted_state(context)?;
    if let Some(hosted) = context.host() {
        hosted.forget_previous_statement(&mut state);
    }
    let mut row = std::mem::take(&mut state.handed_over);
    let added = chunk(call, 2, asked, &mut state, &mut row);
    state.handed_over = row;
    added.map(|()| true).map_err(failed)
}

/// `acl_guard_child(parent kind, parent id, child kind, fact, …)`: may the cascade remove these? The facts are those
/// of [`CHILD`].
pub(super) fn guard_child(call: &Call<'_>, context: &Context) -> SqlResult<bool> {
    let parent = Subject { resource: resource(call, 0)?, id: text(call, 1)?.to_owned() };
    // The name of a further table stands for its rows.
    let child = Resource::known(text(call, 2)?).unwrap_or(Resource::Row);
    let facts = facts(call, 3, CHILD).map_err(failed)?;
    let mut state = trusted_state(context)?;
    // INVARIANT: the parent's own guard has run just before, in the same trigger.
    let Some(at) = state.position(parent.resource, &parent.id) else {
        return Err(failed("a child's guard was called without its parent's"));
    };
    // The removal that began the cascade has asked for everything below it.
    if state.pending[at].cascade {
        return Ok(true);
    }
    let asked = Operation::new(parent.resource, Action::Remove);
    match verdict::decide_child(state.acting(), &parent, child, &facts) {
        Ok(()) => Ok(true),
        Err(Refusal::Undecidable(problem)) => Err(undecidable(&mut state, asked, &parent.id, &problem)),
        Err(refusal) => {
            let mut entry = entry::refused(&state, &refusal, asked, &facts);
            entry.record = parent.id;
            Err(refuse(&mut state, refusal.into(), Some(entry)))
        }
    }
}

/// `acl_may_get(resource, fact, …)`: may the actor read this row? `acl_get` also keeps the refusal (`keep`).
pub(super) fn may_get(call: &Call<'_>, state: &mut State, keep: bool) -> SqlResult<bool> {
    let asked = Operation::new(resource(call, 0)?, Action::Get);
    let facts = facts(call, 1, contract(asked)).map_err(failed)?;
    match verdict::decide(state.acting(), asked, &facts) {
        Ok(_) => return Ok(true),
        Err(Refusal::Undecidable(problem)) => {
            let error = Error::broken(format!("whether a {} may be read: {problem}", asked.resource));
            if keep {
                return Err(refuse(state, error, None));
            }
            // In a list one damaged row harms no other, and tells nobody that it is there.
            tracing::error!(%error, "a row is left out of a list");
        }
        Err(refusal) if keep => state.refusal = Some((refusal.into(), None)),
        Err(_) => {}
    }
    Ok(false)
}

pub(super) fn unverified(problem: &str) -> Error {
    Error::broken(format!("the guard can't verify this connection: {problem}"))
}

fn undecidable(state: &mut State, asked: Operation, record: &str, problem: &str) -> rusqlite::Error {
    let error = Error::broken(format!("the guard of {} `{record}` can't decide: {problem}", asked.resource));
    refuse(state, error, None)
}

/// Remembers the whole error for the store, and gives SQLite what the caller may be told.
///
/// A refused statement is undone whole, so nothing that it began is under way any more: no cascade may rest on it.
pub(super) fn refuse(state: &mut State, error: Error, entry: Option<Entry>) -> rusqlite::Error {
    state.forget_statement();
    let told = Told::public(&error);
    state.refusal = Some((error, entry));
    told.into()
}
