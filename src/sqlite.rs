//! Prepared statements without a lifetime: those that a connection keeps for as long as it is open, and the one that runs
//! inside another statement.
//!
//! rusqlite ties a statement to a borrow of its connection, and its cache looks each text up again.
#![expect(unsafe_code, reason = "a statement that lives as long as its connection has no lifetime that Rust can name")]

pub(crate) mod function;

use std::cell::OnceCell;
use std::ffi::{CStr, CString, c_int};
use std::ops::Deref;
use std::ptr;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result, ffi};

/// A prepared statement. Whoever keeps one lets it go before the connection closes.
#[derive(Debug)]
pub(crate) struct Prepared(*mut ffi::sqlite3_stmt);

// SAFETY: SQLite serialises whatever runs on a connection, and a statement is used by whoever owns the connection, or
// inside calls of the connection's own functions.
unsafe impl Send for Prepared {}
// SAFETY: as above: no two threads use it at once.
unsafe impl Sync for Prepared {}

impl Prepared {
    /// Prepares `sql` on `db`, for one statement or for as long as the connection lives (`persistent`).
    ///
    /// # Safety
    /// `db` is an open connection, which this thread uses alone and which stays open for as long as the result lives.
    pub(crate) unsafe fn new(db: *mut ffi::sqlite3, sql: &str, persistent: bool) -> Result<Self> {
        let sql = CString::new(sql)?;
        let flags = if persistent { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
        let mut statement = ptr::null_mut();
        // SAFETY: the connection is open, by this function's contract; the text ends with a NUL and outlives the call.
        let code = unsafe { ffi::sqlite3_prepare_v3(db, sql.as_ptr(), -1, flags, &raw mut statement, ptr::null_mut()) };
        // SAFETY: as above.
        unsafe { check(db, code)? };
        Ok(Self(statement))
    }

    /// Runs the statement to its end with these values bound, and calls `look` with each of its rows. Returns how many
    /// rows it changed itself; nothing where it was running already, and was left alone.
    pub(crate) fn run(&self, values: &[ValueRef<'_>], look: impl FnMut(&Columns<'_>)) -> Result<Option<i32>> {
        let statement = self.0;
        // SAFETY: the statement is not finalised while `self` lives. One that runs can't be bound or reset: it would be
        // one that a callback of the host's came back to.
        if unsafe { ffi::sqlite3_stmt_busy(statement) } != 0 {
            return Ok(None);
        }
        let bound = values.iter().zip(1..).try_for_each(|(value, place)| self.bind(place, *value));
        let done = bound.and_then(|()| self.step_to_end(look));
        // SAFETY: the statement is not finalised while `self` lives. What is bound belongs to the caller, so the bindings
        // go before this returns.
        unsafe {
            ffi::sqlite3_reset(statement);
            if !values.is_empty() {
                ffi::sqlite3_clear_bindings(statement);
            }
        }
        done.map(Some)
    }

    fn step_to_end(&self, mut look: impl FnMut(&Columns<'_>)) -> Result<i32> {
        // SAFETY: the statement is not finalised while `self` lives, and its connection is open; what is bound lives
        // until `run` returns. Under `PRAGMA count_changes` an INSERT returns a row before it is done.
        unsafe {
            let db = ffi::sqlite3_db_handle(self.0);
            loop {
                match ffi::sqlite3_step(self.0) {
                    ffi::SQLITE_ROW => look(&Columns(self)),
                    ffi::SQLITE_DONE => return Ok(ffi::sqlite3_changes(db)),
                    _ => return Err(failure(db)),
                }
            }
        }
    }

    fn bind(&self, place: c_int, value: ValueRef<'_>) -> Result<()> {
        // SAFETY: the statement is not finalised while `self` lives, and does not run now. A text or blob that is bound without
        // being copied stays where it is until `run` has cleared the bindings.
        unsafe {
            let code = match value {
                ValueRef::Integer(number) => ffi::sqlite3_bind_int64(self.0, place, number),
                ValueRef::Text(text) => {
                    let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
                    ffi::sqlite3_bind_text(self.0, place, text.as_ptr().cast(), length, ffi::SQLITE_STATIC())
                }
                ValueRef::Blob(bytes) => {
                    let length = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
                    ffi::sqlite3_bind_blob(self.0, place, bytes.as_ptr().cast(), length, ffi::SQLITE_STATIC())
                }
                ValueRef::Real(number) => ffi::sqlite3_bind_double(self.0, place, number),
                ValueRef::Null => ffi::sqlite3_bind_null(self.0, place),
            };
            check(ffi::sqlite3_db_handle(self.0), code)
        }
    }
}

/// The row at which a statement is.
pub(crate) struct Columns<'s>(&'s Prepared);

impl Columns<'_> {
    pub(crate) fn integer(&self, column: c_int) -> i64 {
        // SAFETY: the statement is at a row; a column that is not there is NULL, which is 0.
        unsafe { ffi::sqlite3_column_int64(self.0.0, column) }
    }

