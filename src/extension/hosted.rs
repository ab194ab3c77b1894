//! A connection that a host owns: what a guard checks on it before each write.
//!
//! Where the connection is ours, an authorizer and the text of each statement decide before it
//! runs. On a host's we see nothing but our functions being called, so each call looks around.

use std::any::Any;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use rusqlite::Connection;

use super::looks::{Looks, unread};
use super::{place, running};
use crate::audit::Entry;
use crate::catalog;
use crate::error::Tampered;
use crate::guard::{
    Host, HostGuard, Object, State, check, has_foreign_triggers, lock, quote, spells_ours, temp_problem,
};
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
    /// The TEMP objects that were last found harmless, and the `schema_version` of the main database with which they were.
    harmless: Mutex<Option<(i64, Vec<Object>)>>,
    /// The writing statement whose rows are being judged.
    writer: Mutex<Option<usize>>,
    /// Refusals that wait for the end of the transaction, which would take them along.
    refused: Mutex<Vec<Entry>>,
    is_final: AtomicBool,
    sealed: AtomicBool,
    /// The statements that look at the connection, while a statement of the host's keeps them.
    lent: Mutex<Weak<Looks>>,
}

impl HostConnection {
    pub(crate) fn new(conn: &Connection) -> Self {
        Self {
            host: Host::of(conn),
            sound: Mutex::default(),
            harmless: Mutex::default(),
            writer: Mutex::default(),
            refused: Mutex::default(),
            is_final: AtomicBool::new(false),
            sealed: AtomicBool::new(false),
            lent: Mutex::default(),
        }
    }

    /// Fails with what is missing or altered of the main database's guards.
    ///
    /// INVARIANT: only a committed state is remembered. A `schema_version` that was rolled back is given again.
    fn sound_schema(&self, looks: &Looks) -> Result<(), String> {
        let version = looks.schema_version()?;
        if *lock(&self.sound) == Some(version) {
            return Ok(());
        }
        let conn = running::connection(self.host).map_err(unread)?;
        let found = check(&conn).map_err(|error| error.to_string())?;
        if found != Tampered::default() {
            let items = [&found.missing[..], &found.altered[..]].concat().join(", ");
            return Err(found.remedy().map_or(items.clone(), |remedy| format!("{items}: {remedy}")));
        }
        // A statement that writes and has not ended keeps its transaction open, whatever autocommit says: what it changed
        // of the schema may be undone with it.
        if conn.is_autocommit() && self.count(|statement| statement.writes) <= 1 {
            *lock(&self.sound) = Some(version);
        }
        Ok(())
    }

    /// Fails with the first of the switches that the guards rest on which is off.
    fn switches(&self, looks: &Looks) -> Result<(), String> {
        if !self.host.foreign_keys() {
            return Err("`foreign_keys` is off".to_owned());
        }
        if looks.recursive_triggers()? { Ok(()) } else { Err("`recursive_triggers` is off".to_owned()) }
    }

    /// Fails with what on this connection, outside the main database, could interfere with its guards.
    fn interference(&self, looks: &Looks) -> Result<(), String> {
        for (number, name, file) in looks.databases()? {
            match number {
                0 => {}
                1 => self.temp_interference(looks)?,
                // What a file holds can be written anew by somebody else, while SQLite goes by what it has read.
                _ if !file.is_empty() => return Err(format!("a file is attached as `{name}`")),
                _ => {
                    let conn = running::connection(self.host).map_err(unread)?;
                    imitates(&conn, &name).map_err(unread)?.map_or(Ok(()), Err)?;
                }
            }
        }
        Ok(())
    }

    fn temp_interference(&self, looks: &Looks) -> Result<(), String> {
        let objects = looks.temp_objects()?;
        for Object { kind, name, sql, .. } in &objects {
            if spells_ours(sql).is_some() {
                return Err(format!("the TEMP {kind} `{name}` names a function of aclite's"));
            }
        }
        if !objects.iter().any(|object| object.kind == "trigger") {
            return Ok(());
        }
        let version = looks.schema_version()?;
        if lock(&self.harmless).as_ref().is_some_and(|known| known.0 == version && known.1 == objects) {
            return Ok(());
        }
        let conn = running::connection(self.host).map_err(unread)?;
        if let Some(problem) = temp_problem(&conn, &objects).map_err(|error| error.to_string())? {
            return Err(problem);
        }
        // INVARIANT: as for `sound`, the version is that of a committed schema.
        if *lock(&self.sound) == Some(version) {
            *lock(&self.harmless) = Some((version, objects));
        }
        Ok(())
    }

    /// The statements that look at the connection: those of the statement that runs, or new ones.
    fn looks(&self) -> Result<Arc<Looks>, String> {
        if let Some(looks) = lock(&self.lent).upgrade() {
            return Ok(looks);
        }
        // No lock is held while SQLite prepares: it asks a host's authorizer, which may run statements of its own.
        let looks = Arc::new(Looks::prepare(self.host).map_err(unread)?);
        *lock(&self.lent) = Arc::downgrade(&looks);
        Ok(looks)
    }

