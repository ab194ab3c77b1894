//! What a connection remembers while its statements run: who acts, what the guard decided, what the audit gets.

use std::any::Any;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::types::{Value, ValueRef};

use super::host::Host;
use super::writer::quote;
use crate::actor::Actor;
use crate::audit::{self, Door, Entry};
use crate::catalog;
use crate::error::{Error, Subject};
use crate::facts::{Columns, DataChange, Row, StoredRow};
use crate::operation::{Action, Operation, Resource};
use crate::sqlite::Prepared;

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
    pub(crate) cascade: bool,
    pub(crate) entry: Option<Entry>,
    /// The row as it will be stored, where a repository wants it.
    pub(crate) stored: Option<StoredRow>,
    /// What of the row is still to be stored otherwise than it was sent.
    pub(crate) due: Option<Box<Due>>,
    /// Whether it is aclite's own, which stores what is due.
    pub(crate) completes: bool,
    /// The unjudged row that takes the place of the one that is removed, where this is part of a REPLACE.
    pub(crate) in_place_of: Option<Unjudged>,
}

/// A new row that no guard has judged, because rows that the actor may view have its keys: what the statement makes of
/// that is not known yet. `DO UPDATE` is judged as an update, after `DO NOTHING` there is nothing to judge.
#[derive(Debug)]
pub(crate) struct Unjudged {
    pub(crate) subject: Subject,
    /// The ids of the rows that are there.
    pub(crate) there: Vec<String>,
}

/// Columns of a row that are stored otherwise than they were sent.
#[derive(Debug)]
pub(crate) struct Due {
    /// Their values, in the order of the statement that stores them.
    pub(crate) columns: Vec<(&'static str, Stored)>,
    /// The values of the row's key.
    pub(crate) key: Vec<Stored>,
}

/// A value as the file has it. A text may hold what is no UTF-8.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Plain(Value),
    Text(Vec<u8>),
}

impl Stored {
    pub(crate) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(bytes) => Self::Text(bytes.to_owned()),
            ValueRef::Null => Self::Plain(Value::Null),
            ValueRef::Integer(number) => Self::Plain(Value::Integer(number)),
            ValueRef::Real(number) => Self::Plain(Value::Real(number)),
            ValueRef::Blob(bytes) => Self::Plain(Value::Blob(bytes.to_owned())),
        }
    }

    /// Whether a row that was handed over has this value, where text that is not UTF-8 is bytes.
    pub(super) fn is(&self, kept: &Value) -> bool {
        match (self.value(), kept) {
            (ValueRef::Text(bytes), Value::Blob(kept)) => bytes == kept && std::str::from_utf8(bytes).is_err(),
            (value, kept) => value == ValueRef::from(kept),
        }
    }

    fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Plain(value) => ValueRef::from(value),
            Self::Text(bytes) => ValueRef::Text(bytes),
        }
    }
}

/// The row that is being completed right now.
#[derive(Debug)]
pub(crate) struct Completing {
    pub(crate) resource: Resource,
    pub(crate) record: String,
    pub(crate) columns: Vec<(&'static str, Stored)>,
    pub(crate) stage: Stage,
}

/// How far the completion of a row has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The guard of the row has yet to let it in.
    Armed,
    /// It has.
    Admitted,
    /// The AFTER trigger has run: the row is stored.
    Stored,
}

/// The last merge of a statement: the texts before and after, and what changes between them.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) stored: String,
    pub(crate) result: String,
    pub(crate) change: DataChange,
}

