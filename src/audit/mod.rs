//! The audit: who did or was refused what. What a row holds stands here; `insert.rs` writes one.

mod insert;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::actor::Actor;
use crate::operation::Operation;
use crate::record::Time;

pub(crate) use insert::{insert, insert_sql};

/// The columns of `acl_audit` between its first, `seq`, and its last, `epoch`: those that an [`Entry`] fills.
const COLUMNS: [&str; 14] = [
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

/// One row of the audit, but for its number and the epoch, which the insert itself reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) door: &'static str,
    pub(crate) actor_kind: &'static str,
    pub(crate) actor: String,
    pub(crate) operation: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) record: String,
    pub(crate) session_id: Option<String>,
    pub(crate) worktree_id: Option<String>,
    pub(crate) verdict: &'static str,
    pub(crate) needed: Option<&'static str>,
    pub(crate) held: Option<&'static str>,
    pub(crate) why: String,
    pub(crate) fields: Option<String>,
}

impl Entry {
    /// An entry for what `actor` asked for now; the rest is filled in by whoever decides.
    pub(crate) fn new(actor: &Actor, door: Door, asked: Operation, record: &str, verdict: &'static str) -> Self {
        Self {
            at: Time::now().as_millis(),
            door: door.as_str(),
            actor_kind: actor.kind(),
            actor: cut(actor.id()),
            operation: asked.action.as_str(),
            resource: asked.resource.as_str(),
            record: cut(record),
            session_id: None,
            worktree_id: None,
            verdict,
            needed: None,
            held: None,
            why: String::new(),
            fields: None,
        }
    }

    /// Why it was decided so. An agent's session is named too: its user may have many.
    pub(crate) fn explain(&mut self, actor: &Actor, why: &str) {
        self.why = match actor {
            Actor::Agent { session, .. } => format!("{why}; agent of session `{}`", cut(session.as_str())),
            _ => why.to_owned(),
        };
    }

    /// Its values, in the order of [`COLUMNS`].
    fn values(&self) -> [ValueRef<'_>; COLUMNS.len()] {
        let text = |text| ValueRef::Text(str::as_bytes(text));
        let optional = |value: Option<_>| value.map_or(ValueRef::Null, text);
        [
            ValueRef::Integer(self.at),
            text(self.door),
            text(self.actor_kind),
            text(&self.actor),
            text(self.operation),
            text(self.resource),
            text(&self.record),
            optional(self.session_id.as_deref()),
            optional(self.worktree_id.as_deref()),
            text(self.verdict),
            optional(self.needed),
            optional(self.held),
            text(&self.why),
            optional(self.fields.as_deref()),
        ]
    }
}

/// By which way a statement came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// A repository method.
    Api,
    /// SQL of the embedder's own.
    Sql,
}

impl Door {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Sql => "sql",
        }
    }
}

/// How many characters of what somebody sent an entry keeps: more than any sound id or reason has.
const LONGEST: usize = 300;

/// The beginning of `text`.
pub(crate) fn cut(text: &str) -> String {
    // A character takes a byte or more.
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One row of `acl_audit`.
///
/// Its words stay text, as the file has them. An audit is kept for longer than the program that reads it: a row of a newer
/// version may hold a word that this version does not know, and it has to be shown to the letter, not refused or replaced.
/// Where a program branches on a word, `parse` turns it into the type:
///
/// ```
/// use aclite::{Action, Actor, Resource, Store};
/// let store = Store::open(":memory:")?;
/// for row in store.read(&Actor::system("operator"), |tx| tx.audit().tail(10))? {
///     match (row.operation.parse(), row.resource.parse()) {
///         (Ok(Action::Patch), Ok(Resource::Task)) if !row.is_allowed() => println!("{} of {}", row.verdict, row.actor),
///         (Ok(_), Ok(_)) => {}
///         _ => println!("of a newer version: {} {}", row.operation, row.resource),
///     }
/// }
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AuditRow {
    /// Its number; later rows have greater ones.
    pub seq: i64,
    /// When it was decided.
    pub at: Time,
    /// By which way it came: `api` or `sql`.
    pub door: String,
    /// The kind of actor: `user`, `executor`, `agent`, `service`, `system`, `anonymous`.
    pub actor_kind: String,
    /// The user's id, the service's name, the system's reason.
    pub actor: String,
    /// What was asked for, a word of [`Action`](crate::Action).
    pub operation: String,
    /// Of what, a word of [`Resource`](crate::Resource).
    pub resource: String,
    /// The record's id.
    pub record: String,
    /// Its session, where it has one.
    pub session_id: Option<String>,
    /// Its worktree, where it has one.
    pub worktree_id: Option<String>,
    /// `allowed`, `denied`, `missing` or `conflict`; [`AuditRow::is_allowed`] asks for the first.
    pub verdict: String,
    /// What the rule needed.
    pub needed: Option<String>,
    /// The level or role that was held.
    pub held: Option<String>,
    /// Where it came from, or why it was refused.
    pub why: Option<String>,
    /// The names of the changed columns and of the changed keys of `data`, separated by spaces.
    pub fields: Option<String>,
    /// The epoch of access that it was decided in.
    pub epoch: i64,
}

impl AuditRow {
    /// Whether it was allowed, and done. A verdict that this version does not know is not.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == "allowed"
    }

    /// Reads a whole row of `acl_audit`.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            at: row.get("at")?,
            door: row.get("door")?,
            actor_kind: row.get("actor_kind")?,
            actor: row.get("actor")?,
            operation: row.get("operation")?,
            resource: row.get("resource")?,
            record: row.get("record")?,
            session_id: row.get("session_id")?,
            worktree_id: row.get("worktree_id")?,
            verdict: row.get("verdict")?,
            needed: row.get("needed")?,
            held: row.get("held")?,
            why: row.get("why")?,
            fields: row.get("fields")?,
            epoch: row.get("epoch")?,
        })
    }
}
