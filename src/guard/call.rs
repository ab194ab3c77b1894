//! What every function of the guards does with its call: read an argument, fail with a text.

use std::sync::MutexGuard;

use rusqlite::Result as SqlResult;
use rusqlite::types::ValueRef;

use super::context::{Context, State};
use crate::error::{Code, Told};
use crate::operation::Resource;
use crate::sqlite::function::Call;

/// The error of a function that can't do its work: a failure of the database, not a refusal.
pub(crate) fn failed(text: impl Into<String>) -> rusqlite::Error {
    refused(Code::Storage, text)
}

/// The error of a function that does not do what it was called for.
pub(crate) fn refused(code: Code, text: impl Into<String>) -> rusqlite::Error {
    Told::new(code, text).into()
}

/// The state, for a function that only our triggers call: on a host's connection whoever runs SQL can
/// name it too, also by way of a view, and must not leave anything there.
pub(super) fn trusted_state(context: &Context) -> SqlResult<MutexGuard<'_, State>> {
    if let Some(hosted) = context.host() {
        hosted.check_interference().map_err(failed)?;
    }
    Ok(context.state())
}

pub(super) fn text<'a>(call: &'a Call<'_>, index: usize) -> SqlResult<&'a str> {
    let value = if index < call.len() { call.get_raw(index) } else { ValueRef::Null };
    value.as_str().map_err(|_| failed("a guard was called with an argument that is no text"))
}

pub(super) fn resource(call: &Call<'_>, index: usize) -> SqlResult<Resource> {
    Resource::known(text(call, index)?).ok_or_else(|| failed("a guard named an unknown resource"))
}
