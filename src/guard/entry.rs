//! The audit entry of a verdict.

use super::context::{Ending, State};
use crate::audit::{Door, Entry, cut};
use crate::error::{ConflictKind, Refusal};
use crate::facts::{Fact, Facts};
use crate::operation::Operation;
use crate::verdict::{self, Allowed};

fn entry(state: &State, asked: Operation, verdict: &'static str, facts: &Facts<'_>) -> Entry {
    let actor = state.acting();
    let mut entry = Entry::new(actor, state.door.unwrap_or(Door::Sql), asked, &facts.any_text(Fact::Id), verdict);
    let optional = |fact| Some(cut(&facts.any_text(fact))).filter(|text| !text.is_empty());
    entry.session_id = optional(Fact::Session);
    entry.worktree_id = optional(Fact::Worktree);
    entry.fields = Some(fields(&verdict::changed_fields(facts))).filter(|fields| !fields.is_empty());
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

/// The entry of what is allowed. A report that came after the end says so.
pub(super) fn allowed(state: &State, allowed: &Allowed, asked: Operation, facts: &Facts<'_>, late: bool) -> Entry {
    let late = late || matches!(state.ending, Some(Ending::Already(_)));
    let asked = Operation::new(asked.resource, allowed.action);
    let mut entry = entry(state, asked, "allowed", facts);
    entry.needed = allowed.needed.map(|need| need.as_str());
    entry.held = allowed.held;
    let already = late.then(|| format!("{}, already {}", allowed.why, facts.any_text(Fact::OldStatus)));
    entry.explain(state.acting(), already.as_deref().unwrap_or(&allowed.why));
    entry
}

/// The entry of what is refused.
pub(super) fn refused(state: &State, refusal: &Refusal, asked: Operation, facts: &Facts<'_>) -> Entry {
    let verdict = match refusal {
        Refusal::Conflict(_) => "conflict",
        Refusal::NotFound(_) => "missing",
        _ => "denied",
    };
    let mut entry = entry(state, asked, verdict, facts);
    let why = match refusal {
        Refusal::Denied(denied) => {
            entry.operation = denied.operation.action.as_str();
            entry.needed = denied.needed.map(|need| need.as_str());
            entry.held = Some(denied.held.level.as_str());
            if denied.why.is_empty() { denied.held.source.clone() } else { denied.why.clone() }
        }
        Refusal::NotAuthenticated => "not signed in".to_owned(),
        Refusal::NotFound(missing) => format!("no {}", missing.subject.resource),
        Refusal::Immutable(immutable) => format!("`{}` can't change", immutable.field),
        Refusal::Conflict(conflict) => match &conflict.kind {
            ConflictKind::Duplicate => "duplicate".to_owned(),
            ConflictKind::Replaced => "not replaced".to_owned(),
            ConflictKind::Ended(status) => format!("ended as {status}"),
            ConflictKind::LastOwner(_) => "last owner".to_owned(),
        },
        Refusal::Drift(_) => "identity drift".to_owned(),
        Refusal::Invalid(invalid) => format!("`{}` is invalid", invalid.field),
        Refusal::Undecidable(_) => String::new(),
    };
    entry.explain(state.acting(), &why);
    entry
}