/// How many lists of columns are remembered: more than a file has guarded tables, as a rule.
const MOST_LISTS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) actor: Option<Actor>,
    pub(crate) door: Option<Door>,
    pub(crate) pending: Vec<OpenWrite>,
    /// The chunks of a row's columns that its trigger handed over ahead of its call of `acl_guard`, which takes them.
    pub(crate) handed_over: Row,
    /// Whether an audit row is being inserted. No other guard lets anything pass meanwhile.
    pub(crate) auditing: bool,
    /// INVARIANT: set right before the insert of an audit row runs; the guard of the audit takes it, once.
    pub(crate) admitted: bool,
    /// INVARIANT: set by [`Context::complete`] alone, for as long as its one statement runs. No guard lets anything else
    /// pass meanwhile.
    pub(crate) completing: Option<Completing>,
    /// The row of the last BEFORE INSERT, where that was left unjudged. The next guard takes it.
    pub(crate) unjudged: Option<Unjudged>,
    pub(crate) refusal: Option<(Error, Option<Entry>)>,
    pub(crate) ending: Option<Ending>,
    pub(crate) merged: Option<Merged>,
    /// The first owner that the worktree just inserted is due: the worktree and the user.
    pub(crate) first_owner: Option<(String, String)>,
    /// The kind of record that a repository writes now and wants to have.
    pub(crate) wanted: Option<Resource>,
    /// That record, as the statement stored it.
    pub(crate) stored: Option<StoredRow>,
    /// The lists of columns that guards have passed, read once.
    columns: Vec<Arc<Columns>>,
}

/// The memory of one connection, shared between the store and the connection's SQL functions.
#[derive(Debug, Default)]
pub(crate) struct Context {
    state: Mutex<State>,
    insert: Mutex<AuditInsert>,
    statements: Mutex<Statements>,
    hosted: Option<Arc<dyn HostGuard>>,
}

/// The prepared insert of audit rows. On a connection of ours it stays; on a host's, which could not close
/// otherwise, it lives as long as the statement that needs it.
#[derive(Debug, Default)]
struct AuditInsert {
    kept: Option<Arc<Prepared>>,
    lent: Weak<Prepared>,
}

/// Further prepared statements, by their texts; they live as the insert of audit rows does.
#[derive(Debug, Default)]
struct Statements {
    kept: Vec<Arc<Prepared>>,
    lent: Vec<(String, Weak<Prepared>)>,
}

/// What a connection that a host owns has to show for itself. Where the connection is ours, an authorizer and the text
/// of each statement decide before it runs; on a host's we see nothing but our functions being called.
pub(crate) trait HostGuard: Debug + Send + Sync {
    /// Fails with the reason why the guards refuse every write on this connection as it is now.
    ///
    /// INVARIANT: what one call finds holds for one row only. Nothing that SQL can't undo tells one
    /// execution of a statement from the next, so nothing is remembered but that the schema of the file was sound.
    ///
    /// What it returns serves the next row of the same statement, whose program keeps it.
    fn verify_connection(&self) -> Result<Arc<dyn Any + Send + Sync>, String>;

    /// Fails where a statement that runs, a TEMP object or an attached file could call what only our triggers may.
    fn check_interference(&self) -> Result<(), String>;

    /// Whether a statement that runs has this word in its text.
    fn spells(&self, word: &str) -> bool;

    /// Forgets what the last writing statement left where another one runs now.
    fn forget_previous_statement(&self, state: &mut State);

    /// Keeps a refusal for the audit: SQLite rolls back what the refused statement itself would write.
    fn keep(&self, entry: Entry);
}

