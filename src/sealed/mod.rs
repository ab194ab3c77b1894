//! Sealed reading: a connection fit to be handed to SQL that nobody trusts, an agent's for instance.
//!
//! The connection has no file. Its tables are virtual ones, whose rows a private reader gives: a connection of our
//! own, which filters every row by the verdict. An authorizer is the second wall, bounds of time and size the third.
//! `docs/adr/0013-sealed-reading.md` says why.

mod allowed;
mod bounded_functions;
mod bounds;
mod clock;
mod expansion;
mod memo;
mod plan;
mod reader;
mod tables;
mod vtab;
mod watchdog;

use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row};

use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::store::Store;
use clock::{Clock, Stop};
use vtab::{Cause, Shared};
use watchdog::Watchdog;

pub(crate) use bounds::{Bounds, close};
pub(crate) use reader::Reader;

/// How many bytes all values of an answer may have together.
const ANSWER: usize = 64 << 20;

/// A connection whose SQL reads what one actor may view, and can do nothing else: [`Store::sealed`].
///
/// Its tables are `worktrees`, `sessions`, `tasks`, `messages`, `users`, `repos`, `boards`, `groups`,
/// `group_memberships`, `worktree_owners` and `worktree_group_grants`, with the columns that aclite knows. Each shows
/// the rows that the lists of the API would. `users` has no `password`; in `data` a session has no `mcp_token`, and of
/// a user's `api_keys` and `env_vars` it shows which are set. There is no other table, and no rowid.
///
/// Statements only read. Definitions, pragmas, ATTACH, transactions, and functions that do more than compute are
/// refused. A statement sees one snapshot; what changes who may do what is seen by the next one. It ends with an error
/// after five seconds ([`Sealed::set_time_limit`]), where it makes or reads a value of over 2 MiB (17 MiB where one of that size
/// is stored; what is stored may be larger, and is read by the repositories), takes over 256 MiB of memory, or answers with over 64 MiB.
///
/// ```
/// use aclite::{Actor, NewRepo, NewUser, NewWorktree, Sharing, Store};
/// # let dir = tempfile::tempdir().unwrap();
/// let store = Store::open(dir.path().join("agor.db"))?;
/// store.write(&Actor::system("first start"), |tx| {
///     for user in ["ada", "bo"] {
///         tx.users().create(NewUser::new(format!("{user}@example.com")).password("hash").id(user))?;
///     }
///     tx.repos().create(NewRepo::new("acme/app").id("r"))?;
///     tx.worktrees().create(NewWorktree::new("r").name("fix").git_ref("main").id("w").created_by("ada").others_can(Sharing::None))
/// })?;
/// let names = |user: &str| {
///     store.sealed(&Actor::user(user))?.query("SELECT name FROM worktrees", [], |row| row.get::<_, String>(0))
/// };
/// assert_eq!(names("ada")?, ["fix"]);
/// assert!(names("bo")?.is_empty());
/// let sealed = store.sealed(&Actor::user("bo"))?;
/// for sql in ["DELETE FROM worktrees", "SELECT * FROM main.worktrees", "SELECT password FROM users"] {
///     assert_eq!(sealed.query(sql, [], |_| Ok(())).unwrap_err().code(), "invalid");
/// }
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Debug)]
pub struct Sealed {
    conn: Connection,
    seal: Seal,
}

impl Store {
    /// A connection of its own that reads for `actor`, fit to be handed to SQL that nobody trusts.
    ///
    /// For everybody who is signed in: a stranger finds its tables empty. It stays theirs until it is dropped; any
    /// thread may use it, one at a time. Making one opens the file anew and checks its guards, so keep it.
    ///
    /// # Errors
    /// `NotAuthenticated`; `Invalid` where the store is in memory; `Tampered`, `Incompatible`, `Busy`, `Storage`.
    pub fn sealed(&self, actor: &Actor) -> Result<Sealed> {
        let reader = Reader::open(self.path(), actor, self.busy_timeout())?;
        let failed = |error| Error::of_file("opening a sealed connection", error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_in_memory_with_flags(flags).map_err(failed)?;
        let seal = seal(&conn, reader, Bounds::default())?;
        Ok(Sealed { conn, seal })
    }
}

impl Sealed {
    /// Runs one statement and gives each row of its answer to `read`.
    ///
    /// # Errors
    /// `Invalid` where the statement is none, is not allowed or takes too much; what `read` returns, as `Storage`;
    /// `Busy`, `Storage` where the file can't be read.
    pub fn query<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Runs one statement and gives the first row of its answer, if it has one, to `read`.
    ///
    /// # Errors
    /// As [`Sealed::query`].
    pub fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.each(sql, params, |row| {
            found = read.take().map(|read| read(row)).transpose()?;
            Ok(false)
        })?;
        Ok(found)
    }

    /// The names of the columns of a statement's answer, without running it.
    ///
    /// # Errors
    /// As [`Sealed::query`].
    pub fn columns(&self, sql: &str) -> Result<Vec<String>> {
        Self::weigh(sql)?;
        let statement = self.conn.prepare(sql).map_err(|error| self.seal.failure(error))?;
        Ok(statement.column_names().into_iter().map(str::to_owned).collect())
    }

    /// How long a statement may run from now on. Default: five seconds.
    pub fn set_time_limit(&self, limit: Duration) {
        self.seal.clock.set_limit(limit);
    }

