//! What a connection remembers while its statements run: who acts, what the guard decided, what the audit gets.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hosted::HostConnection;
use crate::actor::Actor;
use crate::error::Error;
use crate::facts::DataChange;
use crate::operation::{Operation, Resource};
use crate::record::Time;

/// By which way a statement came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// A repository method.
    Api,
    /// SQL of the embedder's own.
    Sql,
}

impl Door {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Sql => "sql",
        }
    }
}

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

/// How many characters of what somebody sent an entry keeps: more than any sound id or reason has.
const LONGEST: usize = 300;

/// The beginning of `text`.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Entry {
    /// An entry for what `actor` asked for now; the rest is filled in by whoever decides.
    pub(crate) fn new(actor: &Actor, door: Door, asked: Operation, record: &str, verdict: &'static str) -> Self {
        Self {
            at: Time::now().as_millis(),
            door: door.word(),
            actor_kind: actor.kind(),
            actor: cut(actor.id()),
            operation: asked.action.word(),
            resource: asked.resource.word(),
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
}

/// What became of the status that a patch of a task asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This patch ended the task.
    First,
    /// The task had ended before, with this status, which stays.
    Already(String),
}

/// A write that was allowed and whose AFTER trigger has not run yet. Cascades nest.
#[derive(Debug)]
pub(crate) struct OpenWrite {
    pub(crate) asked: Operation,
    pub(crate) record: String,
    /// A digit for each column of an update: whether it changes.
    pub(crate) changed: Option<String>,
    pub(crate) cascade: bool,
    pub(crate) entry: Option<Entry>,
}

/// The last merge of a statement: the texts before and after, and what changes between them.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) stored: String,
    pub(crate) result: String,
    pub(crate) change: DataChange,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) actor: Option<Actor>,
    pub(crate) door: Option<Door>,
    pub(crate) pending: Vec<OpenWrite>,
    /// INVARIANT: only an entry that stands here can become a row of the audit; the insert consumes it.
    pub(crate) entry: Option<Entry>,
    /// The number of the last audit row that the guard of the audit let in.
    pub(crate) admitted: Option<i64>,
    /// Whether the statement owes an audit row right now.
    pub(crate) due: bool,
    pub(crate) refusal: Option<(Error, Option<Entry>)>,
    pub(crate) ending: Option<Ending>,
    pub(crate) merged: Option<Merged>,
    /// The first owner that the worktree just inserted is due: the worktree and the user.
    pub(crate) first_owner: Option<(String, String)>,
}

/// The memory of one connection, shared between the store and the connection's SQL functions.
#[derive(Debug, Default)]
pub(crate) struct Context {
    state: Mutex<State>,
    hosted: Option<HostConnection>,
}

impl Context {
    /// The memory of a connection that a host owns, of which aclite sees only its own functions called.
    #[cfg(feature = "extension")]
    pub(crate) fn hosted(hosted: HostConnection) -> Self {
        Self { state: Mutex::default(), hosted: Some(hosted) }
    }

    /// What a host's connection has to show for itself; nothing where the connection is ours.
    pub(crate) fn host(&self) -> Option<&HostConnection> {
        self.hosted.as_ref()
    }

    /// The state; a panic of another holder leaves it usable, since each statement starts afresh.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds `actor` until [`Context::unbind`].
    pub(crate) fn bind(&self, actor: &Actor) {
        *self.state() = State { actor: Some(actor.clone()), door: Some(Door::Api), ..State::default() };
    }

    /// Nobody acts any more; nothing can be written until the next [`Context::bind`].
    pub(crate) fn unbind(&self) {
        *self.state() = State::default();
    }

    /// Forgets what an earlier statement left, before the next one that came by `door`.
    pub(crate) fn start(&self, door: Door) {
        let mut state = self.state();
        let actor = state.actor.take();
        *state = State { actor, door: Some(door), ..State::default() };
    }

    /// The refusal that made the last statement fail, and its audit entry.
    pub(crate) fn take_refusal(&self) -> Option<(Error, Option<Entry>)> {
        self.state().refusal.take()
    }

    pub(crate) fn take_ending(&self) -> Option<Ending> {
        self.state().ending.take()
    }
}

impl State {
    /// Begins a write. Of the same record only one is open: an earlier one was left so.
    pub(crate) fn begin_write(&mut self, pending: OpenWrite) {
        if let Some(at) = self.position(pending.asked.resource, &pending.record) {
            self.pending.remove(at);
        }
        self.pending.push(pending);
    }

    /// The innermost write under way of this kind to this record.
    pub(crate) fn position(&self, resource: Resource, record: &str) -> Option<usize> {
        self.pending.iter().rposition(|pending| pending.asked.resource == resource && pending.record == record)
    }
}