/// Takes a lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another holder leaves it usable: each statement starts afresh.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    /// The memory of a connection that a host owns, of which aclite sees only its own functions called.
    #[cfg(feature = "extension")]
    pub(crate) fn hosted(hosted: Arc<dyn HostGuard>) -> Self {
        Self { hosted: Some(hosted), ..Self::default() }
    }

    /// What a host's connection has to show for itself; nothing where the connection is ours.
    pub(super) fn host(&self) -> Option<&dyn HostGuard> {
        self.hosted.as_deref()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Binds `actor` until [`Context::unbind`].
    pub(crate) fn bind(&self, actor: &Actor) {
        self.set_actor(Some(actor.clone()), Some(Door::Api));
    }

    /// Nobody acts any more; nothing can be written until the next [`Context::bind`].
    pub(crate) fn unbind(&self) {
        self.set_actor(None, None);
    }

    /// From now on `actor` acts, by this door. Nothing that was begun for another is left.
    pub(crate) fn set_actor(&self, actor: Option<Actor>, door: Option<Door>) {
        let mut state = self.state();
        let columns = std::mem::take(&mut state.columns);
        *state = State { actor, door, columns, ..State::default() };
    }

    /// Forgets what an earlier statement left, before the next one that came by `door`.
    pub(crate) fn start(&self, door: Door) {
        let actor = self.state().actor.take();
        self.set_actor(actor, Some(door));
    }

    /// As [`Context::start`], for a statement that writes one record of this kind, which the repository wants to have.
    pub(crate) fn start_write(&self, resource: Resource) {
        self.start(Door::Api);
        self.state().wanted = Some(resource);
    }

    /// The refusal that made the last statement fail, and its audit entry.
    pub(crate) fn take_refusal(&self) -> Option<(Error, Option<Entry>)> {
        self.state().refusal.take()
    }

    /// The new row that the last statement left unjudged.
    pub(crate) fn take_unjudged(&self) -> Option<Subject> {
        self.state().unjudged.take().map(|unjudged| unjudged.subject)
    }

    pub(crate) fn take_ending(&self) -> Option<Ending> {
        self.state().ending.take()
    }

    pub(crate) fn take_stored(&self) -> Option<StoredRow> {
        self.state().stored.take()
    }

    /// Writes an audit row on the connection of `host`, inside whatever runs there. Returns the insert, for a host's
    /// statement to keep, and whether the guard of the audit let the row in; nothing where the row is not there.
    pub(crate) fn write_audit(&self, host: &Host, entry: &Entry) -> rusqlite::Result<Option<(Arc<Prepared>, bool)>> {
        let insert = self.audit_insert(host)?;
        {
            let mut state = self.state();
            if state.auditing {
                return Ok(None);
            }
            (state.auditing, state.admitted) = (true, true);
        }
        // No lock is held here: the audit's guard takes the one of the state.
        let written = audit::insert(&insert, entry);
        let mut state = self.state();
        // A guard that did not take it has not run.
        let guarded = !std::mem::take(&mut state.admitted);
        state.auditing = false;
        Ok(written?.then_some((insert, guarded)))
    }

    /// Stores what is due of a row on the connection of `host`, by one statement of its own. Returns that statement, for a
    /// host's to keep; nothing where the row is not stored so.
    ///
    /// An error of the function that calls this undoes the statement that wrote the row, under every OR clause.
    pub(crate) fn complete(
        &self,
        host: &Host,
        resource: Resource,
        record: &str,
        due: Due,
    ) -> rusqlite::Result<Option<Arc<Prepared>>> {
        let names: Vec<&'static str> = due.columns.iter().map(|(column, _)| *column).collect();
        let update = self.statement(host, &completion_sql(resource, &names))?;
        let columns = due.columns.clone();
        let stored = columns.iter().map(|(_, value)| value);
        let values: Vec<ValueRef<'_>> = stored.chain(&due.key).map(Stored::value).collect();
        {
            let mut state = self.state();
            if state.completing.is_some() {
                return Ok(None);
            }
            let (record, columns) = (record.to_owned(), due.columns);
            state.completing = Some(Completing { resource, record, columns, stage: Stage::Armed });
        }
        // No lock is held here: the guards of the row take the one of the state.
        let updated = update.run(&values, |_| {});
        let completed = self.state().completing.take();
        let stored = completed.is_some_and(|completed| completed.stage == Stage::Stored);
        Ok((updated? == Some(1) && stored).then_some(update))
    }

    /// The prepared statement of this text, for a guard to run inside the one that it guards.
    pub(super) fn statement(&self, host: &Host, sql: &str) -> rusqlite::Result<Arc<Prepared>> {
        {
            let mut statements = lock(&self.statements);
            statements.lent.retain(|(_, lent)| lent.strong_count() > 0);
            let lent = statements.lent.iter().find(|(text, _)| text == sql);
            if let Some(statement) = lent.and_then(|(_, lent)| lent.upgrade()) {
                return Ok(statement);
            }
        }
        let ours = self.hosted.is_none();
        // No lock is held while SQLite prepares, as for the audit.
        let statement = Arc::new(host.prepare(sql, ours)?);
        let mut statements = lock(&self.statements);
        statements.lent.push((sql.to_owned(), Arc::downgrade(&statement)));
        if ours {
            statements.kept.push(Arc::clone(&statement));
        }
        Ok(statement)
    }

    fn audit_insert(&self, host: &Host) -> rusqlite::Result<Arc<Prepared>> {
        if let Some(insert) = lock(&self.insert).lent.upgrade() {
            return Ok(insert);
        }
        let ours = self.hosted.is_none();
        // No lock is held while SQLite prepares: it asks a host's authorizer, which may run statements of its own.
        let insert = Arc::new(host.prepare_audit_insert(ours)?);
        let mut place = lock(&self.insert);
        place.lent = Arc::downgrade(&insert);
        if ours {
            place.kept = Some(Arc::clone(&insert));
        }
        Ok(insert)
    }

    /// Lets go of what would keep the connection from closing.
    pub(crate) fn close(&self) {
        *lock(&self.insert) = AuditInsert::default();
        *lock(&self.statements) = Statements::default();
    }
}