    /// Refuses what SQLite could not prepare in bounded time and memory.
    fn weigh(sql: &str) -> Result<()> {
        match expansion::problem(sql) {
            None => Ok(()),
            Some(problem) => Err(Error::invalid("sql", problem)),
        }
    }

    /// Gives each row to `read` until that has seen enough. The statement has ended when this returns.
    fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<()> {
        let failed = |error| self.seal.failure(error);
        Self::weigh(sql)?;
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        // Of what SQLite does without asking the authorizer, nothing has an answer but EXPLAIN, which shows addresses.
        if columns == 0 || statement.is_explain() == 1 {
            return Err(Error::invalid("sql", "is not allowed here"));
        }
        let mut rows = statement.query(params).map_err(failed)?;
        let mut size = 0_usize;
        while let Some(row) = rows.next().map_err(failed)? {
            for column in 0..columns {
                size += match row.get_ref(column).map_err(failed)? {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() + 8,
                    _ => 8,
                };
            }
            if size > ANSWER {
                return Err(Error::invalid("sql", format!("answers with more than {} MiB", ANSWER >> 20)));
            }
            if !read(row).map_err(failed)? {
                break;
            }
        }
        Ok(())
    }
}

/// What its owner keeps of a seal: why a statement was stopped, and what made the reader fail.
#[derive(Debug)]
pub(crate) struct Seal {
    clock: Arc<Clock>,
    cause: Cause,
}

impl Seal {
    /// What a failed statement means.
    fn failure(&self, error: rusqlite::Error) -> Error {
        if let Some(cause) = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return cause;
        }
        if let Some(fault) = Error::of_text(&error) {
            return fault;
        }
        let rusqlite::Error::SqliteFailure(code, message) = &error else {
            return Error::storage("a sealed statement", error);
        };
        let problem = match code.code {
            ErrorCode::OperationInterrupted => match self.clock.stopped() {
                Some(Stop::Memory) => "takes too much memory".to_owned(),
                _ => format!("takes longer than {:?}", self.clock.limit()),
            },
            // Our own words are about a stored value.
            ErrorCode::TooBig => match message.as_deref().and_then(|text| text.strip_prefix("aclite: invalid: ")) {
                Some(told) => format!("can't be run: {told}"),
                None => "makes too large a value".to_owned(),
            },
            ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::ApiMisuse | ErrorCode::TypeMismatch => {
                format!("failed: {}", message.as_deref().unwrap_or("no reason is known"))
            }
            _ => return Error::storage("a sealed statement", error),
        };
        Error::invalid("sql", problem)
    }
}

/// Seals `conn`: from now on its SQL reads what `reader` gives, and nothing in SQL undoes that.
///
/// INVARIANT: its main database is empty and in memory, and it has no TEMP objects; otherwise it is refused. Where this fails
/// the connection can do nothing any more.
///
/// # Errors
/// `Invalid` where the connection is not empty; `Storage`.
pub(crate) fn seal(conn: &Connection, reader: Reader, bounds: Bounds) -> Result<Seal> {
    let sealed = try_seal(conn, reader, bounds);
    if sealed.is_err() {
        // Half a seal is none: then nothing is left to read at all.
        close(conn)?;
    }
    sealed
}

fn try_seal(conn: &Connection, reader: Reader, bounds: Bounds) -> Result<Seal> {
    let failed = |error| Error::of_file("sealing a connection", error);
    let databases: String = conn
        .query_row("SELECT group_concat(name) FROM pragma_database_list WHERE name <> 'temp'", [], |row| row.get(0))
        .map_err(failed)?;
    let objects: i64 = conn
        .query_row(
            "SELECT (SELECT count(*) FROM sqlite_schema) + (SELECT count(*) FROM sqlite_temp_schema)",
            [],
            |row| row.get(0),
        )
        .map_err(failed)?;
    if databases != "main" || objects != 0 {
        return Err(Error::invalid("connection", "is not empty"));
    }
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        conn.set_db_config(setting, on).map_err(failed)?;
    }
    // What a sort or a common table expression does not hold in a little memory goes to a file.
    conn.pragma_update(None, "temp_store", "FILE").map_err(failed)?;
    conn.pragma_update(None, "cache_size", -2000).map_err(failed)?;
    let clock = Arc::new(Clock::new(bounds.time, bounds.memory));
    let watch = Arc::clone(&clock);
    reader
        .raw()
        .progress_handler(bounds::STEPS, Some(move || watch.is_over(true, bounds::memory())))
        .map_err(failed)?;
    let watchdog = bounds.watched.then(|| Watchdog::new(conn, reader.raw(), Arc::clone(&clock))).transpose()?;
    let shared = Rc::new(Shared::new(conn, reader, Arc::clone(&clock), watchdog, bounds.stored));
    let cause = Arc::clone(&shared.cause);
    vtab::create(conn, shared)?;
    let bounded_functions =
        bounded_functions::register(conn, usize::try_from(bounds.stored).unwrap_or_default()).map_err(failed)?;
    bounds::drop_modules(conn, vtab::MODULE)?;
    // SQLite declares a table of its own at its first use; an older one asks the authorizer then.
    conn.prepare("SELECT 1 FROM json_each('[]'), json_tree('[]')").map_err(failed)?;
    bounds::limit(conn, &bounds)?;
    bounds::hook(conn, &clock, &bounds, bounded_functions)?;
    Ok(Seal { clock, cause })
}

#[cfg(test)]
mod tests;
