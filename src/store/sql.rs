//! SQL of the embedder's own, inside a transaction: under the bound actor, guards in force.

use std::cell::Cell;
use std::time::Instant;

use rusqlite::ffi::SQLITE_ERROR;
use rusqlite::{Params, Row, Statement};

use super::connection::{Author, the_file};
use super::tx::{Tx, trace};
use crate::audit::{Door, Entry};
use crate::error::{Error, Result};
use crate::guard::{has_foreign_triggers, spells_ours};
use crate::sql_text::search::has_word;
use crate::sql_text::secrets::{copies_whole, joins_secrets_by_name};

/// Runs statements of the embedder's own: [`Tx::sql`].
///
/// Writes to guarded tables are judged as the repositories' are; stamps have to be supplied. Reads
/// are not filtered, but secrets (`users.password`, `data` of users and sessions, the samples of
/// ANALYZE) are readable by `System` and `Service` only; others join users and sessions by `ON`, not
/// by `USING` or `NATURAL`, and copy them by naming columns, not by `*`, since of those SQLite tells nobody.
/// Definitions, pragmas, ATTACH, TEMP objects and transaction control are refused.
///
/// ```
/// use aclite::{Actor, Store};
/// let store = Store::open(":memory:")?;
/// let count: i64 = store.write(&Actor::user("u-1"), |tx| {
///     tx.sql().query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))
/// })?;
/// assert_eq!(count, 0);
/// let refused = store.write(&Actor::user("u-1"), |tx| tx.sql().execute("PRAGMA foreign_keys = 0", []));
/// assert_eq!(refused.unwrap_err().code(), "invalid");
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Debug)]
pub struct Sql<'t> {
    tx: &'t Tx<'t>,
}

impl Tx<'_> {
    /// SQL of the embedder's own, in this transaction and under its actor.
    #[must_use]
    pub fn sql(&self) -> Sql<'_> {
        Sql::new(self)
    }
}

impl<'t> Sql<'t> {
    pub(super) fn new(tx: &'t Tx<'t>) -> Self {
        Self { tx }
    }

    /// Runs one statement and returns the number of rows that it changed, cascades not counted.
    ///
    /// # Errors
    /// What the guards of the tables that it writes say; `Invalid` where it is not allowed here;
    /// `Storage`.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.run(sql, |statement| {
            let mut rows = 0;
            if statement.column_count() > 0 {
                let mut returned = statement.query(params)?;
                while returned.next()?.is_some() {
                    rows += 1;
                }
                return Ok(rows);
            }
            statement.execute(params)
        })
    }

    /// Runs one statement that returns rows and gives the first to `read`.
    ///
    /// # Errors
    /// As [`Sql::execute`], and `Storage` where it returns no row.
    pub fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.run(sql, |statement| {
            let mut rows = statement.query(params)?;
            let value = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows).and_then(read)?;
            // To its end, where foreign keys are checked.
            while rows.next()?.is_some() {}
            Ok(value)
        })
    }

    /// Runs one statement that returns rows and gives each to `read`.
    ///
    /// # Errors
    /// As [`Sql::execute`].
    pub fn query<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.run(sql, |statement| statement.query_map(params, read)?.collect())
    }

    fn run<T>(&self, sql: &str, work: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let (started, mut entry) = (Instant::now(), None);
        let done = self.judged(sql, work, &mut entry);
        let (operation, resource) = entry.as_ref().map_or(("run", "sql"), |entry| (entry.operation, entry.resource));
        trace(operation, resource, started, done.as_ref().err());
        self.tx.refused(entry);
        done
    }

    /// Runs the statement. A refusal leaves what the audit will say of it in `refused`.
    fn judged<T>(
        &self,
        sql: &str,
        work: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
        refused: &mut Option<Entry>,
    ) -> Result<T> {
        self.tx.ensure_open()?;
        if let Some(name) = spells_ours(sql) {
            return Err(Error::invalid("sql", format!("names `{name}`, which only aclite's own SQL may")));
        }
        let conn = self.tx.conn();
        conn.context.start(Door::Sql);
        let author = if self.tx.actor().is_daemon() { Author::Daemon } else { Author::Embedder };
        if author == Author::Embedder && joins_secrets_by_name(sql) {
            return Err(Error::invalid("sql", "is not allowed here: join `users` and `sessions` by ON"));
        }
        if author == Author::Embedder && copies_whole(sql) {
            let problem = "copies users or sessions by `SELECT *`, which can't be kept from secrets: name the columns";
            return Err(Error::invalid("sql", problem));
        }
        if has_word(sql, "fail") && has_foreign_triggers(&conn.raw)? {
            let problem =
                "says OR FAIL while the file has triggers of others: a failure of theirs would keep half of it";
            return Err(Error::invalid("sql", problem));
        }
        // Never a cached statement: one of ours may have the same text, prepared under other rights.
        let ran = Cell::new(false);
        let done = conn.authored(author, || {
            let mut statement = conn.raw.prepare(sql)?;
            ran.set(true);
            work(&mut statement)
        });
        let done = done.map_err(|error| {
            // What a guard says comes first: it refuses with a code of SQLite's own.
            if let Some((error, entry)) = conn.context.take_refusal() {
                *refused = entry;
                return error;
            }
            let fault = match &error {
                // SQLite found fault before it ran anything, and can't say where.
                rusqlite::Error::SqliteFailure(code, Some(msg)) if !ran.get() && code.extended_code == SQLITE_ERROR => {
                    Some(Error::invalid("sql", format!("is no statement: {msg}")))
                }
                _ => Error::of_text(&error),
            };
            fault.unwrap_or_else(|| {
                let subject = conn.context.take_unjudged().unwrap_or_else(the_file);
                let (error, entry) = conn.failure("a statement of the embedder's", &subject, error);
                *refused = entry;
                error
            })
        });
        // Memory of this statement must not serve a later one.
        conn.context.start(Door::Api);
        self.tx.ensure_open().and(done)
    }
}