/// The statement that completes a row of this kind: these columns, then the row's key.
fn completion_sql(resource: Resource, columns: &[&str]) -> String {
    let table = catalog::of(resource);
    let mut place = 0;
    let mut equal = |column: &&str| {
        place += 1;
        format!("{} = ?{place}", quote(column))
    };
    let set: Vec<String> = columns.iter().map(&mut equal).collect();
    let key: Vec<String> = table.key.iter().map(&mut equal).collect();
    format!("UPDATE main.{} SET {} WHERE {}", quote(table.name), set.join(", "), key.join(" AND "))
}

impl State {
    /// Who acts; anonymous where nobody does.
    pub(crate) fn acting(&self) -> &Actor {
        self.actor.as_ref().unwrap_or(&Actor::Anonymous)
    }

    /// Forgets what the last writing statement left.
    pub(crate) fn forget_statement(&mut self) {
        self.pending.clear();
        self.handed_over = Row::default();
        self.first_owner = None;
        self.unjudged = None;
    }

    /// Keeps so many open writes at most. The oldest are those that a statement left open.
    #[cfg(feature = "extension")]
    pub(crate) fn keep_writes(&mut self, most: usize) {
        let surplus = self.pending.len().saturating_sub(most);
        self.pending.drain(..surplus);
    }

    /// Begins a write. Of the same record only one is open, and the completion of that: an earlier one was left so.
    pub(crate) fn begin_write(&mut self, pending: OpenWrite) {
        if !pending.completes
            && let Some(at) = self.position(pending.asked.resource, &pending.record)
        {
            self.pending.remove(at);
        }
        self.pending.push(pending);
    }

    /// The innermost write under way of this kind to this record.
    pub(crate) fn position(&self, resource: Resource, record: &str) -> Option<usize> {
        self.pending.iter().rposition(|pending| pending.asked.resource == resource && pending.record == record)
    }

    /// The columns of a list that a guard passes. Their names come from the schema, so there are as many as guards.
    pub(crate) fn columns(&mut self, list: &str) -> Option<Arc<Columns>> {
        if let Some(known) = self.columns.iter().find(|known| known.list() == list) {
            return Some(Arc::clone(known));
        }
        let columns = Arc::new(Columns::parse(list)?);
        // A table that is changed again and again leaves its old lists behind.
        if self.columns.len() >= MOST_LISTS {
            self.columns.clear();
        }
        self.columns.push(Arc::clone(&columns));
        Some(columns)
    }

    /// Whether the removal of this record was allowed and is under way.
    pub(crate) fn removes(&self, resource: Resource, record: &str) -> bool {
        self.position(resource, record).is_some_and(|at| self.pending[at].asked.action == Action::Remove)
    }
}
