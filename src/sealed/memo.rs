//! What the verdict has said, remembered while nothing can have changed it.
//!
//! INVARIANT: whether a row may be got depends on its kind, its worktree, whether the actor created its session (of a
//! session or worktree: itself; of a user: is that user), and for an executor whether its session is the executor's;
//! on nothing else of the row. That is what `Stored::facts` gathers. Everything else that counts raises the epoch.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::functions::Context;
use rusqlite::types::ValueRef;

use super::tables::TABLES;
use crate::actor::Actor;

/// How many kinds of rows a worktree has: own or not, of the executor's session or not.
const CLASSES: usize = 4;

/// The worktrees in which rows of a table may be got, beside those of an executor's own session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visible {
    /// Their ids, a JSON array.
    pub(super) worktrees: String,
    pub(super) count: usize,
    /// Of so many.
    pub(super) all: usize,
}

#[derive(Debug, Default)]
struct Known {
    /// The epoch in which it was learnt, and whether the actor was a user then.
    world: Option<(i64, bool)>,
    verdicts: HashMap<(usize, usize), HashMap<Box<str>, bool>>,
    visible: HashMap<usize, Visible>,
}

/// The memory of one reader.
#[derive(Debug)]
pub(super) struct Memo {
    user: Option<Box<str>>,
    /// An executor's.
    session: Option<Box<str>>,
    known: Mutex<Known>,
}

impl Memo {
    pub(super) fn new(actor: &Actor) -> Self {
        let session = match actor {
            Actor::Executor { session, .. } => Some(session.as_str().into()),
            _ => None,
        };
        Self { user: actor.user_id().map(|id| id.as_str().into()), session, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything unless it was learnt at this epoch, too, and with the actor a user as now: an agent is one as long
    /// as its session is there, which raises no epoch.
    ///
    /// Nor does whether the task is the executor's own: what an executor may get is asked by each statement.
    pub(super) fn start(&self, epoch: i64, is_user: bool) {
        let mut known = self.known();
        let world = Some((epoch, is_user));
        if known.world != world || self.session.is_some() {
            *known = Known { world, ..Known::default() };
        }
    }

    /// `acl_known(table, worktree, creator, session)`: the verdict, if it is known.
    pub(super) fn recall(&self, call: &Context<'_>) -> Option<bool> {
        let (place, worktree) = self.place(call)?;
        self.known().verdicts.get(&place)?.get(worktree).copied()
    }

    /// `acl_learn(table, worktree, creator, session, verdict)`: remembers the verdict, and repeats it.
    pub(super) fn learn(&self, call: &Context<'_>) -> bool {
        let verdict = matches!(call.get_raw(4), ValueRef::Integer(verdict) if verdict != 0);
        if let Some((place, worktree)) = self.place(call) {
            self.known().verdicts.entry(place).or_default().insert(worktree.into(), verdict);
        }
        verdict
    }

    /// Where a verdict is kept; what is no plain text is not kept.
    fn place<'c>(&self, call: &'c Context<'_>) -> Option<((usize, usize), &'c str)> {
        let ValueRef::Integer(table) = call.get_raw(0) else { return None };
        let table = usize::try_from(table).ok().filter(|table| *table < TABLES.len())?;
        let worktree = call.get_raw(1).as_str().ok()?;
        let is = |index: usize, mine: &Option<Box<str>>| match (call.get_raw(index), mine) {
            (ValueRef::Text(text), Some(mine)) => Some(text == mine.as_bytes()),
            (ValueRef::Text(_), None) | (ValueRef::Null, Some(_)) => Some(false),
            (ValueRef::Null, None) => Some(true),
            _ => None,
        };
        let (own, inside) = (is(2, &self.user)?, is(3, &self.session)?);
        let class = usize::from(own) + 2 * usize::from(inside);
        debug_assert!(class < CLASSES, "a class is one of {CLASSES}");
        Some(((table, class), worktree))
    }

    pub(super) fn visible(&self, table: usize) -> Option<Visible> {
        self.known().visible.get(&table).cloned()
    }

    pub(super) fn set_visible(&self, table: usize, visible: Visible) {
        self.known().visible.insert(table, visible);
    }
}
