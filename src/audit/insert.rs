//! The one statement that writes an audit row.
//!
//! The AFTER functions of the guards run it inside the statement that is audited, which no safe interface offers.
#![expect(unsafe_code, reason = "a statement that SQLite itself keeps alive has no lifetime that Rust can name")]

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Error, Result, ffi};

use super::{COLUMNS, Entry};

/// The prepared statement. Whoever keeps one lets it go before the connection closes.
#[derive(Debug)]
pub(crate) struct Insert(*mut ffi::sqlite3_stmt);

// SAFETY: SQLite serialises whatever runs on a connection, and the statement is used inside calls of the connection's
// own functions alone, or by whoever owns the connection.
unsafe impl Send for Insert {}
// SAFETY: as above: no two threads use it at once.
unsafe impl Sync for Insert {}

impl Insert {
    /// Prepares it on `db`, for one statement or for as long as the connection lives (`persistent`).
    ///
    /// # Safety
    /// `db` is an open connection, which this thread uses alone and which stays open for as long as the result lives.
    pub(crate) unsafe fn prepare(db: *mut ffi::sqlite3, persistent: bool) -> Result<Self> {
        let values: Vec<String> = (1..=COLUMNS.len()).map(|number| format!("?{number}")).collect();
        let sql = CString::new(format!(
            "INSERT INTO main.acl_audit ({}, epoch) VALUES ({}, (SELECT epoch FROM main.acl_epoch))",
            COLUMNS.join(", "),
            values.join(", ")
        ))?;
        let flags = if persistent { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
        let mut statement = ptr::null_mut();
        // SAFETY: the connection is open, by this function's contract; the text ends with a NUL and outlives the call.
        let code = unsafe { ffi::sqlite3_prepare_v3(db, sql.as_ptr(), -1, flags, &raw mut statement, ptr::null_mut()) };
        // SAFETY: as above.
        unsafe { check(db, code)? };
        Ok(Self(statement))
    }

    /// Writes `entry`, and returns whether exactly one row is there for it.
    ///
    /// A statement that runs already is left alone: it would be one that a callback of the host's came back to.
    pub(crate) fn run(&self, entry: &Entry) -> Result<bool> {
        let statement = self.0;
        // SAFETY: the connection outlives this statement, by the contract of `prepare`.
        let db = unsafe { ffi::sqlite3_db_handle(statement) };
        // SAFETY: the statement is not finalised while `self` lives.
        if unsafe { ffi::sqlite3_stmt_busy(statement) } != 0 {
            return Ok(false);
        }
        let bound = entry.values().into_iter().zip(1..).try_for_each(|(value, place)| self.bind(place, value));
        let done = bound.and_then(|()| {
            // Under `PRAGMA count_changes` an INSERT returns a row before it is done.
            loop {
                // SAFETY: as above; what is bound lives until this function returns.
                match unsafe { ffi::sqlite3_step(statement) } {
                    ffi::SQLITE_ROW => {}
                    // SAFETY: the connection is open.
                    ffi::SQLITE_DONE => return Ok(unsafe { ffi::sqlite3_changes(db) } == 1),
                    // SAFETY: the connection is open, and the call that failed was its last.
                    code => return unsafe { check(db, code) }.map(|()| false),
                }
            }
        });
        // SAFETY: the statement is not finalised while `self` lives. Its bindings point into `entry`: they go with it.
        unsafe {
            ffi::sqlite3_reset(statement);
            ffi::sqlite3_clear_bindings(statement);
        }
        done
    }

    fn bind(&self, place: c_int, value: ValueRef<'_>) -> Result<()> {
        // SAFETY: the statement is not finalised while `self` lives, and does not run now. A text that is bound without
        // being copied stays where it is until `run` has cleared the bindings.
        let code = unsafe {
            match value {
                ValueRef::Integer(number) => ffi::sqlite3_bind_int64(self.0, place, number),
                ValueRef::Text(text) => {
                    let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
                    ffi::sqlite3_bind_text(self.0, place, text.as_ptr().cast(), length, ffi::SQLITE_STATIC())
                }
                _ => ffi::sqlite3_bind_null(self.0, place),
            }
        };
        // SAFETY: the connection outlives this statement.
        unsafe { check(ffi::sqlite3_db_handle(self.0), code) }
    }

    /// Itself as a value for a function to return. SQLite keeps it until the register that holds the value is used
    /// again, and lets it go at the latest where the statement that called the function ends.
    pub(crate) fn into_value(self: Arc<Self>) -> ToSqlOutput<'static> {
        unsafe extern "C" fn release(insert: *mut c_void) {
            // SAFETY: SQLite calls this once, with the pointer that `into_raw` gave it.
            drop(unsafe { Arc::from_raw(insert.cast_const().cast::<Insert>()) });
        }
        ToSqlOutput::Pointer((Arc::into_raw(self).cast(), c"aclite audit insert", Some(release)))
    }
}

impl Drop for Insert {
    fn drop(&mut self) {
        // SAFETY: the statement was prepared by `prepare` and is finalised here alone; the connection is still open.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

/// The error that a result code stands for, with the connection's message.
///
/// # Safety
/// `db` is an open connection, whose last call returned `code`.
unsafe fn check(db: *mut ffi::sqlite3, code: c_int) -> Result<()> {
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    // SAFETY: the message is a text that ends with a NUL, and is copied before the next call.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(db)) }.to_string_lossy().into_owned();
    Err(Error::SqliteFailure(ffi::Error::new(code), Some(message)))
}
