//! A connection that a host owns: what a guard checks on it before each write.
//!
//! Where the connection is ours, an authorizer and the text of each statement decide before it
//! runs. On a host's we see nothing but our functions being called, so each call looks around.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::running;
use crate::audit::Entry;
use crate::catalog;
use crate::error::Tampered;
use crate::guard::{Host, HostGuard, State, check, extra_tables, quote, spells_ours};
use crate::sql_text::search;

/// How many writes can be under way at once: SQLite nests triggers no deeper than 1000.
const NESTED: usize = 2000;

/// How many refusals wait at most.
const KEPT: usize = 10_000;

/// What aclite keeps about a host's connection.
#[derive(Debug)]
pub(crate) struct HostConnection {
    host: Host,
    /// The `schema_version` of the main database when its guards were last found sound.
    sound: Mutex<Option<i64>>,
    /// The writing statement whose rows are being judged.
    writer: Mutex<Option<usize>>,
    /// Refusals that wait for the end of the transaction, which would take them along.
    refused: Mutex<Vec<Entry>>,
    is_final: AtomicBool,
    sealed: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HostConnection {
    pub(crate) fn new(conn: &Connection) -> Self {
        Self {
            host: Host::of(conn),
            sound: Mutex::default(),
            writer: Mutex::default(),
            refused: Mutex::default(),
            is_final: AtomicBool::new(false),
            sealed: AtomicBool::new(false),
        }
    }

    /// Fails with what is missing or altered of the main database's guards.
    ///
    /// INVARIANT: only a committed state is remembered. A `schema_version` that was rolled back is given again.
    fn sound_schema(&self, conn: &Connection) -> Result<(), String> {
        let version = pragma(conn, "main.schema_version").map_err(unread)?;
        if *lock(&self.sound) == Some(version) {
            return Ok(());
        }
        let found = check(conn).map_err(|error| error.to_string())?;
        if found != Tampered::default() {
            return Err([&found.missing[..], &found.altered[..]].concat().join(", "));
        }
        // A statement that writes and has not ended keeps its transaction open, whatever autocommit says: what it changed
        // of the schema may be undone with it.
        if conn.is_autocommit() && self.writers() <= 1 {
            *lock(&self.sound) = Some(version);
        }
        Ok(())
    }

    /// Looks at the guards while no transaction is open, so that the statements of one need not.
    pub(crate) fn remember(&self) {
        if let Ok(conn) = running::connection(self.host)
            && let Err(problem) = self.sound_schema(&conn)
        {
            tracing::warn!(problem, "guards are not as they should be");
        }
    }

    /// Fails where a statement that runs names a function that only our triggers may call.
    fn unforged(&self) -> Result<(), String> {
        let mut forged = None;
        running::all_running(self.host, |statement| {
            forged = match statement.text.map(|text| text.to_str()) {
                Some(Ok(text)) => spells_ours(text).map(|name| format!("a statement spells `{name}`")),
                Some(Err(_)) => Some("the text of a statement is not UTF-8".to_owned()),
                None => Some("a statement was prepared without its text: use sqlite3_prepare_v2".to_owned()),
            };
            forged.is_none()
        });
        forged.map_or(Ok(()), Err)
    }

    /// Whether a statement that runs has `name` in its text.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        !running::all_running(self.host, |statement| {
            !statement.text.is_some_and(|text| search::holds(text.to_bytes(), name))
        })
    }

    /// The connection, for SQL of ours.
    pub(crate) fn connection(&self) -> rusqlite::Result<Connection> {
        running::connection(self.host)
    }

    /// The file of the main database, where a connection of ours can open it too.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        running::file(self.host)
    }

    /// Why the guards would refuse every write, whatever the file is like: switches, TEMP objects, attached databases.
    pub(crate) fn problem(&self) -> rusqlite::Result<Option<String>> {
        let conn = running::connection(self.host)?;
        Ok(match switches(&self.host, &conn)? {
            None => interference(&conn)?,
            problem => problem,
        })
    }

    /// Whether a statement that may write runs now.
    pub(crate) fn writes(&self) -> bool {
        !running::all_running(self.host, |statement| !statement.writes)
    }

    /// Whether all that runs is a statement of this text, whatever its spaces and the case of its letters.
    pub(crate) fn is_just(&self, text: &str) -> bool {
        running::all_running(self.host, |statement| {
            statement.text.is_some_and(|sql| search::is_just(sql.to_bytes(), text))
        })
    }

    /// Whether the connection reads or writes any of its databases now.
    pub(crate) fn reads(&self) -> bool {
        running::reads(self.host)
    }

    /// How many statements that may write run now.
    fn writers(&self) -> usize {
        let mut count = 0;
        running::all_running(self.host, |statement| {
            count += usize::from(statement.writes);
            true
        });
        count
    }

    /// How many statements run now.
    pub(crate) fn running(&self) -> usize {
        let mut count = 0;
        running::all_running(self.host, |_| {
            count += 1;
            true
        });
        count
    }

    /// Takes the refusals that wait.
    pub(crate) fn take_refused(&self) -> Vec<Entry> {
        std::mem::take(&mut lock(&self.refused))
    }

    /// Puts back refusals that could not be written, before those that came since.
    pub(crate) fn put_back(&self, mut entries: Vec<Entry>) {
        let mut refused = lock(&self.refused);
        entries.append(&mut refused);
        *refused = entries;
    }

    /// Whether the identity can change no more.
    pub(crate) fn is_final(&self) -> bool {
        self.is_final.load(Ordering::Relaxed)
    }

    pub(crate) fn set_final(&self) {
        self.is_final.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_sealed(&self) {
        self.sealed.store(true, Ordering::Relaxed);
    }
}