    /// The text of a column; empty where it is NULL. What is not UTF-8 is replaced.
    pub(crate) fn text(&self, column: c_int) -> std::borrow::Cow<'_, str> {
        // SAFETY: the statement is at a row, and stays there while this is borrowed. The text is as long as SQLite says.
        let bytes = unsafe {
            let text = ffi::sqlite3_column_text(self.0.0, column);
            let length = usize::try_from(ffi::sqlite3_column_bytes(self.0.0, column)).unwrap_or_default();
            if text.is_null() { &[][..] } else { std::slice::from_raw_parts(text, length) }
        };
        String::from_utf8_lossy(bytes)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: the statement was made by `new` and is finalised here alone; its connection is still open.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

/// A connection with the statements that each of its transactions runs.
#[derive(Debug)]
pub(crate) struct KeptConnection {
    /// INVARIANT: stands before the connection, so that it is dropped first.
    kept: OnceCell<KeptStatements>,
    conn: Connection,
}

/// Statements that are prepared once, when they are first needed.
#[derive(Debug)]
pub(crate) struct KeptStatements {
    pub(crate) begin: Prepared,
    pub(crate) begin_immediate: Prepared,
    pub(crate) commit: Prepared,
    pub(crate) schema_version: Prepared,
}

impl KeptConnection {
    pub(crate) fn new(conn: Connection) -> Self {
        Self { kept: OnceCell::new(), conn }
    }

    /// Runs one of the kept statements.
    pub(crate) fn run_kept(&self, which: impl FnOnce(&KeptStatements) -> &Prepared) -> Result<()> {
        self.ask_kept(which).map(drop)
    }

    /// Runs one of the kept statements, and returns the integer that it answers.
    pub(crate) fn ask_kept(&self, which: impl FnOnce(&KeptStatements) -> &Prepared) -> Result<Option<i64>> {
        let mut answer = None;
        match which(self.kept()?).run(&[], |row| answer = answer.or(Some(row.integer(0))))? {
            Some(_) => Ok(answer),
            None => Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_MISUSE), None)),
        }
    }

    fn kept(&self) -> Result<&KeptStatements> {
        if let Some(kept) = self.kept.get() {
            return Ok(kept);
        }
        // SAFETY: the connection is open while it is borrowed. What is kept is dropped before it, by the order of the fields.
        let prepare = |sql| unsafe { Prepared::new(self.conn.handle(), sql, true) };
        let kept = KeptStatements {
            begin: prepare("BEGIN")?,
            begin_immediate: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            schema_version: prepare("PRAGMA main.schema_version")?,
        };
        Ok(self.kept.get_or_init(|| kept))
    }
}

impl Deref for KeptConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

/// Fails where a call on `db` did.
///
/// # Safety
/// `db` is an open connection, whose last call returned `code`.
unsafe fn check(db: *mut ffi::sqlite3, code: c_int) -> Result<()> {
    // SAFETY: by this function's contract.
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(unsafe { failure(db) }) }
}

/// The error of the connection's last call, with its message.
///
/// # Safety
/// `db` is an open connection, whose last call failed.
unsafe fn failure(db: *mut ffi::sqlite3) -> Error {
    // SAFETY: the message is a text that ends with a NUL, and is copied before the next call.
    let (message, code) = unsafe { (CStr::from_ptr(ffi::sqlite3_errmsg(db)), ffi::sqlite3_extended_errcode(db)) };
    Error::SqliteFailure(ffi::Error::new(code), Some(message.to_string_lossy().into_owned()))
}
