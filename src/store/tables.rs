//! Putting a daemon's further tables under the same guards.

use std::time::Instant;

use super::Store;
use super::connection::Conn;
use super::open::{in_transaction, install, sound, unchanged, waited};
use super::pool::ReentryGuard;
use super::schema::has_table;
use crate::actor::Actor;
use crate::catalog;
use crate::error::{Error, Incompatible, Result};
use crate::guard::{self, extra_tables};
use crate::level::{Level, Need};
use crate::operation::{Action, Operation, Resource};
use crate::verdict;

/// How a further table is guarded: [`Store::guard_table`].
///
/// Its rows belong to sessions, or to worktrees, by a column that references them ON DELETE CASCADE. Each rule
/// needs `all` on that worktree where nothing else is said.
///
/// ```
/// use aclite::{Action, Level, Need, TableGuard};
/// let guard = TableGuard::of_session("session_id")
///     .rule(Action::Create, Need::Level(Level::Prompt), Some(Need::Level(Level::Session)))
///     .rule(Action::Remove, Need::Level(Level::Prompt), Some(Need::Level(Level::Session)));
/// # let _ = guard;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TableGuard {
    parent_column: String,
    parent: Resource,
    rules: [(Action, Need, Option<Need>); 3],
}

impl TableGuard {
    /// The table's rows belong to the sessions that `column` names.
    pub fn of_session(column: impl Into<String>) -> Self {
        Self::new(column.into(), Resource::Session)
    }

    /// The table's rows belong to the worktrees that `column` names.
    pub fn of_worktree(column: impl Into<String>) -> Self {
        Self::new(column.into(), Resource::Worktree)
    }

    fn new(parent_column: String, parent: Resource) -> Self {
        let all = |action| (action, Need::Level(Level::All), None);
        Self { parent_column, parent, rules: [all(Action::Create), all(Action::Patch), all(Action::Remove)] }
    }

    /// What `action` needs, and what suffices where the actor created the session, or the worktree. Other actions
    /// than `Create`, `Patch` and `Remove` have no rule, and are left out.
    pub fn rule(mut self, action: Action, needs: Need, needs_if_own: Option<Need>) -> Self {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.0 == action) {
            *rule = (action, needs, needs_if_own);
        }
        self
    }
}

impl Store {
    /// Puts the further table `table` under the same guards as sessions and tasks, with its rules in `acl_rules`, and says so
    /// in the audit. Doing it again does nothing, and leaves rules that an operator changed.
    ///
    /// For `System` and `Service`; anybody else gets `Denied`.
    ///
    /// From then on its rows are written under the actor's rights, by [`Tx::sql`](crate::Tx::sql) or in any SQL; they
    /// are audited as `row`, the record being `TABLE/KEY`; who removes a session or a worktree needs the right to
    /// remove its rows too. Their keys, their parent, `created_by` and `created_at` do not change.
    ///
    /// ```
    /// use aclite::{Actor, Store, TableGuard, rusqlite::Connection};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("daemon.db");
    /// let store = Store::open(&path)?;
    /// // Definitions are the daemon's own affair, on a connection of its own.
    /// Connection::open(&path).unwrap().execute_batch(
    ///     "CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
    /// ).unwrap();
    /// store.guard_table(&Actor::system("set-up"), "notes", TableGuard::of_session("session_id"))?;
    /// assert!(store.check()?.is_clean());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`; `Incompatible` with what keeps the table from being guarded; `Invalid` where it is
    /// guarded by another column already; `Tampered` where the guards are not sound, `Detached` where they were taken out;
    /// `Nested`, `Busy`, `Storage`.
    pub fn guard_table(&self, actor: &Actor, table: &str, guard: TableGuard) -> Result<()> {
        verdict::daemon_only(actor, Operation::new(Resource::Meta, Action::Create), "")?;
        let (_reentry, started) = (ReentryGuard::enter(self.identity())?, Instant::now());
        let conn = self.writer(started)?;
        in_transaction(&conn.raw, ["BEGIN IMMEDIATE", "COMMIT"], |_| {
            unchanged(&conn)?;
            put(&conn, actor, table, &guard).map_err(|error| of_table(table, error))
        })
        .map_err(|error| waited(error, started))
    }
}

/// What keeps the tables of a file from being guarded is, here, something about this one.
fn of_table(table: &str, error: Error) -> Error {
    match error {
        Error::Incompatible(reason) => Error::Incompatible(Box::new(match *reason {
            Incompatible::Shape { problems } => Incompatible::TableUnfit { table: table.to_owned(), problems },
            reason => reason,
        })),
        error => error,
    }
}

fn put(conn: &Conn, actor: &Actor, name: &str, asked: &TableGuard) -> Result<()> {
    for need in asked.rules.iter().flat_map(|(_, needs, if_own)| [Some(*needs), *if_own]).flatten() {
        if Need::of_rule(need.as_str()).is_none() {
            return Err(Error::invalid("rule", format!("can't need `{need}`")));
        }
    }
    let raw = &conn.raw;
    let failed = |error| Error::of_file("guarding a table", error);
    sound(raw)?;
    if let Some(there) = extra_tables(raw)?.into_iter().find(|table| table.name.eq_ignore_ascii_case(name)) {
        if there.parent_column.eq_ignore_ascii_case(&asked.parent_column) && there.parent == asked.parent {
            return Ok(());
        }
        return Err(Error::invalid("table", format!("is guarded by its column `{}` already", there.parent_column)));
    }
    if catalog::is_guarded(name) {
        return Err(Error::invalid("table", "is guarded already: it is one of aclite's own"));
    }
    if !has_table(raw, name)? {
        let problems = vec![format!("there is no table `{name}`")];
        return Err(Error::Incompatible(Box::new(Incompatible::Shape { problems })));
    }
    guard::remove(raw)?;
    raw.execute(
        "INSERT INTO main.acl_tables (name, via, parent) VALUES (?1, ?2, ?3)",
        (name, &asked.parent_column, asked.parent.as_str()),
    )
    .map_err(failed)?;
    for (action, needs, needs_if_own) in &asked.rules {
        raw.execute(
            "INSERT INTO main.acl_rules (resource, operation, needs, needs_if_own) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (resource, operation) DO NOTHING",
            (name, action.as_str(), needs.as_str(), needs_if_own.map(Need::as_str)),
        )
        .map_err(failed)?;
    }
    // Rules change who may do what.
    raw.execute("UPDATE main.acl_epoch SET epoch = epoch + 1", []).map_err(failed)?;
    let why = format!("{} {}: table `{name}` by its column `{}`", actor.kind(), actor.id(), asked.parent_column);
    install(conn, Action::Patch, &why)?;
    sound(raw)
}
