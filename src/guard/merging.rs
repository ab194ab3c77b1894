//! The functions that repositories compute with inside their statements.

use rusqlite::Result as SqlResult;
use rusqlite::types::Value;

use super::context::{Ending, Merged, State};
use super::judge::refuse;
use crate::audit::Door;
use crate::error::Error;
use crate::facts::DataChange;
use crate::merge::{self, Known};
use crate::record::Time;
use crate::sqlite::function::Call;
use crate::verdict;

/// `acl_merge(stored, patch)`: the stored JSON object with the patch merged in deeply.
pub(super) fn merged(call: &Call<'_>, state: &mut State) -> SqlResult<String> {
    let object = |index| call.get_raw(index).as_str();
    let result = match (object(0), object(1)) {
        (Ok(stored), Ok(patch)) => merge_and_note(stored, patch, Known::Text, state).map_err(|error| error.to_string()),
        _ => Err("it is no text".to_owned()),
    };
    result.map_err(|problem| refuse(state, Error::invalid("data", format!("can't be merged: {problem}")), None))
}

/// `acl_next_data(stored, patch)`: the merged `data`; NULL where there is none, which the guard refuses.
///
/// An error here would come before the guard, and tell those who may not view the record of it.
pub(super) fn next_data(call: &Call<'_>, state: &mut State) -> Option<String> {
    let (stored, patch) = (call.get_raw(0).as_str().ok()?, call.get_raw(1).as_str().ok()?);
    merge_and_note(stored, patch, Known::Read, state).ok()
}

/// Merges, and remembers what that changes: the guard of the same row need not compare the texts again.
fn merge_and_note(stored: &str, patch: &str, known: Known, state: &mut State) -> Result<String, merge::MergeError> {
    // A repository writes its patches from a map: they repeat no key, and nest no deeper than they may.
    if state.door != Some(Door::Api) {
        merge::check_patch(patch)?;
    }
    let (result, keys) = merge::merge(stored, patch, known)?;
    let change = DataChange { keys: Some(keys), checked: true };
    state.merged = Some(Merged { stored: stored.to_owned(), result: result.clone(), change });
    Ok(result)
}

/// `acl_next_status(stored, given)`: the status that a patch of a task leaves behind.
pub(super) fn next_status(call: &Call<'_>, state: &mut State) -> SqlResult<Value> {
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
pub(super) fn next_completed_at(call: &Call<'_>, state: &State) -> SqlResult<Value> {
    // A status that is no text is for the guard to refuse, which names it.
    let word = |index: usize| call.get_raw(index).as_str().unwrap_or_default();
    let (status, next) = (word(0), word(1));
    let (stored, given): (Value, Value) = (call.get(2)?, call.get(3)?);
    // An ending without a time gets one from a report of the same.
    let timed = stored != Value::Null || !(next.is_empty() || next == status);
    if timed && verdict::ending_stays(state.actor.as_ref(), status) {
        return Ok(stored);
    }
    let ends = verdict::is_final(next) && !verdict::is_final(status);
    Ok(match given {
        Value::Integer(_) => given,
        // Nothing is given, or an older program stored what is no time.
        _ if ends => Value::Integer(Time::now().as_millis()),
        given => given,
    })
}