impl HostGuard for HostConnection {
    /// Fails with the reason why the guards refuse every write on this connection as it is now.
    ///
    /// INVARIANT: what one call finds holds for one row only. Nothing that SQL can't undo tells one
    /// execution of a statement from the next, so nothing is remembered but that the schema of the file was sound.
    fn verify_connection(&self) -> Result<(), String> {
        self.check_interference()?;
        let conn = running::connection(self.host).map_err(|error| error.to_string())?;
        switches(&self.host, &conn).map_err(unread)?.map_or(Ok(()), Err)?;
        self.sound_schema(&conn)
    }

    /// Fails where a statement that runs, a TEMP object or an attached file could call what only our triggers may.
    fn check_interference(&self) -> Result<(), String> {
        self.unforged()?;
        let conn = running::connection(self.host).map_err(|error| error.to_string())?;
        interference(&conn).map_err(unread)?.map_or(Ok(()), Err)
    }

    /// Forgets what the last writing statement left where another one runs now: a row that OR IGNORE
    /// passed over leaves its account open. That does no harm, since nothing rests on an open account
    /// but the end of the same write and its cascade; it only takes room.
    fn forget_previous_statement(&self, state: &mut State) {
        let mut last = lock(&self.writer);
        let (mut first, mut same) = (None, false);
        running::all_running(self.host, |statement| {
            if statement.writes {
                first.get_or_insert(statement.address);
                same |= Some(statement.address) == *last;
            }
            !same
        });
        if !same {
            state.forget_statement();
            *last = first;
        }
        state.keep_writes(NESTED);
    }

    /// Keeps a refusal for the audit.
    fn keep(&self, entry: Entry) {
        let mut refused = lock(&self.refused);
        if refused.len() < KEPT {
            refused.push(entry);
        } else {
            tracing::error!("too many refusals wait for the audit: one is lost");
        }
    }
}

fn unread(error: rusqlite::Error) -> String {
    format!("the connection can't be looked at: {error}")
}

/// The first of the switches that the guards rest on which is off.
fn switches(host: &Host, conn: &Connection) -> rusqlite::Result<Option<String>> {
    if !host.foreign_keys() {
        return Ok(Some("`foreign_keys` is off".to_owned()));
    }
    Ok((pragma(conn, "recursive_triggers")? != 1).then(|| "`recursive_triggers` is off".to_owned()))
}

/// What on this connection, outside the main database, could interfere with its guards.
fn interference(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut databases = conn.prepare("PRAGMA database_list")?;
    let mut databases = databases.query([])?;
    while let Some(row) = databases.next()? {
        let (number, name, file): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // What a file holds can be written anew by somebody else, while SQLite goes by what it has read.
        if number > 1 && !file.is_empty() {
            return Ok(Some(format!("a file is attached as `{name}`")));
        }
        if number != 0
            && let Some(found) = in_the_way(conn, number, &name)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    conn.prepare(&format!("PRAGMA {name}"))?.query_row([], |row| row.get(0))
}

/// What in the database `name` could interfere with the guards of the main one: number 1 is that of TEMP objects.
fn in_the_way(conn: &Connection, number: i64, name: &str) -> rusqlite::Result<Option<String>> {
    let temp = number == 1;
    let schema = if temp { "temp.sqlite_master".to_owned() } else { format!("{}.sqlite_master", quote(name)) };
    let mut objects = conn.prepare(&format!("SELECT type, name, tbl_name, sql FROM {schema}"))?;
    let mut objects = objects.query([])?;
    while let Some(row) = objects.next()? {
        let (kind, object, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if temp && kind == "trigger" && is_guarded(conn, &table)? {
            return Ok(Some(format!("the TEMP trigger `{object}` sits on `{table}`")));
        }
        let sql: Option<String> = row.get(3)?;
        if sql.as_deref().and_then(spells_ours).is_some() {
            return Ok(Some(if temp {
                format!("the TEMP {kind} `{object}` names a function of aclite's")
            } else {
                format!("the attached database `{name}` has guards of its own, or imitates them")
            }));
        }
    }
    Ok(None)
}

fn is_guarded(conn: &Connection, table: &str) -> rusqlite::Result<bool> {
    if catalog::is_guarded(table) {
        return Ok(true);
    }
    let unread = |error| rusqlite::Error::UserFunctionError(Box::new(error));
    Ok(extra_tables(conn).map_err(unread)?.iter().any(|guarded| table.eq_ignore_ascii_case(&guarded.name)))
}