    /// Looks at the guards while no transaction is open, so that the statements of one need not.
    pub(crate) fn remember(&self) {
        if let Err(problem) = self.looks().and_then(|looks| self.sound_schema(&looks)) {
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
                // SQLite keeps the text of all that it prepares. What has none is an open BLOB, FTS5's for one: it calls no function.
                None => None,
            };
            forged.is_none()
        });
        forged.map_or(Ok(()), Err)
    }

    /// Fails where a statement that runs could stop halfway.
    fn whole_statements(&self) -> Result<(), String> {
        let mut fails = false;
        running::all_running(self.host, |statement| {
            let says = |text: &CStr| {
                search::holds(text.to_bytes(), "fail") && search::has_word(&text.to_string_lossy(), "fail")
            };
            fails = statement.text.is_some_and(says);
            !fails
        });
        if !fails {
            return Ok(());
        }
        let conn = running::connection(self.host).map_err(unread)?;
        if has_foreign_triggers(&conn).map_err(|error| error.to_string())? {
            let problem =
                "a statement says FAIL while there are triggers of others: a failure of theirs would keep half of it";
            return Err(problem.to_owned());
        }
        Ok(())
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

    /// The file of the main database, or why a connection of ours could not open it too.
    pub(crate) fn file(&self) -> Result<PathBuf, String> {
        place::file(self.host)
    }

    /// Whether nothing can be written on the connection.
    pub(crate) fn is_readonly(&self) -> bool {
        self.connection().and_then(|conn| conn.is_readonly("main")).unwrap_or(false)
    }

    /// Whether the connection keeps all others off its file. One that only reads does not, whatever its mode is called.
    pub(crate) fn locks_others_out(&self) -> bool {
        let mode = self
            .connection()
            .and_then(|conn| conn.pragma_query_value(Some("main"), "locking_mode", |row| row.get::<_, String>(0)));
        mode.is_ok_and(|mode| mode.eq_ignore_ascii_case("exclusive")) && !self.is_readonly()
    }

    /// Why the guards of a sound file can't be compiled here, so that every write to a table fails.
    pub(crate) fn uncompilable(&self) -> Option<String> {
        let conn = self.connection().ok()?;
        catalog::TABLES.iter().find_map(|table| {
            let write = format!("DELETE FROM main.{} WHERE 0", quote(table.name));
            let update = format!("UPDATE main.{0} SET {1} = {1} WHERE 0", quote(table.name), quote(table.key[0]));
            let failed = [write, update].iter().find_map(|sql| conn.prepare(sql).err());
            failed.map(|error| format!("`{}` can't be written: {error}", table.name))
        })
    }

    /// Why no write on this connection would be allowed or kept, whatever the file is like: switches, TEMP objects, attached
    /// databases, a statement that waits for its lock.
    pub(crate) fn problem(&self) -> Option<String> {
        let looked = self.looks().and_then(|looks| {
            self.switches(&looks)?;
            self.interference(&looks)?;
            self.commits()
        });
        looked.err()
    }

    /// Fails where a statement keeps SQLite from committing what others write.
    ///
    /// Outside of a transaction SQLite commits when the last statement that writes ends. Once another has the lock for writing,
    /// one that was told SQLITE_BUSY can't be told from a cursor of RETURNING; neither lets anything be committed.
    fn commits(&self) -> Result<(), String> {
        if running::all_running(self.host, |statement| !statement.locks) {
            return Ok(());
        }
        let conn = running::connection(self.host).map_err(unread)?;
        let problem = match (self.holds_write_lock(), conn.is_autocommit()) {
            (false, _) => "a statement was told SQLITE_BUSY and not reset: SQLite commits nothing until it is",
            (true, true) => {
                "a statement that writes has not ended, or was told SQLITE_BUSY and not reset: SQLite commits nothing until it is"
            }
            // COMMIT fails then, and says so.
            (true, false) => return Ok(()),
        };
        Err(problem.to_owned())
    }

    /// Whether a statement that writes has begun to run, and is not over.
    ///
    /// One that was told SQLITE_BUSY and not reset since, as libsql leaves it, counts as running. It has evaluated nothing yet:
    /// before anything else a statement takes the locks of all that it writes. So where no lock for writing is held, none writes.
    pub(crate) fn writes(&self) -> bool {
        !running::all_running(self.host, |statement| !statement.writes) && self.holds_write_lock()
    }

    /// Whether a transaction that writes is open, be it one that a statement keeps open outside of any that the host began.
    pub(crate) fn holds_write_lock(&self) -> bool {
        running::may_write(self.host)
    }

    /// Whether a statement that may write runs, and has `name` in its text. `VACUUM INTO name()` evaluates it without any lock.
    pub(crate) fn writes_by(&self, name: &str) -> bool {
        !running::all_running(self.host, |statement| {
            !(statement.writes && statement.text.is_none_or(|text| search::holds(text.to_bytes(), name)))
        })
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

    /// How many statements run now.
    pub(crate) fn running(&self) -> usize {
        self.count(|_| true)
    }

    fn count(&self, which: impl Fn(&running::Running<'_>) -> bool) -> usize {
        let mut count = 0;
        running::all_running(self.host, |statement| {
            count += usize::from(which(&statement));
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
    fn verify_connection(&self) -> Result<Arc<dyn Any + Send + Sync>, String> {
        self.unforged()?;
        let looks = self.looks()?;
        self.interference(&looks)?;
        self.switches(&looks)?;
        self.sound_schema(&looks)?;
        self.whole_statements()?;
        Ok(looks)
    }

    fn check_interference(&self) -> Result<(), String> {
        self.unforged()?;
        self.interference(&*self.looks()?)
    }

    fn spells(&self, word: &str) -> bool {
        self.is_named(word)
    }

    /// Forgets what the last writing statement left where another one runs now: a row that OR IGNORE
    /// passed over leaves its write open. That does no harm: an open write serves the end of the same write and its cascade alone.
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

/// What in an attached database could interfere with the guards of the main one.
fn imitates(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut objects = conn.prepare(&format!("SELECT sql FROM {}.sqlite_master", quote(name)))?;
    let mut objects = objects.query([])?;
    while let Some(row) = objects.next()? {
        let sql: Option<String> = row.get(0)?;
        if sql.as_deref().and_then(spells_ours).is_some() {
            return Ok(Some(format!("the attached database `{name}` has guards of its own, or imitates them")));
        }
    }
    Ok(None)
}
