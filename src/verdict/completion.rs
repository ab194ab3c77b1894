//! What a writer leaves out, and what stays whatever a late report says: the row as it will be stored.
//!
//! A bookkeeping value that is left out is filled in, and never a reason to refuse: the time of an ending, and the time
//! of the last change. The first ending of a task wins: where a running agent, a service or the daemon reports another one
//! later, the ending stays and the rest of the report is kept. The verdict is then asked about the completed row.

use rusqlite::types::ValueRef;

use super::{ending_stays, is_about_now, is_final, latest};
use crate::actor::Actor;
use crate::facts::{Fact, Facts};
use crate::operation::{Action, Operation, Resource};

/// A column that is stored otherwise than it was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Completion<'a> {
    /// The fact that holds the column's new value.
    pub(crate) fact: Fact,
    pub(crate) value: ValueRef<'a>,
    /// Whether that differs from what was stored before.
    pub(crate) changes: bool,
}

/// What of the row that `actor` writes is stored otherwise than it was sent. A cascade completes nothing.
pub(crate) fn completions<'a>(actor: &Actor, asked: Operation, facts: &Facts<'a>) -> Vec<Completion<'a>> {
    let mut found = Vec::new();
    if facts.cascade {
        return found;
    }
    let now = Completion { fact: Fact::CompletedAt, value: ValueRef::Integer(facts.now), changes: true };
    match (asked.resource, asked.action) {
        (Resource::Task, Action::Create) => {
            // An ending that is imported was another time, which nobody knows.
            let import = actor.is_daemon() && !is_about_now(facts, Fact::CreatedAt);
            if is_final(word(facts, Fact::Status)) && facts.is_null(Fact::CompletedAt) && !import {
                found.push(now);
            }
        }
        (Resource::Task, Action::Patch) => {
            let old = word(facts, Fact::OldStatus);
            if ending_stays(Some(actor), old) {
                keep_ending(facts, &mut found);
            } else if !is_final(old) && is_final(word(facts, Fact::Status)) && is_untimed(facts) {
                found.push(now);
            }
        }
        _ => {}
    }
    if facts.has(Fact::UpdatedAt) {
        let left_out = facts.is_null(Fact::UpdatedAt)
            || (asked.action == Action::Patch && !facts.changes("updated_at") && facts.row.changed().next().is_some());
        let value = if asked.action == Action::Create { facts.raw(Fact::CreatedAt) } else { now.value };
        if left_out {
            found.push(Completion { fact: Fact::UpdatedAt, value, changes: true });
        }
    }
    found
}

/// Whether an ending comes without its time: with none, or with what an older program left there that can't be one.
fn is_untimed(facts: &Facts<'_>) -> bool {
    let stays = !facts.changes("completed_at");
    match facts.raw(Fact::CompletedAt) {
        ValueRef::Null => true,
        ValueRef::Integer(time) => stays && !(0..=latest(facts)).contains(&time),
        _ => stays,
    }
}

/// Status and time of an ending stay. Where it had no time, a report of the same ending may bring one.
fn keep_ending<'a>(facts: &Facts<'a>, found: &mut Vec<Completion<'a>>) {
    let stays = |fact, stored| Completion { fact, value: facts.raw(stored), changes: false };
    let another = facts.changes("status");
    if another {
        found.push(stays(Fact::Status, Fact::OldStatus));
    }
    if facts.changes("completed_at") && (another || !facts.is_null(Fact::OldCompletedAt)) {
        found.push(stays(Fact::CompletedAt, Fact::OldCompletedAt));
    }
}

/// A word; what is no text is none, and refused later.
fn word<'a>(facts: &Facts<'a>, fact: Fact) -> &'a str {
    match facts.raw(fact) {
        ValueRef::Text(text) => std::str::from_utf8(text).unwrap_or_default(),
        _ => "",
    }
}
